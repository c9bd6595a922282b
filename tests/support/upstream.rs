//! Upstreams written by the test: a listener whose connections are served by a function, and one that keeps what it
//! was sent. Every read and write is bounded in time.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::client;

/// How long a single read or write, or the wait for a request, may take.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A listener on a port of its own that serves as long as the test runs.
pub struct Upstream {
    address: SocketAddr,
}

impl Upstream {
    /// Serves each connection by `serve`, on a thread of its own; what it returns is of no interest.
    pub fn start<T>(serve: impl Fn(TcpStream) -> T + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = bounded(socket.expect("a connection"));
                let serve = serve.clone();
                std::thread::spawn(move || {
                    serve(socket);
                });
            }
        });
        Self { address }
    }

    /// `127.0.0.1:PORT`, for `proxy_pass`.
    pub fn name(&self) -> String {
        self.address.to_string()
    }
}

/// Gives a socket bounded reads and writes.
pub fn bounded(socket: TcpStream) -> TcpStream {
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
        .set_write_timeout(Some(PATIENCE))
        .expect("a time-out");
    socket.set_nodelay(true).expect("an option");
    socket
}

/// A request as an upstream got it.
#[derive(Debug)]
pub struct Received {
    /// The head's lines, without the empty one.
    pub head: Vec<String>,
    pub body: Vec<u8>,
}

impl Received {
    /// The values of a field, in the order in which they came; the name as it was sent.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let of = |line: &'_ String| {
            let (known, value) = line.split_once(": ")?;
            (known == name).then_some(value.len())
        };
        let lines = self.head.iter();
        lines
            .filter_map(|line| of(line).map(|length| &line[line.len() - length..]))
            .collect()
    }
}

/// Reads the head's lines and nothing behind it.
pub fn read_head(socket: &mut impl Read) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    loop {
        let line = client::read_line(socket)?;
        if line.is_empty() {
            return Ok(head);
        }
        head.push(line);
    }
}

/// Reads a head and the body that its `Content-Length` announces.
pub fn read_request(socket: &mut impl Read) -> io::Result<Received> {
    let mut received = Received {
        head: read_head(socket)?,
        body: Vec::new(),
    };
    if let [length] = received.all("Content-Length")[..] {
        received.body = vec![0; length.parse().map_err(io::Error::other)?];
        socket.read_exact(&mut received.body)?;
    }
    Ok(received)
}

/// An upstream that answers `ok` to everything and keeps what it was sent.
pub struct Recorder {
    upstream: Upstream,
    requests: Receiver<Received>,
}

impl Recorder {
    pub fn start() -> Self {
        let (sender, requests) = channel();
        let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
            let received = read_request(&mut socket)?;
            let _ = sender.send(received);
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        });
        Self { upstream, requests }
    }

    pub fn name(&self) -> String {
        self.upstream.name()
    }

    /// The next request that arrived.
    pub fn next(&self) -> Received {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }
}
