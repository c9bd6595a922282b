//! The backends: raw TCP servers that answer as a case scripts them, and note every byte that they get.

use super::OracleError;
use super::case::{ReadUntil, Then};
use super::framing::{End, Incoming, field_values, patience};
use socket2::SockRef;
use std::collections::VecDeque;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One scripted answer, its names replaced.
#[derive(Debug, Clone)]
pub struct Answer {
    pub parts: Vec<Vec<u8>>,
    pub read: ReadUntil,
    pub then: Then,
}

/// What one backend received as one request, or as what there was of one.
#[derive(Debug, Clone)]
pub struct Received {
    /// Counted from 1, in the order of `@BACKEND@`, `@BACKEND2@`, ….
    pub backend: usize,
    /// The how manieth request of its connection, from 1.
    pub on_connection: usize,
    pub bytes: Vec<u8>,
    /// The proxy's address, where it is not 127.0.0.1.
    pub from: Option<IpAddr>,
    /// What happened besides.
    pub note: Option<&'static str>,
}

/// All backends of a run, and their common script.
pub struct Backends {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
    paths: Vec<PathBuf>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    last: Option<Answer>,
    received: Vec<Received>,
    /// Exchanges under way.
    busy: usize,
    /// `release` steps not yet used.
    released: usize,
    stopping: bool,
    failure: Option<OracleError>,
}

/// As long as this nothing comes of a request that is read until nothing does. The client's own moment is longer: what it
/// waits for may be the answer to this.
const QUIET: Duration = Duration::from_millis(80);

/// What is answered where a case says nothing.
const DEFAULT_ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\nHello from upstream";

impl Backends {
    /// Starts one backend per socket.
    pub fn start(listeners: Vec<TcpListener>) -> Result<Self, OracleError> {
        let shared = Arc::new(Shared::default());
        let mut addresses = Vec::new();
        for (index, listener) in listeners.into_iter().enumerate() {
            addresses.push(
                listener
                    .local_addr()
                    .map_err(OracleError::io("local_addr"))?,
            );
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, index + 1, &shared));
        }
        Ok(Backends {
            shared,
            addresses,
            paths: Vec::new(),
        })
    }

    /// One backend more, on a Unix socket.
    pub fn listen_unix(&mut self, listener: UnixListener) {
        let path = listener.local_addr().ok();
        let path = path.and_then(|address| address.as_pathname().map(PathBuf::from));
        self.paths.extend(path);
        let index = self.addresses.len() + self.paths.len();
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || accept_unix(&listener, index, &shared));
    }

    /// Sets what is answered from now on.
    pub fn script(&self, answers: Vec<Answer>) {
        let mut state = self.shared.lock();
        state.script = answers.into();
        state.last = None;
        state.released = 0;
    }

    /// Lets one backend that waits between two parts go on.
    pub fn release(&self) {
        self.shared.lock().released += 1;
        self.shared.changed.notify_all();
    }

    /// Waits until `count` requests have come since the last `settle`.
    pub fn wait_for(&self, count: usize) -> Result<(), OracleError> {
        self.wait("requests at the backends", |state| {
            state.received.len() >= count
        })
    }

    /// An exchange is under way.
    pub fn are_busy(&self) -> bool {
        self.shared.lock().busy > 0
    }

    /// Waits until no exchange is under way; what was received since the last call.
    pub fn settle(&self) -> Result<Vec<Received>, OracleError> {
        self.wait("the backends to be done", |state| state.busy == 0)?;
        let mut state = self.shared.lock();
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(in_order(std::mem::take(&mut state.received))),
        }
    }

    fn wait(&self, what: &str, done: impl Fn(&State) -> bool) -> Result<(), OracleError> {
        let end = Instant::now() + patience();
        let mut state = self.shared.lock();
        while !done(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(OracleError::Timeout(format!("waiting for {what}")));
            }
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Ok(())
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        for address in &self.addresses {
            // Wakes the accepting thread, which then ends.
            let _ = TcpStream::connect(address);
        }
        for path in &self.paths {
            let _ = UnixStream::connect(path);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_answer(&self) -> Answer {
        let mut state = self.lock();
        if let Some(answer) = state.script.pop_front() {
            state.last = Some(answer);
        }
        state.last.clone().unwrap_or_else(|| Answer {
            parts: vec![DEFAULT_ANSWER.to_vec()],
            read: ReadUntil::Body,
            then: Then::Auto,
        })
    }

    fn note(&self, received: Received) {
        self.lock().received.push(received);
        self.changed.notify_all();
    }

    fn busy(&self, more: bool) {
        let mut state = self.lock();
        state.busy = if more {
            state.busy + 1
        } else {
            state.busy.saturating_sub(1)
        };
        self.changed.notify_all();
    }

    /// Waits for a `release` step.
    fn gate(&self) -> Result<(), OracleError> {
        let end = Instant::now() + patience();
        let mut state = self.lock();
        while state.released == 0 {
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO || state.stopping {
                return Err(OracleError::Timeout(
                    "a backend waiting for a release step".into(),
                ));
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.released -= 1;
        Ok(())
    }
}

/// What became of a connection stands behind what came on it: the next server may have been asked before that was seen.
fn in_order(received: Vec<Received>) -> Vec<Received> {
    let mut ordered: Vec<Received> = Vec::with_capacity(received.len());
    for entry in received {
        let same = |before: &Received| before.backend == entry.backend;
        match ordered.iter().rposition(same) {
            Some(at) if entry.bytes.is_empty() => ordered.insert(at + 1, entry),
            _ => ordered.push(entry),
        }
    }
    ordered
}

fn accept(listener: &TcpListener, backend: usize, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.lock().stopping {
            return;
        }
        if let Ok(stream) = stream {
            begin(stream, backend, shared);
        }
    }
}

fn accept_unix(listener: &UnixListener, backend: usize, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.lock().stopping {
            return;
        }
        if let Ok(stream) = stream {
            // Read, written and shut down alike.
            begin(TcpStream::from(OwnedFd::from(stream)), backend, shared);
        }
    }
}

fn begin(stream: TcpStream, backend: usize, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        let mut busy = false;
        if let Err(error) = serve(stream, backend, &shared, &mut busy) {
            shared.lock().failure.get_or_insert(error);
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
    let from = peer.filter(|ip| *ip != Ipv4Addr::LOCALHOST);
    // Unix sockets have no such delay.
    let _ = stream.set_nodelay(true);
    let mut writer = stream.try_clone().map_err(OracleError::io("try_clone"))?;
    let mut incoming = Incoming::new(stream)?;
    for on_connection in 1.. {
        // Idle: the proxy may keep a connection for as long as the case lasts.
        match incoming.fill() {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(OracleError::Timeout(_)) => return Ok(()),
            Err(other) => return Err(other),
        }
        shared.busy(true);
        *busy = true;
        let answer = shared.next_answer();
        let head = incoming.request(answer.read == ReadUntil::Body)?;
        let whole = head.is_some();
        if answer.read == ReadUntil::Quiet {
            incoming.until_quiet(QUIET)?;
        }
        shared.note(Received {
            backend,
            on_connection,
            from,
            bytes: if answer.read == ReadUntil::Each {
                incoming.take_understood()
            } else {
                incoming.take()
            },
            note: (!whole).then_some("closed by the proxy before the request was whole"),
        });
        let Some(head) = head else { return Ok(()) };
        if answer.read == ReadUntil::Each {
            let whole = incoming.request_body(&head)?;
            shared.note(Received {
                backend,
                on_connection,
                from,
                bytes: incoming.take(),
                note: (!whole).then_some("closed by the proxy before the request was whole"),
            });
            if !whole {
                return Ok(());
            }
        }
        if answer.then == Then::Press {
            let note = press(&mut writer, &answer.parts.concat())?;
            shared.note(Received {
                backend,
                on_connection,
                from,
                bytes: Vec::new(),
                note: Some(note.text()),
            });
            if let Pressed::Stuck(rest) = note
                && (shared.gate().is_err() || writer.write_all(&rest).is_err())
            {
                return Ok(());
            }
        } else if !write_parts(&mut writer, &answer, shared)? {
            return Ok(());
        }
        match answer.then {
            Then::Wait => {
                incoming.drain()?;
                shared.note(Received {
                    backend,
                    on_connection,
                    from,
                    bytes: incoming.take(),
                    note: Some(match incoming.end {
                        Some(End::Reset) => "reset by the proxy",
                        _ => "closed by the proxy",
                    }),
                });
                return Ok(());
            }
            Then::Echo => {
                loop {
                    let before = incoming.bytes.len();
                    let more = incoming.fill()?;
                    let new = incoming.bytes.get(before..).unwrap_or_default();
                    if !more || writer.write_all(new).is_err() {
                        break;
                    }
                }
                shared.note(Received {
                    backend,
                    on_connection,
                    from,
                    bytes: incoming.take(),
                    note: Some("echoed, then closed by the proxy"),
                });
                return Ok(());
            }
            Then::Reset => {
                SockRef::from(&writer)
                    .set_linger(Some(Duration::ZERO))
                    .map_err(OracleError::io("set_linger"))?;
                return Ok(());
            }
            Then::Close => return finish(&writer, &mut incoming),
            Then::Auto | Then::Press if !keeps(&head) => return finish(&writer, &mut incoming),
            Then::Auto | Then::Press | Then::Keep => {}
        }
        shared.busy(false);
        *busy = false;
    }
    Ok(())
}

/// How far an answer went whose client reads nothing.
enum Pressed {
    Whole,
    /// What was not taken.
    Stuck(Vec<u8>),
}

impl Pressed {
    fn text(&self) -> &'static str {
        match self {
            Pressed::Whole => "the whole answer is taken while the client reads nothing",
            Pressed::Stuck(_) => "not all of the answer is taken while the client reads nothing",
        }
    }
}

/// Writes as much as is taken; nothing taken for so long counts as the end of it.
fn press(writer: &mut TcpStream, bytes: &[u8]) -> Result<Pressed, OracleError> {
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
    Ok(if rest.is_empty() {
        Pressed::Whole
    } else {
        Pressed::Stuck(rest.to_vec())
    })
}

/// Writes an answer; `false` when the proxy has gone.
fn write_parts(
    writer: &mut TcpStream,
    answer: &Answer,
    shared: &Shared,
) -> Result<bool, OracleError> {
    for (index, part) in answer.parts.iter().enumerate() {
        if index > 0 {
            shared.gate()?;
        }
        if writer.write_all(part).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Ends the writing side, then reads on until the proxy closes: closing at once could reset the connection under the answer.
fn finish(writer: &TcpStream, incoming: &mut Incoming) -> Result<(), OracleError> {
    if writer.shutdown(Shutdown::Write).is_ok() {
        incoming.drain()?;
    }
    Ok(())
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
