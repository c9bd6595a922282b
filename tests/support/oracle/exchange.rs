//! What a backend does with one connection: reads requests, answers them as scripted, and ends as scripted.

use super::OracleError;
use super::backend::{Answer, Received, Shared};
use super::framing::{End, Incoming, field_values};
use super::spec::{ReadUntil, Then};
use socket2::SockRef;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// As long as this nothing comes of a request that is read until nothing does. The client's own moment is longer: what it
/// waits for may be the answer to this.
const QUIET: Duration = Duration::from_millis(80);

/// Serves a connection in a thread of its own.
pub(super) fn begin(stream: TcpStream, backend: usize, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut busy = false;
        if let Err(error) = serve(stream, backend, &shared, &mut busy) {
            shared.fail(error);
        }
        if busy {
            shared.busy(false);
        }
    });
}

/// Serves one connection. `busy` tells whether an exchange is under way when it returns.
fn serve(
    stream: TcpStream,
    backend: usize,
    shared: &Shared,
    busy: &mut bool,
) -> Result<(), OracleError> {
    let peer = stream.peer_addr().ok().map(|address| address.ip());
    // Unix sockets have no such delay.
    let _ = stream.set_nodelay(true);
    let mut exchange = Exchange {
        writer: stream.try_clone().map_err(OracleError::io("try_clone"))?,
        incoming: Incoming::new(stream)?,
        backend,
        on_connection: 0,
        from: peer.filter(|ip| *ip != Ipv4Addr::LOCALHOST),
        shared,
    };
    loop {
        // Idle: the proxy may keep a connection for as long as the case lasts.
        match exchange.incoming.fill() {
            Ok(true) => {}
            Ok(false) | Err(OracleError::Timeout(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        shared.busy(true);
        *busy = true;
        exchange.on_connection += 1;
        if !exchange.hold()? {
            return Ok(());
        }
        shared.busy(false);
        *busy = false;
    }
}

/// A request and its answer.
struct Exchange<'a> {
    writer: TcpStream,
    incoming: Incoming,
    backend: usize,
    on_connection: usize,
    from: Option<IpAddr>,
    shared: &'a Shared,
}

impl Exchange<'_> {
    /// Whether the connection lives on.
    fn hold(&mut self) -> Result<bool, OracleError> {
        let answer = self.shared.next_answer();
        let Some(head) = self.read(answer.read)? else {
            return Ok(false);
        };
        let written = match answer.then {
            Then::Press => self.press(&answer.parts.concat())?,
            _ => self.write_parts(&answer)?,
        };
        if !written {
            return Ok(false);
        }
        match answer.then {
            Then::Wait => self.wait()?,
            Then::Echo => self.echo()?,
            Then::Reset => SockRef::from(&self.writer)
                .set_linger(Some(Duration::ZERO))
                .map_err(OracleError::io("set_linger"))?,
            Then::Auto | Then::Press if keeps(&head) => return Ok(true),
            Then::Keep => return Ok(true),
            Then::Close | Then::Auto | Then::Press => self.finish()?,
        }
        Ok(false)
    }

    fn note(&self, bytes: Vec<u8>, note: Option<&'static str>) {
        self.shared.note(Received {
            backend: self.backend,
            on_connection: self.on_connection,
            from: self.from,
            bytes,
            note,
        });
    }

    /// The request's head, once as much of it is here as the script reads; `None` where the proxy has gone before.
    fn read(&mut self, until: ReadUntil) -> Result<Option<String>, OracleError> {
        let broken =
            |whole: bool| (!whole).then_some("closed by the proxy before the request was whole");
        let head = self.incoming.request(until == ReadUntil::Body)?;
        if until == ReadUntil::Quiet {
            self.incoming.until_quiet(QUIET)?;
        }
        let bytes = match until {
            ReadUntil::Each => self.incoming.take_understood(),
            _ => self.incoming.take(),
        };
        self.note(bytes, broken(head.is_some()));
        let Some(head) = head else { return Ok(None) };
        if until != ReadUntil::Each {
            return Ok(Some(head));
        }
        let whole = self.incoming.request_body(&head)?;
        let bytes = self.incoming.take();
        self.note(bytes, broken(whole));
        Ok(whole.then_some(head))
    }

    /// Writes an answer; `false` when the proxy has gone.
    fn write_parts(&mut self, answer: &Answer) -> Result<bool, OracleError> {
        for (index, part) in answer.parts.iter().enumerate() {
            if index > 0 {
                self.shared.gate()?;
            }
            if self.writer.write_all(part).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes as much as is taken, notes whether that was all, and writes the rest after a `release` step; `false` when
    /// the proxy has gone.
    fn press(&mut self, bytes: &[u8]) -> Result<bool, OracleError> {
        let rest = taken_of(&mut self.writer, bytes)?;
        let note = match rest {
            [] => "the whole answer is taken while the client reads nothing",
            _ => "not all of the answer is taken while the client reads nothing",
        };
        self.note(Vec::new(), Some(note));
        let goes_on =
            |writer: &mut TcpStream| self.shared.gate().is_ok() && writer.write_all(rest).is_ok();
        Ok(rest.is_empty() || goes_on(&mut self.writer))
    }

    /// Reads on until the proxy closes.
    fn wait(&mut self) -> Result<(), OracleError> {
        self.incoming.drain()?;
        let note = match self.incoming.end {
            Some(End::Reset) => "reset by the proxy",
            _ => "closed by the proxy",
        };
        let bytes = self.incoming.take();
        self.note(bytes, Some(note));
        Ok(())
    }

    /// Sends back every byte until the proxy closes.
    fn echo(&mut self) -> Result<(), OracleError> {
        loop {
            let before = self.incoming.bytes.len();
            let more = self.incoming.fill()?;
            let new = self.incoming.bytes.get(before..).unwrap_or_default();
            if !more || self.writer.write_all(new).is_err() {
                break;
            }
        }
        let bytes = self.incoming.take();
        self.note(bytes, Some("echoed, then closed by the proxy"));
        Ok(())
    }

    /// Ends the writing side, then reads on until the proxy closes: closing at once could reset the connection under the
    /// answer.
    fn finish(&mut self) -> Result<(), OracleError> {
        if self.writer.shutdown(Shutdown::Write).is_ok() {
            self.incoming.drain()?;
        }
        Ok(())
    }
}

/// Writes as much as is taken, and gives the rest; nothing taken for so long counts as the end of it.
fn taken_of<'a>(writer: &mut TcpStream, bytes: &'a [u8]) -> Result<&'a [u8], OracleError> {
    const STUCK: Duration = Duration::from_millis(500);
    let set = |writer: &TcpStream, time| {
        let what = OracleError::io("set_write_timeout");
        writer.set_write_timeout(time).map_err(what)
    };
    set(writer, Some(STUCK))?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(_) => break,
        }
    }
    set(writer, None)?;
    Ok(rest)
}

/// Whether the request lets its connection live on.
fn keeps(head: &str) -> bool {
    let version_1_0 = head
        .split("\r\n")
        .next()
        .is_some_and(|line| line.ends_with("HTTP/1.0"));
    let close = field_values(head, "connection")
        .iter()
        .any(|v| v.eq_ignore_ascii_case("close"));
    !version_1_0 && !close
}
