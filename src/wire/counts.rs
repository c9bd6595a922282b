//! What `stub_status` tells: nginx's counts of connections and requests, of all workers and across reloads.
//!
//! A connection waits before the first byte of a request, between two requests, and while it lingers. A request is read
//! until its head is whole and right, then it is written until nothing of it is left; one that is refused before is
//! never written. <https://nginx.org/en/docs/http/ngx_http_stub_status_module.html>

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of a process.
#[derive(Debug, Default)]
pub struct Counts {
    accepted: AtomicU64,
    handled: AtomicU64,
    requests: AtomicU64,
    active: AtomicU64,
    reading: AtomicU64,
    writing: AtomicU64,
    waiting: AtomicU64,
}

/// The counts as they are at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    pub accepted: u64,
    /// Accepted, and a worker had a place for it.
    pub handled: u64,
    pub requests: u64,
    pub active: u64,
    pub reading: u64,
    pub writing: u64,
    pub waiting: u64,
}

impl Counts {
    pub fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn figures(&self) -> Figures {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Figures {
            accepted: of(&self.accepted),
            handled: of(&self.handled),
            requests: of(&self.requests),
            active: of(&self.active),
            reading: of(&self.reading),
            writing: of(&self.writing),
            waiting: of(&self.waiting),
        }
    }
}

/// One more while it lives.
#[derive(Debug)]
pub struct OneMore<'a>(&'a AtomicU64);

impl<'a> OneMore<'a> {
    fn of(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is handled, among the active ones until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<Counts>);

impl Counted {
    pub fn new(counts: Arc<Counts>) -> Self {
        counts.handled.fetch_add(1, Ordering::Relaxed);
        counts.active.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }

    pub fn figures(&self) -> Figures {
        self.0.figures()
    }

    /// It waits, as long as this lives.
    pub fn waiting(&self) -> OneMore<'_> {
        OneMore::of(&self.0.waiting)
    }

    /// A request has begun.
    pub fn request(&self) -> RequestCounted<'_> {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        RequestCounted {
            counts: &self.0,
            now: Cell::new(Some(OneMore::of(&self.0.reading))),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request that is being read or written, until it is dropped.
pub struct RequestCounted<'a> {
    counts: &'a Counts,
    now: Cell<Option<OneMore<'a>>>,
}

impl RequestCounted<'_> {
    /// Its head is whole and right.
    pub fn is_read(&self) {
        self.now.set(Some(OneMore::of(&self.counts.writing)));
    }

    /// It is answered, and its log is written: nginx does that when it no longer counts it.
    pub fn is_answered(&self) {
        self.now.take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reading, writing, waiting.
    fn now(counts: &Counts) -> [u64; 3] {
        let figures = counts.figures();
        [figures.reading, figures.writing, figures.waiting]
    }

    #[test]
    fn a_request_is_read_then_written_and_not_counted_by_its_log() {
        let counts = Arc::new(Counts::default());
        counts.accepted();
        let connection = Counted::new(counts.clone());
        let waiting = connection.waiting();
        assert_eq!(now(&counts), [0, 0, 1]);
        drop(waiting);
        let request = connection.request();
        assert_eq!(now(&counts), [1, 0, 0]);
        request.is_read();
        assert_eq!(now(&counts), [0, 1, 0]);
        request.is_answered();
        assert_eq!(now(&counts), [0, 0, 0]);
        drop(request);
        assert_eq!(now(&counts), [0, 0, 0]);
        assert_eq!(counts.figures().active, 1);
        drop(connection);
        let all = counts.figures();
        assert_eq!(
            [all.accepted, all.handled, all.requests, all.active],
            [1, 1, 1, 0]
        );
    }
}
