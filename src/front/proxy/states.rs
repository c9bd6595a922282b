//! What happened with each upstream that a request tried: what `$upstream_…` variables and the story tell.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::wire::head::AnswerHead;

/// The tries of a request, in order.
#[derive(Debug, Default)]
pub struct UpstreamStates {
    pub tries: RefCell<Vec<UpstreamState>>,
    /// How many of them belong to requests to upstreams before this one.
    earlier: Cell<usize>,
    /// The head of the last answer.
    pub head: RefCell<Option<Rc<AnswerHead>>>,
}

/// One try.
#[derive(Debug, Clone, Default)]
pub struct UpstreamState {
    /// `$upstream_addr`: the peer, or the upstream's name where no peer could be chosen.
    pub peer: String,
    /// The first try of another `proxy_pass` than the tries before it had: an internal redirect lies between.
    pub after_redirect: bool,
    /// 0 while there is none.
    pub status: u16,
    pub connect_time: Option<Duration>,
    pub header_time: Option<Duration>,
    pub response_time: Option<Duration>,
    pub response_length: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
}

impl UpstreamStates {
    /// A request to an upstream begins; what was tried before belongs to one before an internal redirect.
    pub fn begin(&self) {
        self.earlier.set(self.tries.borrow().len());
    }

    /// A try begins.
    pub fn push(&self, mut state: UpstreamState) {
        let mut tries = self.tries.borrow_mut();
        state.after_redirect = !tries.is_empty() && tries.len() == self.earlier.get();
        tries.push(state);
    }

    /// Changes the try under way.
    pub fn last(&self, change: impl FnOnce(&mut UpstreamState)) {
        if let Some(state) = self.tries.borrow_mut().last_mut() {
            change(state);
        }
    }
}
