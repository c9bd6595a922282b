//! One client connection of a case: sends, answers, and the connection's fate.

use super::OracleError;
use super::backend::{Answer, Backends};
use super::bytes;
use super::framing::{End, Incoming, patience};
use super::ports::Ports;
use super::spec::{ConnectionSpec, StepSpec};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// What was seen on a client connection.
#[derive(Debug, Clone)]
pub enum Seen {
    Sent(Vec<u8>),
    Received(Vec<u8>),
    /// What became of the connection, or what the client did.
    Note(String),
}

/// A line that every server must refuse with 400: sent after the last answer, it proves that the connection was still being read,
/// and makes the server close, so that whatever else was on its way is seen too.
pub const FOLLOW_UP: &str = "follow-up";
/// How long the answer to it is waited for before the client ends its side too.
const MOMENT: Duration = Duration::from_millis(250);
/// How many of them, where a backend is at work meanwhile.
const MOMENTS: u32 = 4;

/// Holds one conversation.
pub fn converse(
    spec: &ConnectionSpec,
    ports: &Ports,
    backends: &Backends,
    prefix: &Path,
) -> Result<Vec<Seen>, OracleError> {
    backends.script(script(spec, ports)?);
    let port = ports.of(&spec.to).unwrap_or(ports.first);
    let mut client = Client::connect(port)?;
    for step in spec.steps() {
        if !client.open && step.send.is_some() {
            client.fate(backends)?;
            // Raw sends mean one connection; plain requests go on with the next.
            if spec.request.is_empty() {
                client.seen.push(Seen::Note(
                    "(the rest is not sent: the last answer ended the connection)".into(),
                ));
                return Ok(client.seen);
            }
            client = client.renew(port)?;
        }
        let first = !client.used;
        let goes_on = client.step(&step, ports, backends, prefix)?;
        if !first
            && !spec.request.is_empty()
            && client.incoming.bytes.is_empty()
            && client.incoming.end.is_some()
        {
            // The last answer promised to keep the connection, and the server closed it all the same: the request may have been
            // sent before that was seen, or after.
            client.seen.pop();
            client.seen.push(Seen::Note(
                "connection: closed by the server, whatever it said".into(),
            ));
            client = client.renew(port)?;
            client.step(&step, ports, backends, prefix)?;
        }
        if !goes_on {
            return Ok(client.seen);
        }
    }
    client.fate(backends)?;
    Ok(client.seen)
}

fn script(spec: &ConnectionSpec, ports: &Ports) -> Result<Vec<Answer>, OracleError> {
    let full = spec.backend.iter().map(|answer| answer.full());
    full.map(|answer| {
        let parts: Result<_, _> = answer
            .send
            .iter()
            .map(|text| bytes::parse(text, &ports.names))
            .collect();
        Ok(Answer {
            parts: parts?,
            read: answer.read,
            then: answer.then,
        })
    })
    .collect()
}

/// Waits until a log holds so many lines: then the server is done with as many requests.
fn wait_for_log(file: &Path, count: usize) -> Result<(), OracleError> {
    let end = Instant::now() + patience();
    loop {
        let text = fs::read(file).unwrap_or_default();
        if text.iter().filter(|&&b| b == b'\n').count() >= count {
            return Ok(());
        }
        if Instant::now() > end {
            let what = format!("waiting for line {count} of {}", file.display());
            return Err(OracleError::Timeout(what));
        }
        // Nothing announces a log's line but the file.
        std::thread::park_timeout(Duration::from_millis(3));
    }
}

struct Client {
    stream: TcpStream,
    incoming: Incoming,
    seen: Vec<Seen>,
    /// Something was sent on this connection.
    used: bool,
    /// The last answer left the connection open.
    open: bool,
    /// The client has shut down its writing side.
    shut: bool,
}

impl Client {
    fn connect(port: u16) -> Result<Self, OracleError> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .map_err(OracleError::io("connecting to the server"))?;
        stream
            .set_nodelay(true)
            .map_err(OracleError::io("set_nodelay"))?;
        Ok(Client {
            incoming: Incoming::new(stream.try_clone().map_err(OracleError::io("try_clone"))?)?,
            stream,
            seen: Vec::new(),
            used: false,
            open: true,
            shut: false,
        })
    }

    /// A new connection, for the rest of the same conversation.
    fn renew(mut self, port: u16) -> Result<Self, OracleError> {
        self.seen.push(Seen::Note("(a new connection)".into()));
        let client = Client::connect(port)?;
        Ok(Client {
            seen: self.seen,
            ..client
        })
    }

    /// One step; `false` when it ends the conversation.
    fn step(
        &mut self,
        step: &StepSpec,
        ports: &Ports,
        backends: &Backends,
        prefix: &Path,
    ) -> Result<bool, OracleError> {
        if let Some(count) = step.received {
            backends.wait_for(count)?;
        }
        if let Some(text) = &step.until {
            self.incoming.until(&bytes::parse(text, &ports.names)?)?;
        }
        if step.release {
            backends.release();
        }
        if let Some(text) = &step.send {
            self.send(bytes::parse(text, &ports.names)?);
        }
        if step.shutdown {
            self.shut = true;
            let _ = self.stream.shutdown(Shutdown::Write);
            self.note("(the client shuts down its side)");
        }
        for method in step.methods() {
            self.open = self.incoming.answer(&method)?;
            if !self.open {
                break;
            }
        }
        if step.eof {
            self.incoming.drain()?;
        }
        if let Some(count) = step.logged {
            wait_for_log(&prefix.join("logs/access.log"), count)?;
        }
        if step.close {
            self.note("(the client closes)");
        }
        Ok(!step.close)
    }

    fn send(&mut self, bytes: Vec<u8>) {
        self.collect();
        self.used = true;
        // A server may close while it is being written to: what it answered tells.
        let _ = self.stream.write_all(&bytes);
        self.seen.push(Seen::Sent(bytes));
    }

    fn note(&mut self, note: &str) {
        self.collect();
        self.seen.push(Seen::Note(note.into()));
    }

    /// Moves what was received into what was seen.
    fn collect(&mut self) {
        let bytes = self.incoming.take();
        if !bytes.is_empty() {
            self.seen.push(Seen::Received(bytes));
        }
    }

    /// Finds out what becomes of the connection.
    fn fate(&mut self, backends: &Backends) -> Result<(), OracleError> {
        if self.shut || !self.open || self.incoming.end.is_some() {
            self.incoming.drain()?;
            let note = match self.incoming.end {
                Some(End::Reset) => "connection: reset by the server",
                _ => "connection: closed by the server",
            };
            self.note(note);
            return Ok(());
        }
        self.collect();
        let _ = self
            .stream
            .write_all(format!("{FOLLOW_UP}\r\n\r\n").as_bytes());
        // A server that is not yet done with the answer before could take the end that follows for a client that leaves.
        for _ in 0..MOMENTS {
            self.incoming.glance(MOMENT)?;
            // The page for it may be a backend's.
            if !self.incoming.bytes.is_empty() || !backends.are_busy() {
                break;
            }
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        self.incoming.drain()?;
        let answer = self.incoming.take();
        if answer.is_empty() {
            self.seen.push(Seen::Note(
                "connection: closed by the server, or the follow-up is not read as a request"
                    .into(),
            ));
        } else if answer.starts_with(b"HTTP/1.1 400 ") {
            self.seen.push(Seen::Note(
                "connection: open, a follow-up is answered".into(),
            ));
        } else {
            self.seen.push(Seen::Note(
                "connection: open, and what answers the follow-up is".into(),
            ));
            self.seen.push(Seen::Received(answer));
        }
        Ok(())
    }
}
