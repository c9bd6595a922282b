//! Where the bytes of an answer's body go.

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

/// Where body bytes go: awc's read buffer, with what did not fit waiting beside it.
pub struct BodyBuffer<'a, 'b> {
    pub room: &'a mut ReadBuf<'b>,
    /// A chunk's bytes that did not fit.
    pub rest: &'a mut Bytes,
}

impl BodyBuffer<'_, '_> {
    /// Moves up to `most` bytes of `input`; `None` where there are none.
    pub(super) fn take(&mut self, input: &mut BytesMut, most: usize) -> Option<usize> {
        let n = input.len().min(most).min(self.room.remaining());
        if n == 0 {
            return None;
        }
        self.room.put_slice(input.get(..n)?);
        input.advance(n);
        Some(n)
    }

    pub(super) fn take_rest(&mut self) -> Option<usize> {
        let n = self.rest.len().min(self.room.remaining());
        if n == 0 {
            return None;
        }
        self.room.put_slice(self.rest.get(..n)?);
        self.rest.advance(n);
        Some(n)
    }

    pub(super) fn put(&mut self, bytes: Bytes) -> usize {
        *self.rest = bytes;
        self.take_rest().unwrap_or(0)
    }
}
