//! Ports for one run of one case.
//!
//! They lie below the ranges that systems use for outgoing connections (Linux from 32768, others from 49152), so that no client's
//! own port can take one between its choice and the server's bind; and they all have five digits, so that lengths never vary.
//! None is a number that a case sends or gets for another reason: a length of 20042 bytes is never taken for a port.

use super::OracleError;
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const FIRST: u32 = 10_000;
const COUNT: u32 = 22_000;

/// The ports that a case's texts name.
pub struct Ports {
    /// `(name, port)`, as `("BACKEND2", "12345")`.
    pub names: Vec<(String, String)>,
    /// The sockets behind `@BACKEND…@`, in their order.
    pub backends: Vec<TcpListener>,
    /// The first `@PORT@`: where clients connect unless a connection says otherwise.
    pub first: u16,
    /// The socket behind `@DNS@`.
    pub dns: Option<UdpSocket>,
    /// `@DEAF…@`, which takes connections and nothing that comes on them; `@FULL…@`, with what fills its queue, so that a
    /// connection to it is neither made nor refused.
    _deaf: Vec<(Socket, Vec<TcpStream>)>,
    /// Bound, never listening: `@DEAD…@` refuses every connection as long as these live.
    _dead: Vec<Socket>,
}

impl Ports {
    /// Finds a port for each `@PORT…@`, `@BACKEND…@`, `@DEAD…@`, `@DEAF…@` and `@FULL…@` of the texts, none of them among
    /// `numbers`.
    pub fn for_texts<'a>(
        texts: impl Iterator<Item = &'a str>,
        numbers: &BTreeSet<u16>,
    ) -> Result<Self, OracleError> {
        let mut wanted = BTreeSet::from(["PORT".to_string()]);
        for text in texts {
            wanted.extend(
                text.split('@')
                    .filter(|word| is_port_name(word))
                    .map(str::to_string),
            );
        }
        let mut ports = Ports {
            names: Vec::new(),
            backends: Vec::new(),
            first: 0,
            dns: None,
            _deaf: Vec::new(),
            _dead: Vec::new(),
        };
        for name in wanted {
            let (socket, port) = free_port(numbers)?;
            if name.starts_with("BACKEND") {
                socket.listen(64).map_err(OracleError::io("listen"))?;
                ports.backends.push(socket.into());
            } else if name.starts_with("FULL") {
                socket.listen(0).map_err(OracleError::io("listen"))?;
                ports._deaf.push((socket, fill(port)));
            } else if name.starts_with("DEAF") {
                socket.listen(64).map_err(OracleError::io("listen"))?;
                ports._deaf.push((socket, Vec::new()));
            } else if name.starts_with("DEAD") {
                ports._dead.push(socket);
            } else if name == "DNS" {
                let what = OracleError::io("binding the name server");
                ports.dns = Some(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).map_err(what)?);
                ports._dead.push(socket);
            } else if name == "PORT" {
                ports.first = port;
            }
            ports.names.push((name, port.to_string()));
        }
        Ok(ports)
    }

    pub fn of(&self, name: &str) -> Option<u16> {
        self.names
            .iter()
            .find(|(n, _)| n == name)
            .and_then(|(_, port)| port.parse().ok())
    }
}

fn is_port_name(word: &str) -> bool {
    let kind = word.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(kind, "PORT" | "BACKEND" | "DEAD" | "DEAF" | "FULL" | "DNS")
}

/// Connections that nobody will accept, as many as the system makes all the same.
fn fill(port: u16) -> Vec<TcpStream> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100)).ok();
    std::iter::from_fn(connect).take(16).collect()
}

/// The numbers of a text that could be ports.
pub fn numbers(text: &str) -> impl Iterator<Item = u16> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 5)
        .filter_map(|digits| digits.parse().ok())
}

/// A port that nothing on this machine has bound, with the socket that proves it; none of `numbers`.
fn free_port(numbers: &BTreeSet<u16>) -> Result<(Socket, u16), OracleError> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Two programs that walk side by side would take each other's ports again and again: each has a stride of its own.
    static STRIDE: LazyLock<u32> = LazyLock::new(|| {
        let seed = RandomState::new().hash_one(std::process::id());
        NEXT.store((seed >> 32) as u32 % COUNT, Ordering::Relaxed);
        // Primes that do not divide `COUNT`: every port comes once a round.
        let strides = [
            1009, 1511, 2003, 2503, 3001, 3511, 4001, 4507, 5003, 5501, 6007, 6521, 7001, 7507,
        ];
        strides[(seed % strides.len() as u64) as usize]
    });
    let stride = *STRIDE;
    for _ in 0..2000 {
        let port = FIRST + NEXT.fetch_add(stride, Ordering::Relaxed) % COUNT;
        let port = u16::try_from(port).unwrap_or(u16::MAX);
        if numbers.contains(&port) {
            continue;
        }
        // Tried on every address: a wildcard `listen` must succeed too.
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        let probe =
            Socket::new(Domain::IPV4, Type::STREAM, None).map_err(OracleError::io("socket"))?;
        if probe.bind(&any.into()).is_err() {
            continue;
        }
        drop(probe);
        let socket =
            Socket::new(Domain::IPV4, Type::STREAM, None).map_err(OracleError::io("socket"))?;
        let loopback = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        if socket.bind(&loopback.into()).is_ok() {
            return Ok((socket, port));
        }
    }
    Err(OracleError::Timeout("no free port in 2000 tries".into()))
}
