//! `Expect: 100-continue` (RFC 9110 section 10.1.1): a client that waits before it sends its body, and when it is told to
//! go on.

use std::io::IoSlice;
use std::task::{Context, Poll, ready};

use super::RequestBody;
use crate::wire::head::RequestHead;

/// The interim answer that a client with `Expect: 100-continue` waits for.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What there is of `Expect: 100-continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Nothing,
    /// The client waits before it sends.
    Waits,
    /// It will be told with the answer.
    Promised,
    Told,
}

impl Expect {
    pub(super) fn of(head: &RequestHead) -> Self {
        match head.expect_continue {
            true => Self::Waits,
            false => Self::Nothing,
        }
    }
}

impl RequestBody {
    /// The client waits for `100 Continue`, and was not told.
    pub fn is_expected(&self) -> bool {
        self.expect.get() == Expect::Waits
    }

    /// A `100 Continue` that the client waits for leaves with the answer (nginx sends it at once:
    /// `ngx_http_test_expect`).
    pub fn promise_continue(&self) {
        if self.is_expected() {
            self.expect.set(Expect::Promised);
        }
    }

    /// It will be told with the answer.
    pub fn is_promised(&self) -> bool {
        self.expect.get() == Expect::Promised
    }

    /// Whether the answer that leaves now has a `100 Continue` before it; told once.
    pub fn take_continue(&self) -> bool {
        let left = match self.expect.get() {
            Expect::Promised => Expect::Told,
            Expect::Waits => Expect::Nothing,
            Expect::Nothing | Expect::Told => return false,
        };
        self.expect.set(left);
        true
    }

    /// Bytes that went before the answer, as nginx counts.
    pub fn sent_before(&self) -> u64 {
        match self.expect.get() {
            Expect::Promised | Expect::Told => CONTINUE.len() as u64,
            Expect::Nothing | Expect::Waits => 0,
        }
    }

    /// No `100 Continue` will be sent (an error answer goes out instead), unless it was promised.
    pub fn forget_expect(&self) {
        if self.is_expected() {
            self.expect.set(Expect::Nothing);
        }
    }

    /// A client that waits for it is told to go on; done once, before anything of the body is read.
    pub fn poll_begin(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_expected() {
            return Poll::Ready(());
        }
        let written = ready!(
            self.connection
                .stream
                .poll_write(cx, &[IoSlice::new(CONTINUE)])
        );
        self.expect.set(Expect::Nothing);
        match written {
            Ok(n) if n == CONTINUE.len() => {
                self.expect.set(Expect::Told);
                self.connection
                    .sent
                    .set(self.connection.sent.get() + n as u64);
            }
            _ => self.connection.broken.set(true),
        }
        Poll::Ready(())
    }
}
