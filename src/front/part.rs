//! One range of a body that arrives with time (`proxy_force_ranges`): the rest is read and thrown away.

use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use crate::wire::answer::{BodyStream, ReadAhead, StreamCut};

/// A part of another stream.
pub struct Part {
    pub whole: Box<dyn BodyStream>,
    /// Bytes before the part that are still to come.
    pub skip: u64,
    /// Bytes of the part that are still to come.
    pub left: u64,
}

impl BodyStream for Part {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        loop {
            let mut bytes = match std::task::ready!(self.whole.poll_next(cx)) {
                Some(Ok(bytes)) => bytes,
                end => return Poll::Ready(end),
            };
            let skipped = bytes
                .len()
                .min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            bytes.advance(skipped);
            self.skip -= skipped as u64;
            bytes.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= bytes.len() as u64;
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }

    fn poll_pump(&mut self, cx: &mut Context<'_>) {
        self.whole.poll_pump(cx);
    }

    fn ahead(&self) -> ReadAhead {
        self.whole.ahead()
    }

    fn eager(&self) -> bool {
        self.whole.eager()
    }

    fn apart(&self) -> bool {
        self.whole.apart()
    }

    fn is_over(&self) -> bool {
        self.whole.is_over()
    }

    fn watches_client(&self) -> bool {
        self.whole.watches_client()
    }

    fn spilled(&mut self, number: u64) {
        self.whole.spilled(number);
    }

    fn abandon(&mut self) {
        self.whole.abandon();
    }
}
