//! Where HTTP/1 messages end, for the two sides that the harness plays: the client, and the backend.
//!
//! Deliberately small and its own: it shares nothing with the program under test.

use super::OracleError;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest wait for the next byte of either side: well above the 5 s of `lingering_timeout`.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Milliseconds that replace it in a program that expects some of its questions to get no answer; 0 for none.
static SHORT_PATIENCE: AtomicU64 = AtomicU64::new(0);

/// How long this program waits.
pub fn patience() -> Duration {
    match SHORT_PATIENCE.load(Ordering::Relaxed) {
        0 => PATIENCE,
        short => Duration::from_millis(short),
    }
}

/// Waits no longer than this from now on.
#[allow(dead_code, reason = "only the proofs are in a hurry")]
pub fn set_patience(patience: Duration) {
    let milliseconds = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    SHORT_PATIENCE.store(milliseconds, Ordering::Relaxed);
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Closed,
    Reset,
}

/// A socket's bytes so far, and how far they are understood.
pub struct Incoming {
    stream: TcpStream,
    /// Everything received since `take` was last called.
    pub bytes: Vec<u8>,
    at: usize,
    pub end: Option<End>,
}

/// How a message's body ends.
enum Body {
    None,
    Length(usize),
    Chunked,
    UntilClose,
}

impl Incoming {
    pub fn new(stream: TcpStream) -> Result<Self, OracleError> {
        stream
            .set_read_timeout(Some(patience()))
            .map_err(OracleError::io("set_read_timeout"))?;
        Ok(Incoming {
            stream,
            bytes: Vec::new(),
            at: 0,
            end: None,
        })
    }

    /// Waits a moment for the first byte or the end; to go on without either is no error.
    pub fn glance(&mut self, moment: Duration) -> Result<(), OracleError> {
        self.fill_within(moment).map(drop)
    }

    /// Takes what comes until nothing does for as long as this.
    pub fn until_quiet(&mut self, moment: Duration) -> Result<(), OracleError> {
        while self.fill_within(moment)? {}
        Ok(())
    }

    /// Takes more bytes; `false` when none come within a moment.
    fn fill_within(&mut self, moment: Duration) -> Result<bool, OracleError> {
        let set = |stream: &TcpStream, time| {
            let what = OracleError::io("set_read_timeout");
            stream.set_read_timeout(Some(time)).map_err(what)
        };
        set(&self.stream, moment)?;
        let more = match self.fill() {
            Err(OracleError::Timeout(_)) => false,
            other => other?,
        };
        set(&self.stream, patience())?;
        Ok(more)
    }

    /// Takes more bytes; `false` when there are none to come.
    pub fn fill(&mut self) -> Result<bool, OracleError> {
        if self.end.is_some() {
            return Ok(false);
        }
        let mut buffer = [0; 65536];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.end = Some(End::Closed),
                Ok(n) => self
                    .bytes
                    .extend_from_slice(buffer.get(..n).unwrap_or_default()),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                        return Err(OracleError::Timeout(format!(
                            "no byte and no close within {:?}, after {:?}",
                            patience(),
                            String::from_utf8_lossy(
                                self.bytes
                                    .get(self.bytes.len().saturating_sub(300)..)
                                    .unwrap_or_default()
                            )
                        )));
                    }
                    _ => self.end = Some(End::Reset),
                },
            }
            return Ok(self.end.is_none());
        }
    }

    /// What came since the last call; what comes next is understood afresh.
    pub fn take(&mut self) -> Vec<u8> {
        self.at = 0;
        std::mem::take(&mut self.bytes)
    }

    /// Reads to the end of the stream.
    pub fn drain(&mut self) -> Result<(), OracleError> {
        while self.fill()? {}
        self.at = self.bytes.len();
        Ok(())
    }

    /// Reads until the bytes hold `wanted`.
    pub fn until(&mut self, wanted: &[u8]) -> Result<(), OracleError> {
        while !contains(&self.bytes, wanted) {
            if !self.fill()? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads one final answer to a request of `method`; `true` when the connection may go on after it.
    pub fn answer(&mut self, method: &str) -> Result<bool, OracleError> {
        loop {
            while self.rest().len() < 5 {
                if !self.fill()? {
                    return Ok(false);
                }
            }
            if !self.rest().starts_with(b"HTTP/") {
                self.drain()?;
                return Ok(false);
            }
            let Some(head) = self.head()? else {
                return Ok(false);
            };
            let status = status(&head);
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let body = if method == "HEAD" || matches!(status, 101 | 204 | 304) {
                Body::None
            } else {
                answer_body(&head)
            };
            let keeps = !field_values(&head, "connection")
                .iter()
                .any(|v| v.eq_ignore_ascii_case("close"));
            let whole = self.body(body)?;
            return Ok(keeps && whole);
        }
    }

    /// Reads one request as a backend would: its head, and its body where `with_body`. `None`: the stream ended first.
    pub fn request(&mut self, with_body: bool) -> Result<Option<String>, OracleError> {
        let Some(head) = self.head()? else {
            return Ok(None);
        };
        if with_body && !self.request_body(&head)? {
            return Ok(None);
        }
        Ok(Some(head))
    }

    /// Reads the body that belongs to a request's head; `false` when the stream ended first.
    pub fn request_body(&mut self, head: &str) -> Result<bool, OracleError> {
        match answer_body(head) {
            Body::UntilClose => Ok(true),
            body => self.body(body),
        }
    }

    /// What is understood so far; the bytes behind it stay.
    pub fn take_understood(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(self.at.min(self.bytes.len()));
        self.at = 0;
        std::mem::replace(&mut self.bytes, rest)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over one head, its empty line included.
    fn head(&mut self) -> Result<Option<String>, OracleError> {
        loop {
            if let Some(end) = find(self.rest(), b"\r\n\r\n") {
                let head = String::from_utf8_lossy(self.rest().get(..end).unwrap_or_default())
                    .into_owned();
                self.at += end + 4;
                return Ok(Some(head));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Steps over one body; `false` when the stream ended within it.
    fn body(&mut self, body: Body) -> Result<bool, OracleError> {
        match body {
            Body::None => Ok(true),
            Body::Length(length) => self.skip(length),
            Body::UntilClose => self.drain().map(|()| false),
            Body::Chunked => loop {
                let Some(line) = self.line()? else {
                    return Ok(false);
                };
                let digits = line.split(';').next().unwrap_or_default().trim();
                let Ok(size) = usize::from_str_radix(digits, 16) else {
                    self.drain()?;
                    return Ok(false);
                };
                if size == 0 {
                    while let Some(line) = self.line()? {
                        if line.is_empty() {
                            return Ok(true);
                        }
                    }
                    return Ok(false);
                }
                if !self.skip(size + 2)? {
                    return Ok(false);
                }
            },
        }
    }

    fn skip(&mut self, length: usize) -> Result<bool, OracleError> {
        while self.rest().len() < length {
            if !self.fill()? {
                return Ok(false);
            }
        }
        self.at += length;
        Ok(true)
    }

    fn line(&mut self) -> Result<Option<String>, OracleError> {
        loop {
            if let Some(end) = find(self.rest(), b"\r\n") {
                let line = String::from_utf8_lossy(self.rest().get(..end).unwrap_or_default())
                    .into_owned();
                self.at += end + 2;
                return Ok(Some(line));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }
}

fn answer_body(head: &str) -> Body {
    if field_values(head, "transfer-encoding")
        .iter()
        .any(|v| v.eq_ignore_ascii_case("chunked"))
    {
        return Body::Chunked;
    }
    match field_values(head, "content-length")
        .first()
        .and_then(|v| v.parse().ok())
    {
        Some(length) => Body::Length(length),
        None => Body::UntilClose,
    }
}

fn status(head: &str) -> u16 {
    head.split(' ')
        .nth(1)
        .and_then(|code| code.get(..3))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0)
}

/// The values of every field of that name (lower case), without the blanks around them.
pub fn field_values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    head.split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// Where `needle` first stands in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    find(bytes, needle).is_some()
}
