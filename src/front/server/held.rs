//! How many connections the front holds, from the moment that a worker is given one; and the wait until there are none.
//!
//! actix-server counts them too, but a moment after it has handed one over: an end that is left to it alone may miss
//! one that is under way.

use std::sync::Arc;

use tokio::sync::watch;

/// The count of all workers, across reloads.
#[derive(Debug, Clone)]
pub struct Held(Arc<watch::Sender<usize>>);

impl Default for Held {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Held {
    /// Another connection, until what is given is dropped.
    pub fn one_more(&self) -> OneHeld {
        self.0.send_if_modified(|count| {
            *count += 1;
            false
        });
        OneHeld(self.clone())
    }

    /// Waits until there is none.
    pub async fn none(&self) {
        // It cannot fail: the sender is ours.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// A connection that is held.
#[derive(Debug)]
pub struct OneHeld(Held);

impl Drop for OneHeld {
    fn drop(&mut self) {
        self.0.0.send_if_modified(|count| {
            *count -= 1;
            *count == 0
        });
    }
}
