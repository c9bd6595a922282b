//! What an exchange is at while it reads a body, in the words of nginx's log, and what that means for bytes that are there.

use super::failure::{READING, READING_HEAD, SENDING};
use super::{Exchange, Failure};

/// How far reading a body has come; nginx's log names what it does by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Only what came with the head is known.
    WithHead,
    /// The connection was asked for more.
    Begun,
    /// It had no more, and was waited for.
    Waited,
}

impl Exchange {
    /// No more came in time, or the connection broke while more was waited for: nginx loses what lies in a buffer that is
    /// not full.
    pub fn is_lost(&self) -> bool {
        let waited = self.reading == Reading::Waited && self.layout.is_none();
        match self.failure {
            Some(Failure::TimedOut(_)) => true,
            Some(Failure::Io { .. }) => waited,
            _ => false,
        }
    }

    /// What is said of something that came behind the answer's end, once.
    pub fn take_excess(&mut self) -> Option<String> {
        let what = self.excess.take()?;
        Some(format!("upstream sent {what} while {}", self.doing()))
    }

    /// What nginx is at where bytes of the body prove wrong.
    pub(super) fn doing(&self) -> &'static str {
        match (self.buffered, self.reading) {
            (false, Reading::WithHead) => READING_HEAD,
            (false, Reading::Begun) if self.begun_with_head => SENDING,
            _ => READING,
        }
    }

    /// The system call that reads the body, and what nginx is at where it fails.
    pub(super) fn reading_by(&self) -> (&'static str, &'static str) {
        match (self.buffered, self.reading) {
            (true, _) => ("readv", READING),
            (false, Reading::Waited) => ("recv", READING),
            (false, _) => ("recv", SENDING),
        }
    }
}
