//! In which pieces an answer's body goes on: as nginx's buffers make them.

use bytes::{Bytes, BytesMut};

/// The pieces of a body.
pub enum Pieces {
    /// As they come: the upstream sent them in chunks.
    AsTheyCome,
    /// Full buffers, until no more comes; the client cannot tell how they were grouped.
    Full(Hold),
    /// Each piece is one chunk of the client's.
    Groups(Groups),
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
    /// Bytes that fill buffers go on in one piece, whatever was held back before them (for filters, which see pieces).
    pub joined: bool,
    /// What goes on behind the piece that was just given.
    pub follows: Bytes,
}

/// Whole buffers together, as many as may be on their way to a client at once.
pub struct Groups {
    /// Bytes that the first buffer has room for behind the head.
    pub first: u64,
    /// Size of the others.
    pub size: u64,
    /// `proxy_busy_buffers_size`; `None` without buffering: what is there goes, one buffer at most.
    pub most: Option<u64>,
    pub held: BytesMut,
    /// Bytes passed on so far.
    pub passed: u64,
}

impl Pieces {
    /// Takes bytes in; gives a piece where one is ready at once.
    pub fn take(&mut self, bytes: Bytes) -> Option<Bytes> {
        match self {
            Self::AsTheyCome => Some(bytes),
            Self::Full(hold) => hold.pass(bytes),
            Self::Groups(groups) => {
                groups.held.extend_from_slice(&bytes);
                None
            }
        }
    }

    /// A piece of what was taken in before.
    pub fn next(&mut self, coming: Coming) -> Option<Bytes> {
        match self {
            Self::AsTheyCome => None,
            Self::Full(hold) if !hold.follows.is_empty() => Some(std::mem::take(&mut hold.follows)),
            Self::Full(hold) => (coming == Coming::Nothing && !hold.held.is_empty())
                .then(|| std::mem::take(&mut hold.held).freeze()),
            Self::Groups(groups) => groups.next(coming),
        }
    }

    /// Nothing that is held back goes on.
    pub fn forget(&mut self) {
        match self {
            Self::AsTheyCome => {}
            Self::Full(hold) => hold.held.clear(),
            Self::Groups(groups) => groups.held.clear(),
        }
    }

    /// Each piece is a chunk of its own.
    pub fn apart(&self) -> bool {
        matches!(self, Self::Groups(_))
    }
}

impl Groups {
    fn next(&mut self, coming: Coming) -> Option<Bytes> {
        let held = self.held.len() as u64;
        if held == 0 {
            return None;
        }
        let length = match self.most {
            None => held.min(self.size),
            Some(most) => self.buffers(held, most, coming)?,
        };
        self.passed += length;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Some(self.held.split_to(length.min(self.held.len())).freeze())
    }

    /// How many of the bytes held make the next group.
    fn buffers(&self, held: u64, most: u64, coming: Coming) -> Option<u64> {
        let mut length = 0;
        loop {
            let longer = self.buffer_end(self.passed + length) - self.passed;
            if length > 0 && longer > most {
                return Some(length);
            }
            if longer > held {
                break;
            }
            length = longer;
        }
        match coming {
            // The last buffer need not be full.
            Coming::Nothing => Some(held),
            Coming::Later => Some(length).filter(|&n| n > 0),
            Coming::Maybe => None,
        }
    }

    /// Where the buffer ends that holds the byte at `at`.
    fn buffer_end(&self, at: u64) -> u64 {
        match at.checked_sub(self.first) {
            None => self.first,
            Some(behind) => {
                let size = self.size.max(1);
                self.first + (behind / size + 1) * size
            }
        }
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
        let of_new = bytes.split_to(ready - self.held.len());
        if self.joined {
            self.held.extend_from_slice(&of_new);
        } else {
            self.follows = of_new;
        }
        let out = std::mem::take(&mut self.held).freeze();
        self.held.extend_from_slice(&bytes);
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(joined: bool) -> Hold {
        Hold {
            first: 10,
            size: 4,
            held: BytesMut::new(),
            passed: 0,
            joined,
            follows: Bytes::new(),
        }
    }

    #[test]
    fn only_full_buffers_pass() {
        let mut hold = hold(true);
        assert_eq!(hold.pass(Bytes::from_static(b"12345")), None);
        assert_eq!(
            hold.pass(Bytes::from_static(b"6789012")).as_deref(),
            Some(&b"1234567890"[..])
        );
        assert_eq!(
            hold.pass(Bytes::from_static(b"345678")).as_deref(),
            Some(&b"12345678"[..])
        );
        assert!(hold.held.is_empty());
    }

    #[test]
    fn what_was_held_back_need_not_be_copied_to_what_follows() {
        let mut pieces = Pieces::Full(hold(false));
        assert_eq!(
            pieces.take(Bytes::from_static(b"123456789012")).unwrap(),
            "1234567890"
        );
        assert_eq!(pieces.next(Coming::Maybe), None);
        assert_eq!(pieces.take(Bytes::from_static(b"345678901")).unwrap(), "12");
        assert_eq!(pieces.next(Coming::Maybe).unwrap(), "345678");
        assert_eq!(pieces.next(Coming::Maybe), None);
        assert_eq!(pieces.next(Coming::Nothing).unwrap(), "901");
        assert_eq!(pieces.next(Coming::Nothing), None);
    }

    #[test]
    fn groups_hold_whole_buffers_up_to_the_limit() {
        let mut groups = Groups {
            first: 10,
            size: 4,
            most: Some(15),
            held: BytesMut::from(&[b'x'; 9][..]),
            passed: 0,
        };
        let lengths = |groups: &mut Groups, coming| groups.next(coming).map(|b| b.len());
        assert_eq!(lengths(&mut groups, Coming::Later), None);
        groups.held.extend_from_slice(&[b'x'; 20]);
        assert_eq!(lengths(&mut groups, Coming::Maybe), Some(14));
        assert_eq!(lengths(&mut groups, Coming::Maybe), Some(12));
        assert_eq!(lengths(&mut groups, Coming::Maybe), None);
        assert_eq!(lengths(&mut groups, Coming::Later), None);
        assert_eq!(lengths(&mut groups, Coming::Nothing), Some(3));
        assert_eq!(lengths(&mut groups, Coming::Nothing), None);
    }
}
