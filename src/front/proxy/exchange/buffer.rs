//! Where the bytes of an answer's body go.

use std::io;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::stream::Stream;

/// Where body bytes go: awc's read buffer, with what did not fit waiting beside it.
pub struct BodyBuffer<'a> {
    pub slice: &'a mut [u8],
    /// A chunk's bytes that did not fit.
    pub rest: &'a mut Bytes,
}

impl BodyBuffer<'_> {
    pub(super) fn take(&mut self, input: &mut BytesMut, most: usize) -> Option<usize> {
        let n = input.len().min(most).min(self.slice.len());
        if n == 0 {
            return None;
        }
        self.slice.get_mut(..n)?.copy_from_slice(input.get(..n)?);
        input.advance(n);
        Some(n)
    }

    pub(super) fn take_rest(&mut self) -> Option<usize> {
        let n = self.rest.len().min(self.slice.len());
        if n == 0 {
            return None;
        }
        self.slice
            .get_mut(..n)?
            .copy_from_slice(self.rest.get(..n)?);
        self.rest.advance(n);
        Some(n)
    }

    pub(super) fn put(&mut self, bytes: Bytes) -> usize {
        *self.rest = bytes;
        self.take_rest().unwrap_or(0)
    }

    pub(super) fn poll_fill(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let n = self.slice.len().min(most);
        match self.slice.get_mut(..n) {
            Some(part) if n > 0 => stream.poll_read_slice(cx, part),
            _ => Poll::Ready(Ok(0)),
        }
    }
}
