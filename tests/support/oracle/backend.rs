//! The backends: raw TCP servers that answer as a case scripts them, and note every byte that they get.

use super::OracleError;
use super::exchange::begin;
use super::framing::patience;
use super::spec::{ReadUntil, Then};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
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

/// What the backends' threads share.
#[derive(Default)]
pub(super) struct Shared {
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

    pub(super) fn next_answer(&self) -> Answer {
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

    /// Something was received, or happened.
    pub(super) fn note(&self, received: Received) {
        self.lock().received.push(received);
        self.changed.notify_all();
    }

    /// The first failure is told by the next `settle`.
    pub(super) fn fail(&self, error: OracleError) {
        self.lock().failure.get_or_insert(error);
    }

    pub(super) fn busy(&self, more: bool) {
        let mut state = self.lock();
        state.busy = if more {
            state.busy + 1
        } else {
            state.busy.saturating_sub(1)
        };
        self.changed.notify_all();
    }

    /// Waits for a `release` step.
    pub(super) fn gate(&self) -> Result<(), OracleError> {
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
