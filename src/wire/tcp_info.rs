//! What the kernel measures of a TCP connection (Linux's `struct tcp_info`), asked by netlink.
//!
//! nginx asks the socket itself (`getsockopt(TCP_INFO)`), which no safe interface does; the same figures come as an
//! answer of `sock_diag` (sock_diag(7)) about the connection's two ends. Any user may ask about any connection.

/// The figures that nginx has variables for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// Smoothed round-trip time, in microseconds.
    pub rtt: u32,
    /// How much it varies, in microseconds.
    pub rttvar: u32,
    /// Congestion window, in segments.
    pub snd_cwnd: u32,
    /// What the receiver has room for, in bytes.
    pub rcv_space: u32,
}

#[cfg(target_os = "linux")]
pub use linux::of;

/// Other systems are not asked.
#[cfg(not(target_os = "linux"))]
pub fn of(_: &super::stream::Stream) -> Option<TcpInfo> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::net::{IpAddr, SocketAddr};
    use std::os::fd::AsFd;

    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with, sockopt,
    };

    use super::TcpInfo;
    use crate::wire::stream::Stream;

    /// `SOCK_DIAG_BY_FAMILY`, the type of question and answer.
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST`
    const REQUEST: u16 = 1;
    /// `INET_DIAG_INFO`: an attribute that holds `struct tcp_info`.
    const INFO: u16 = 2;
    const TCP: u8 = 6;
    /// `struct nlmsghdr`, `struct inet_diag_msg` and `struct rtattr`.
    const HEADER: usize = 16;
    const MESSAGE: usize = 72;
    const ATTRIBUTE: usize = 4;
    /// The answer is about half a kilobyte.
    const ROOM: usize = 4096;

    /// Asks about a connection; `None` where it is none of TCP's, is no more, or the kernel does not say.
    pub fn of(stream: &Stream) -> Option<TcpInfo> {
        let Stream::Tcp(socket) = stream else {
            return None;
        };
        let ends = (socket.local_addr().ok()?, socket.peer_addr().ok()?);
        // The number of this very socket: nobody else's answers in its place.
        let cookie = sockopt::socket_cookie(socket.as_fd()).ok()?;
        let answer = ask(&question(ends, cookie)).ok()?;
        read(&answer)
    }

    /// The kernel has answered when `send` returns.
    fn ask(question: &[u8]) -> io::Result<Vec<u8>> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )?;
        send(&socket, question, SendFlags::empty())?;
        let mut answer = vec![0; ROOM];
        let (length, _) = recv(&socket, &mut answer[..], RecvFlags::DONTWAIT)?;
        answer.truncate(length);
        Ok(answer)
    }

    /// `struct nlmsghdr` and `struct inet_diag_req_v2`.
    fn question((local, peer): (SocketAddr, SocketAddr), cookie: u64) -> Vec<u8> {
        let family = match local {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let interface = match peer {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(peer) => peer.scope_id(),
        };
        let mut body = vec![
            u8::try_from(family.as_raw()).unwrap_or_default(),
            TCP,
            1 << (INFO - 1),
            0,
        ];
        let any_state = u32::MAX;
        body.extend(any_state.to_ne_bytes());
        body.extend(local.port().to_be_bytes());
        body.extend(peer.port().to_be_bytes());
        body.extend(in_16_bytes(local.ip()));
        body.extend(in_16_bytes(peer.ip()));
        body.extend(interface.to_ne_bytes());
        // Its lower half comes first, whatever the machine's order.
        body.extend((cookie as u32).to_ne_bytes());
        body.extend(((cookie >> 32) as u32).to_ne_bytes());
        let length = u32::try_from(HEADER + body.len()).unwrap_or_default();
        let mut question = length.to_ne_bytes().to_vec();
        question.extend(BY_FAMILY.to_ne_bytes());
        question.extend(REQUEST.to_ne_bytes());
        // Number and sender: there is one question on this socket.
        question.extend([0; 8]);
        question.extend(body);
        question
    }

    fn in_16_bytes(ip: IpAddr) -> [u8; 16] {
        let mut bytes = [0; 16];
        match ip {
            IpAddr::V4(ip) => bytes[..4].copy_from_slice(&ip.octets()),
            IpAddr::V6(ip) => bytes = ip.octets(),
        }
        bytes
    }

    /// Finds `struct tcp_info` among the attributes behind `struct inet_diag_msg`; an error has neither.
    fn read(answer: &[u8]) -> Option<TcpInfo> {
        if u16_at(answer, 4)? != BY_FAMILY {
            return None;
        }
        let mut rest = answer.get(HEADER + MESSAGE..)?;
        loop {
            let length = usize::from(u16_at(rest, 0)?).max(ATTRIBUTE);
            let value = rest.get(ATTRIBUTE..length)?;
            if u16_at(rest, 2)? == INFO {
                return Some(TcpInfo {
                    rtt: u32_at(value, 68)?,
                    rttvar: u32_at(value, 72)?,
                    snd_cwnd: u32_at(value, 80)?,
                    rcv_space: u32_at(value, 96)?,
                });
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
    }

    fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
        let two = bytes.get(at..)?.first_chunk()?;
        Some(u16::from_ne_bytes(*two))
    }

    fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
        let four = bytes.get(at..)?.first_chunk()?;
        Some(u32::from_ne_bytes(*four))
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use tokio::net::{TcpListener, TcpStream, UnixStream};

        fn run<T>(work: impl Future<Output = T>) -> T {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.enable_all().build().expect("a runtime");
            runtime.block_on(work)
        }

        async fn accepted(at: &str) -> (Stream, TcpStream) {
            let listener = TcpListener::bind(at).await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let to = SocketAddr::new("127.0.0.1".parse().expect("an address"), address.port());
            let client = TcpStream::connect(to).await.expect("a connection");
            let (stream, _) = listener.accept().await.expect("a connection");
            (Stream::Tcp(stream), client)
        }

        #[test]
        fn a_connection_has_figures_until_it_is_reset() {
            run(async {
                // The second is an address of IPv4 in a socket of IPv6.
                for at in ["127.0.0.1:0", "[::]:0"] {
                    let (stream, client) = accepted(at).await;
                    let info = of(&stream).expect("figures");
                    assert!(info.rtt > 0 && info.snd_cwnd > 0, "{at}: {info:?}");
                    assert!(info.rcv_space > 1000, "{at}: {info:?}");
                    rustix::net::sockopt::set_socket_linger(
                        client.as_fd(),
                        Some(std::time::Duration::ZERO),
                    )
                    .expect("lingering");
                    drop(client);
                    // The listening socket of that port does not answer for it.
                    assert_eq!(of(&stream), None, "{at}");
                }
            });
        }

        #[test]
        fn a_unix_socket_has_none() {
            run(async {
                let (stream, _other) = UnixStream::pair().expect("a pair");
                assert_eq!(of(&Stream::Unix(stream)), None);
            });
        }

        #[test]
        fn a_cut_answer_is_none() {
            assert_eq!(read(&[]), None);
            let mut whole = vec![0; HEADER + MESSAGE];
            whole[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
            whole.extend([104u16.to_ne_bytes(), INFO.to_ne_bytes()].concat());
            whole.extend((0..100).collect::<Vec<u8>>());
            let info = read(&whole).expect("figures");
            assert_eq!(info.rtt, u32::from_ne_bytes([68, 69, 70, 71]));
            for length in 0..whole.len() {
                assert_eq!(read(&whole[..length]), None, "{length}");
            }
        }
    }
}
