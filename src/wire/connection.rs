//! A client's connection: its socket, what was read ahead, its timers and counts.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::counts::Counted;
use super::digits::put_ip;
use super::stream::Stream;
use super::tcp_info::TcpInfo;
use super::timer::Timer;

/// Bytes asked for at a time while a head or a small body is read.
pub const SMALL_READ: usize = 4 * 1024;
/// Bytes asked for at a time while a large body flows.
pub const LARGE_READ: usize = 64 * 1024;

/// Shared by the loop that serves the connection and the request under way; lives in one thread.
#[derive(Debug)]
pub struct Connection {
    pub stream: Stream,
    /// Read, not yet consumed: the rest of a head, a body, pipelined requests.
    pub input: RefCell<BytesMut>,
    /// The client has ended its sending direction.
    pub eof: Cell<bool>,
    /// The client's timer: head, body, sending, keep-alive, lingering; one at a time.
    pub timer: Timer,
    /// The upstream's timer, beside it while an answer flows.
    pub upstream_timer: Timer,
    /// `$connection`
    pub number: u64,
    /// `$connection_requests`
    pub requests: Cell<u64>,
    /// Bytes sent to the client for the request under way.
    pub sent: Cell<u64>,
    pub started: Instant,
    /// The client's address; `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The same without its port, as text: `unix:` on a Unix socket.
    pub peer_text: Bytes,
    /// The address connected to; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// A write failed: nothing more can be sent.
    pub broken: Cell<bool>,
    /// The system call by which a write failed, and its error.
    pub write_error: RefCell<Option<(&'static str, io::Error)>>,
    /// Why the client's bytes ended, where it was an error.
    pub read_error: RefCell<Option<io::Error>>,
    /// Nothing more may be sent before the timer expires (`limit_rate`).
    pub delayed: Cell<bool>,
    /// Between two requests, waiting for the next.
    pub idle: Cell<bool>,
    /// The request under way had begun to arrive before the last one was answered: `$pipe`.
    pub pipelined: Cell<bool>,
    /// All is said; what the client still sends is read and forgotten.
    pub lingering: Cell<bool>,
    /// What the kernel measured before it began to linger: of a connection that is closed it says nothing.
    pub last_tcp_info: Cell<Option<TcpInfo>>,
    /// Its part in what `stub_status` tells.
    pub counted: Counted,
    /// What the application keeps of the last request, for when no other comes.
    pub kept: RefCell<Option<Box<dyn Any>>>,
}

/// Why waiting for the client's bytes ended without any.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("client timed out")]
    TimedOut,
    #[error("client closed connection")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

static NUMBER: AtomicU64 = AtomicU64::new(1);

impl Connection {
    pub fn new(
        stream: Stream,
        peer: Option<SocketAddr>,
        local: Option<SocketAddr>,
        counted: Counted,
    ) -> Self {
        Self {
            stream,
            input: RefCell::new(BytesMut::new()),
            eof: Cell::new(false),
            timer: Timer::new(),
            upstream_timer: Timer::new(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            requests: Cell::new(0),
            sent: Cell::new(0),
            started: Instant::now(),
            peer,
            peer_text: peer.map_or(Bytes::from_static(b"unix:"), |peer| {
                let mut text = BytesMut::with_capacity(16);
                put_ip(&mut text, peer.ip());
                text.freeze()
            }),
            local,
            broken: Cell::new(false),
            write_error: RefCell::default(),
            read_error: RefCell::default(),
            delayed: Cell::new(false),
            idle: Cell::new(false),
            pipelined: Cell::new(false),
            lingering: Cell::new(false),
            last_tcp_info: Cell::new(None),
            counted,
            kept: RefCell::default(),
        }
    }

    /// Reads more to the end of [`Connection::input`], within the timer.
    pub fn poll_fill(&self, cx: &mut Context<'_>, room: usize) -> Poll<Result<usize, ReadError>> {
        if self.eof.get() {
            return Poll::Ready(Err(ReadError::Closed));
        }
        let read = self
            .stream
            .poll_read(cx, &mut self.input.borrow_mut(), room);
        match read {
            Poll::Ready(Ok(0)) => {
                self.eof.set(true);
                Poll::Ready(Err(ReadError::Closed))
            }
            Poll::Ready(Ok(n)) => Poll::Ready(Ok(n)),
            Poll::Ready(Err(error)) => {
                self.eof.set(true);
                Poll::Ready(Err(error.into()))
            }
            Poll::Pending => {
                ready!(self.timer.poll_expired(cx));
                Poll::Ready(Err(ReadError::TimedOut))
            }
        }
    }

    /// [`Connection::poll_fill`] as a future.
    pub async fn fill(&self, room: usize) -> Result<usize, ReadError> {
        std::future::poll_fn(|cx| self.poll_fill(cx, room)).await
    }

    /// Ready when the client has left (end of stream or error). What it sends meanwhile is kept for the next request,
    /// up to `LARGE_READ` bytes; a client with more than that under way is not watched.
    pub fn poll_left(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.eof.get() {
                return Poll::Ready(());
            }
            if self.input.borrow().len() >= LARGE_READ {
                return Poll::Pending;
            }
            let read = self
                .stream
                .poll_read(cx, &mut self.input.borrow_mut(), SMALL_READ);
            match ready!(read) {
                Ok(0) => self.eof.set(true),
                Ok(_) => {}
                Err(error) => {
                    self.read_error.replace(Some(error));
                    self.eof.set(true);
                }
            }
        }
    }

    /// True where bytes from the client wait to be read.
    pub fn pending_input(&self) -> bool {
        !self.eof.get() && self.stream.peek_any()
    }

    /// How long the connection has been open.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }
}
