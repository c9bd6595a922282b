//! A part of a field's value replaced, as nginx does it: in place, if the new one is no longer than the old one and is not
//! all there is. The upstream's own value is then another, and `$upstream_http_…` says so.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::states::UpstreamStates;

/// A value of the answer's head, or a part of one.
#[derive(Clone)]
pub struct Value {
    pub bytes: Bytes,
    /// Where it begins in the head.
    pub start: usize,
    /// The byte behind it: nginx ends the value of a field with a zero.
    pub behind: u8,
}

impl Value {
    /// A part of it.
    pub fn part(&self, bytes: &Bytes) -> Self {
        let offset = bytes
            .as_ptr()
            .addr()
            .saturating_sub(self.bytes.as_ptr().addr());
        Self {
            bytes: bytes.clone(),
            start: self.start + offset,
            behind: *self.bytes.get(offset + bytes.len()).unwrap_or(&0),
        }
    }

    /// The value with other bytes at a place of it.
    pub fn replaced(
        &self,
        old: Range<usize>,
        new: &[u8],
        states: &UpstreamStates,
    ) -> Option<Bytes> {
        let before = self.bytes.get(..old.start)?;
        let behind = self.bytes.get(old.end..)?;
        let value = Bytes::from([before, new, behind].concat());
        if old.len() < self.bytes.len() && new.len() <= old.len() {
            let mut written = BytesMut::from(value.get(old.start..)?);
            // The byte behind it moves along; where the value is as long as before, it stays.
            if value.len() < self.bytes.len() {
                written.extend_from_slice(&[self.behind]);
            }
            states.overwrite(self.start + old.start, &written);
        }
        Some(value)
    }
}
