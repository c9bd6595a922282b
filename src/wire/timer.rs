//! One timer a connection: moving the deadline costs nothing, since the clock is read only where somebody waits for it, and
//! the clock's own entry is only moved when it fires early.

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
    deadline: Cell<Deadline>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Deadline {
    #[default]
    Never,
    /// So long from the moment that somebody waits.
    After(Duration),
    At(Instant),
}

impl Timer {
    pub fn new() -> Self {
        Self::default()
    }

    /// The timer expires `after` from the moment that somebody waits for it, which is commonly now.
    pub fn set(&self, after: Duration) {
        self.deadline.set(Deadline::After(after));
    }

    /// The timer never expires.
    pub fn clear(&self) {
        self.deadline.set(Deadline::Never);
    }

    pub fn is_set(&self) -> bool {
        !matches!(self.deadline.get(), Deadline::Never)
    }

    /// Ready once the deadline has passed; the deadline is then cleared.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = match self.deadline.get() {
            Deadline::Never => return Poll::Pending,
            Deadline::At(deadline) => deadline,
            // No time at all is over at once, as in nginx, and not at the clock's next tick.
            Deadline::After(Duration::ZERO) => {
                self.deadline.set(Deadline::Never);
                return Poll::Ready(());
            }
            Deadline::After(after) => {
                let deadline = Instant::now() + after;
                self.deadline.set(Deadline::At(deadline));
                deadline
            }
        };
        let mut slot = self.sleep.borrow_mut();
        let sleep = slot.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        // An entry that is due later than the deadline must move at once; an earlier one moves when it fires.
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= deadline {
                self.deadline.set(Deadline::Never);
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }
}
