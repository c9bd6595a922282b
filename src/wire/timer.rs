//! One timer a connection: moving the deadline costs nothing, since the clock's own entry is only moved when it fires early.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A deadline that can be set again and again.
#[derive(Debug, Default)]
pub struct Timer {
    sleep: RefCell<Option<Pin<Box<Sleep>>>>,
    deadline: Cell<Option<Instant>>,
}

impl Timer {
    pub fn new() -> Self {
        Self::default()
    }

    /// The timer expires `after` from now.
    pub fn set(&self, after: Duration) {
        self.deadline.set(Some(Instant::now() + after));
    }

    /// The timer never expires.
    pub fn clear(&self) {
        self.deadline.set(None);
    }

    pub fn is_set(&self) -> bool {
        self.deadline.get().is_some()
    }

    /// Ready once the deadline has passed; the deadline is then cleared.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline.get() else {
            return Poll::Pending;
        };
        let mut slot = self.sleep.borrow_mut();
        let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // An entry that is due later than the deadline must move at once; an earlier one moves when it fires.
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                self.deadline.set(None);
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
