//! nginx's buffers for heads. Nothing is stored in them here, but where they end decides what is too long (414, 494), and
//! a pipelined head begins in what the one before it left of its buffer.

use super::{HeadLimits, HeadReader};

/// The buffer that nginx reads into, in offsets of the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// Where it ends.
    pub(super) end: usize,
    /// Its size.
    size: usize,
    /// Large ones in use.
    large: usize,
}

impl Window {
    /// The connection's first one.
    pub(super) fn first(limits: &HeadLimits) -> Self {
        Window {
            end: limits.buffer_size,
            size: limits.buffer_size,
            large: 0,
        }
    }

    /// Drops `empty` bytes before a head. A buffer full of them is used again from its start.
    pub(super) fn drop_empty(&mut self, empty: usize) {
        self.end = match empty.checked_sub(self.end) {
            None => self.end - empty,
            Some(over) => self.size - over % self.size.max(1),
        };
    }

    /// Goes to the next large buffer, whose first byte is the head's `start`. False: there is none.
    pub(super) fn go_on(&mut self, start: usize, (number, size): (usize, usize)) -> bool {
        if self.large >= number {
            return false;
        }
        *self = Window {
            end: size + start,
            size,
            large: self.large + 1,
        };
        true
    }
}

/// The buffer that a head ended in, in offsets from the head's end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    window: Window,
    /// The size of large ones, in the server that the head chose.
    large_size: usize,
}

impl Left {
    /// What is left of `window` behind a head of `len` bytes; so much of it holds some of the `waiting` bytes.
    pub(super) fn behind(
        window: Window,
        len: usize,
        waiting: usize,
        limits: &HeadLimits,
    ) -> (Self, Behind) {
        let large_size = limits.large_buffers.1;
        let end = window.end.saturating_sub(len);
        let window = Window {
            end,
            // nginx keeps no more than this one.
            large: window.large.min(1),
            ..window
        };
        let behind = Behind {
            held: end.min(waiting),
            portion: large_size.min(DISCARDED),
        };
        (Left { window, large_size }, behind)
    }

    /// The buffer that holds some of the next head already.
    fn next(self, body: BodyEnd) -> Option<Window> {
        let Left { window, large_size } = self;
        match body {
            BodyEnd::Within(len) => Some(Window {
                end: window.end.saturating_sub(len),
                ..window
            }),
            BodyEnd::Apart => None,
            BodyEnd::ReadAlong(len) if len > window.size => Some(Window {
                end: large_size,
                size: large_size,
                large: 1,
            }),
            BodyEnd::ReadAlong(_) => Some(Window {
                end: window.size,
                ..window
            }),
        }
    }
}

/// Most that nginx reads at a time of a body that it throws away (`NGX_HTTP_DISCARD_BUFFER_SIZE`).
const DISCARDED: usize = 4096;

/// What nginx has read behind a head, and how it reads on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behind {
    /// Bytes that the head's buffer took along.
    pub held: usize,
    /// Bytes that it asks for at a time while it reads a body in chunks.
    pub portion: usize,
}

/// Where a request's body ended: how much of the next request nginx has read then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// So many bytes behind the head, and the buffer that the head ended in holds more.
    Within(usize),
    /// With a buffer's last byte, or read to its end and no further.
    Apart,
    /// With a chunk: so many bytes came along with it. They go to the beginning of the head's buffer, or to a large one
    /// where it is too short.
    ReadAlong(usize),
}

impl BodyEnd {
    /// Of a body of `len` bytes, framing included, where `waiting` bytes follow it.
    pub fn new(len: u64, chunked: bool, behind: Behind, waiting: usize) -> Self {
        let Ok(len) = usize::try_from(len) else {
            return BodyEnd::Apart;
        };
        match len.checked_sub(behind.held) {
            None => BodyEnd::Within(len),
            Some(beyond) if beyond > 0 && chunked => {
                let last = beyond.checked_rem(behind.portion).unwrap_or(0);
                let room = if last == 0 { 0 } else { behind.portion - last };
                match room.min(waiting) {
                    0 => BodyEnd::Apart,
                    along => BodyEnd::ReadAlong(along),
                }
            }
            Some(_) => BodyEnd::Apart,
        }
    }
}

impl HeadReader {
    /// Makes ready for the connection's next head. True where nginx has read some of it (`$pipe`): then it goes on in the last
    /// head's buffer, else it begins in a new one.
    pub fn begin_next(&mut self, body: BodyEnd) -> bool {
        let next = self.left.and_then(|left| left.next(body));
        *self = HeadReader {
            carried: next,
            ..HeadReader::new()
        };
        next.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_bodies() {
        let behind = Behind {
            held: 100,
            portion: 512,
        };
        let end = |len, chunked| BodyEnd::new(len, chunked, behind, 1000);
        assert_eq!(end(0, false), BodyEnd::Within(0));
        assert_eq!(end(99, true), BodyEnd::Within(99));
        assert_eq!(end(100, true), BodyEnd::Apart);
        assert_eq!(end(101, false), BodyEnd::Apart);
        assert_eq!(end(101, true), BodyEnd::ReadAlong(511));
        assert_eq!(end(612, true), BodyEnd::Apart);
        assert_eq!(end(613, true), BodyEnd::ReadAlong(511));
        let nothing_more = BodyEnd::new(101, true, behind, 0);
        assert_eq!(nothing_more, BodyEnd::Apart);
    }
}
