//! In which pieces an answer's body goes on: as nginx's buffers make them.

use bytes::{Bytes, BytesMut};

use super::exchange::Layout;
use super::groups::Groups;

/// The pieces of a body.
pub enum Pieces {
    /// As they come: there is no head, and nothing to tell them apart by.
    AsTheyCome,
    /// Full buffers, until no more comes; the client cannot tell how they were grouped.
    Full(Hold),
    /// Each piece is one chunk of the client's.
    Groups(Box<Groups>),
}

/// What is known of bytes that are not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coming {
    /// They may lie in the socket.
    Maybe,
    /// Not now.
    Later,
    Nothing,
}

/// What is held back of the last buffer.
pub struct Hold {
    /// Bytes that the first buffer has room for behind the head.
    pub first: usize,
    /// Size of the others.
    pub size: usize,
    pub held: BytesMut,
    /// Bytes passed on so far.
    pub passed: u64,
    /// What goes on behind the piece that was just given.
    pub follows: Bytes,
}

impl Pieces {
    /// Takes bytes in; gives a piece where one is ready at once.
    pub fn take(&mut self, bytes: Bytes) -> Option<Bytes> {
        match self {
            Self::AsTheyCome => Some(bytes),
            Self::Full(hold) => hold.pass(bytes),
            Self::Groups(groups) => {
                groups.take(&bytes);
                None
            }
        }
    }

    /// A piece of what was taken in before.
    pub fn next(&mut self, coming: Coming, layout: Option<&mut Layout>) -> Option<Bytes> {
        match self {
            Self::AsTheyCome => None,
            Self::Full(hold) if !hold.follows.is_empty() => Some(std::mem::take(&mut hold.follows)),
            Self::Full(hold) => (coming == Coming::Nothing && !hold.held.is_empty())
                .then(|| std::mem::take(&mut hold.held).freeze()),
            Self::Groups(groups) => groups.next(layout, coming),
        }
    }

    /// Nothing that is held back goes on.
    pub fn forget(&mut self) {
        match self {
            Self::AsTheyCome => {}
            Self::Full(hold) => hold.held.clear(),
            Self::Groups(groups) => groups.forget(),
        }
    }

    /// The place in the body that the next read may reach, if that shows; `read` is what came before.
    pub fn end_of_room(&mut self, read: u64) -> Option<u64> {
        match self {
            Self::Groups(groups) => Some(groups.end_of_room(read)),
            Self::AsTheyCome | Self::Full(_) => None,
        }
    }

    /// Where the piece that was given last is flushed before its end.
    pub fn take_ends(&mut self) -> Vec<usize> {
        match self {
            Self::Groups(groups) => groups.take_ends(),
            Self::AsTheyCome | Self::Full(_) => Vec::new(),
        }
    }

    /// Each piece is a chunk of its own.
    pub fn apart(&self) -> bool {
        matches!(self, Self::Groups(_))
    }
}

impl Hold {
    /// How many of `total` waiting bytes fill buffers.
    fn ready(&self, total: usize) -> usize {
        let passed = usize::try_from(self.passed).unwrap_or(usize::MAX);
        let end = passed.saturating_add(total);
        if end < self.first {
            return 0;
        }
        let full = self.first + (end - self.first) / self.size.max(1) * self.size.max(1);
        full.saturating_sub(passed)
    }

    /// Takes bytes in; gives those that fill buffers.
    fn pass(&mut self, mut bytes: Bytes) -> Option<Bytes> {
        let total = self.held.len() + bytes.len();
        let ready = self.ready(total);
        if ready == 0 {
            self.held.extend_from_slice(&bytes);
            return None;
        }
        self.passed += ready as u64;
        if self.held.is_empty() {
            let out = bytes.split_to(ready);
            self.held.extend_from_slice(&bytes);
            return Some(out);
        }
        self.follows = bytes.split_to(ready - self.held.len());
        let out = std::mem::take(&mut self.held).freeze();
        self.held.extend_from_slice(&bytes);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold() -> Hold {
        Hold {
            first: 10,
            size: 4,
            held: BytesMut::new(),
            passed: 0,
            follows: Bytes::new(),
        }
    }

    #[test]
    fn what_was_held_back_need_not_be_copied_to_what_follows() {
        let mut pieces = Pieces::Full(hold());
        assert_eq!(
            pieces.take(Bytes::from_static(b"123456789012")).unwrap(),
            "1234567890"
        );
        assert_eq!(pieces.next(Coming::Maybe, None), None);
        assert_eq!(pieces.take(Bytes::from_static(b"345678901")).unwrap(), "12");
        assert_eq!(pieces.next(Coming::Maybe, None).unwrap(), "345678");
        assert_eq!(pieces.next(Coming::Maybe, None), None);
        assert_eq!(pieces.next(Coming::Nothing, None).unwrap(), "901");
        assert_eq!(pieces.next(Coming::Nothing, None), None);
    }
}
