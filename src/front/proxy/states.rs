//! What happened with each upstream that a request tried: what `$upstream_…` variables and the story tell.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::config::written::shown;
use crate::wire::head::AnswerHead;

/// The tries of a request, in order.
#[derive(Debug, Default)]
pub struct UpstreamStates {
    pub tries: RefCell<Vec<UpstreamState>>,
    /// The head of the last answer.
    pub head: RefCell<Option<Rc<AnswerHead>>>,
    /// The request target sent, for the log.
    pub uri: RefCell<Bytes>,
    /// `GET /users`, as sent to the peers that are tried from now on; where there are stories to be told.
    pub line: RefCell<Option<Rc<str>>>,
}

/// One try.
#[derive(Debug, Clone, Default)]
pub struct UpstreamState {
    /// `$upstream_addr`: the peer, or the upstream's name where no peer could be chosen. `None` parts the tries of one
    /// location from those of the next.
    pub peer: Option<String>,
    /// The upstream in whose place it was asked (`--stub-upstreams`).
    pub stands_for: Option<String>,
    /// What it was sent, where there are stories to be told.
    pub line: Option<Rc<str>>,
    /// 0 while there is none.
    pub status: u16,
    pub connect_time: Option<Duration>,
    pub header_time: Option<Duration>,
    pub response_time: Option<Duration>,
    pub response_length: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// There was no socket to ask by.
    pub unasked: bool,
}

impl UpstreamState {
    /// `$upstream_addr` of the try alone; nginx learns a peer's name when there is a socket.
    pub fn address(&self) -> Option<&str> {
        self.peer.as_deref().filter(|_| !self.unasked)
    }
}

/// `http://127.0.0.1:5000/users`: a peer by its name and the target asked of it, as nginx's log names them; a text for
/// [`bytes`](crate::config::written::bytes).
pub fn url(peer: &str, uri: &[u8]) -> String {
    let separator = if peer.starts_with("unix:") { ":" } else { "" };
    let uri = shown(uri);
    format!("http://{peer}{separator}{uri}")
}

impl UpstreamStates {
    /// Another location begins to ask: what came before is parted from what comes.
    pub fn begin(&self) {
        let mut tries = self.tries.borrow_mut();
        if !tries.is_empty() {
            tries.push(UpstreamState::default());
        }
    }

    /// The URL that the last peer was asked for, as error lines name it; `None` where none was asked.
    pub fn url(&self) -> Option<String> {
        let tries = self.tries.borrow();
        let peer = tries.last()?.peer.as_ref()?;
        Some(url(peer, &self.uri.borrow()))
    }

    /// Writes over bytes of the head, as nginx does where it rewrites a value in place: `$upstream_http_…` tells of it.
    pub fn overwrite(&self, start: usize, bytes: &[u8]) {
        let mut head = self.head.borrow_mut();
        let Some(old) = head.as_deref() else { return };
        let mut raw = BytesMut::from(&old.raw[..]);
        let Some(place) = raw.get_mut(start..start.saturating_add(bytes.len())) else {
            return;
        };
        place.copy_from_slice(bytes);
        *head = Some(Rc::new(AnswerHead {
            raw: raw.freeze(),
            ..old.clone()
        }));
    }

    /// The peer was sent some of the request.
    pub fn is_sent(&self) -> bool {
        self.tries
            .borrow()
            .last()
            .is_some_and(|state| state.bytes_sent > 0)
    }

    /// No answer counts until the next one comes.
    pub fn forget_answer(&self) {
        *self.head.borrow_mut() = None;
    }

    /// The try under way ended before anything came of it.
    pub fn give_up(&self) {
        self.last(|state| {
            state.response_time.get_or_insert_default();
        });
    }

    /// A try begins.
    pub fn push(&self, state: UpstreamState) {
        let line = self.line.borrow().clone();
        let state = UpstreamState { line, ..state };
        self.tries.borrow_mut().push(state);
    }

    /// There was no socket for the try under way.
    pub fn was_not_asked(&self) {
        self.last(|state| state.unasked = true);
    }

    /// Changes the try under way.
    pub fn last(&self, change: impl FnOnce(&mut UpstreamState)) {
        if let Some(state) = self.tries.borrow_mut().last_mut() {
            change(state);
        }
    }
}
