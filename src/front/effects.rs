//! What answering a request does beside making bytes, behind one small interface: a server does it, `explain` only
//! writes down that it would.
//!
//! Reading is no effect: files are looked at and the clock is read in both. Peers are chosen by the worker's own
//! balancer, and whoever explains has a worker of its own: no running server's counts move.

use std::sync::atomic::{AtomicU32, Ordering};

use super::trace::Trace;
use crate::wire::spool;

/// How a worker's requests may act on the world.
#[derive(Debug, Default)]
pub enum Effects {
    /// A server: everything happens.
    #[default]
    Real,
    /// Nothing happens: no log line, no temporary file, no connection; every step is noted instead.
    Explained(Trace),
}

impl Effects {
    /// Where steps are noted, if they are.
    #[inline]
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Effects::Real => None,
            Effects::Explained(trace) => Some(trace),
        }
    }

    /// Upstreams are asked, and log lines written.
    pub fn happen(&self) -> bool {
        matches!(self, Effects::Real)
    }

    /// The number of the next `multipart/byteranges`, counted in the whole process, together with temporary files.
    pub fn next_boundary(&self) -> u64 {
        spool::next_number(!self.happen())
    }

    /// Counts on in a count of the whole process, and gives what it was.
    pub fn count(&self, count: &AtomicU32, next: impl Fn(u32) -> u32) -> u32 {
        if !self.happen() {
            return count.load(Ordering::Relaxed);
        }
        let on = |now| Some(next(now));
        let before = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, on);
        before.unwrap_or_else(|now| now)
    }

    /// How much of a request's body stays in memory before a temporary file is made.
    pub fn body_memory(&self, configured: usize) -> usize {
        if self.happen() {
            configured
        } else {
            usize::MAX
        }
    }
}
