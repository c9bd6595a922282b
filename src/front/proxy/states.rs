//! What happened with each upstream that a request tried: what `$upstream_…` variables and the story tell.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::wire::head::AnswerHead;

/// The tries of a request, in order.
#[derive(Debug, Default)]
pub struct UpstreamStates {
    pub tries: RefCell<Vec<UpstreamState>>,
    /// The head of the last answer.
    pub head: RefCell<Option<Rc<AnswerHead>>>,
}

/// One try.
#[derive(Debug, Clone, Default)]
pub struct UpstreamState {
    /// `$upstream_addr`: the peer, or the upstream's name where no peer could be chosen. `None` parts the tries of one
    /// location from those of the next.
    pub peer: Option<String>,
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
    /// Another location begins to ask: what came before is parted from what comes.
    pub fn begin(&self) {
        let mut tries = self.tries.borrow_mut();
        if !tries.is_empty() {
            tries.push(UpstreamState::default());
        }
    }

    /// No answer counts until the next one comes.
    pub fn forget_answer(&self) {
        *self.head.borrow_mut() = None;
    }

    /// Changes the try under way.
    pub fn last(&self, change: impl FnOnce(&mut UpstreamState)) {
        if let Some(state) = self.tries.borrow_mut().last_mut() {
            change(state);
        }
    }
}
