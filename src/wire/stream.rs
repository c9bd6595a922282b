//! A connected socket, TCP or Unix, read and written without blocking and without holding a borrow.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connected stream socket.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! each {
    ($self:expr, $s:ident => $body:expr) => {
        match $self {
            Stream::Tcp($s) => $body,
            Stream::Unix($s) => $body,
        }
    };
}

impl Stream {
    /// Reads what is there, up to `room` bytes, to the end of `buf`; 0 is the end of the stream.
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut BytesMut,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(each!(self, s => s.poll_read_ready(cx)))?;
            match self.try_read(buf, room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn try_read(&self, buf: &mut BytesMut, room: usize) -> io::Result<usize> {
        // A buffer is filled before there is another: whoever keeps what little a slow peer sent keeps all of it.
        if buf.capacity() - buf.len() < room.div_ceil(2) {
            buf.reserve(room);
        }
        let most = room.min(buf.capacity() - buf.len());
        self.try_read_most(buf, most)
    }

    /// Reads what is there, up to `most` bytes, into memory that has room for them.
    pub fn poll_read_into(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(each!(self, s => s.poll_read_ready(cx)))?;
            match self.try_read_most(buf, most) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn try_read_most(&self, buf: &mut impl BufMut, most: usize) -> io::Result<usize> {
        let mut limited = buf.limit(most);
        let n = each!(self, s => s.try_read_buf(&mut limited))?;
        if n > 0 && n < most {
            self.drained();
        }
        Ok(n)
    }

    /// A short read emptied the socket: forget its readiness, so that the next read waits instead of asking in vain.
    fn drained(&self) {
        let _ = each!(self, s => s.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into())));
    }

    /// Writes some of the slices.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(each!(self, s => s.poll_write_ready(cx)))?;
            match each!(self, s => s.try_write_vectored(slices)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Runs a system call that writes to the socket (sendfile), waiting for room as often as it would block.
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            ready!(each!(self, s => s.poll_write_ready(cx)))?;
            match each!(self, s => s.try_io(Interest::WRITABLE, || call(s.as_fd()))) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Ends the sending direction (FIN).
    pub fn shutdown_write(&self) {
        let _ = each!(self, s => rustix::net::shutdown(s.as_fd(), rustix::net::Shutdown::Write));
    }

    /// Ends the receiving direction: a reader sees the end of the stream.
    pub fn shutdown_read(&self) {
        let _ = each!(self, s => rustix::net::shutdown(s.as_fd(), rustix::net::Shutdown::Read));
    }

    /// True where at least one byte waits to be read; takes none.
    pub fn peek_any(&self) -> bool {
        let mut byte = [0u8; 1];
        let peeked = each!(self, s => rustix::net::recv(s.as_fd(), &mut byte[..], rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT));
        matches!(peeked, Ok((n, _)) if n > 0)
    }

    /// True while the peer neither sent bytes nor closed, as far as the reactor was told; asks the socket only where it was.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0u8; 1];
        let flags = rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT;
        let peeked = each!(self, s => s.try_io(Interest::READABLE, || {
            Ok(rustix::net::recv(s.as_fd(), &mut byte[..], flags)?)
        }));
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Makes the close of the socket a reset (RST).
    pub fn reset_on_close(&self) {
        let _ = each!(self, s => rustix::net::sockopt::set_socket_linger(s.as_fd(), Some(std::time::Duration::ZERO)));
    }

    pub fn set_nodelay(&self) {
        if let Stream::Tcp(s) = self {
            let _ = s.set_nodelay(true);
        }
    }

    /// `TCP_CORK` where there is one: `tcp_nopush`.
    pub fn set_cork(&self, on: bool) {
        #[cfg(target_os = "linux")]
        if let Stream::Tcp(s) = self {
            let _ = rustix::net::sockopt::set_tcp_cork(s.as_fd(), on);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = on;
    }

    /// The pending error of the socket, if any (after a failed non-blocking connect).
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        each!(self, s => s.take_error())
    }
}
