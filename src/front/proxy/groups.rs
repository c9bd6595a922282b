//! An answer's body in nginx's buffers: which of its bytes go on together, where each group is one chunk of the client's.
//!
//! With `proxy_buffering on` it is nginx's event pipe: read until nothing more comes or all buffers are full; pass the
//! full ones on, as many at a time as `proxy_busy_buffers_size` lets; begin anew. All that waits goes on together
//! once the body ends. With `off` it is one buffer: what one read brings goes on.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::exchange::Layout;
use super::pieces::Coming;

/// The buffers of one answer.
pub struct Groups {
    /// Content that was not passed on yet.
    held: BytesMut,
    /// Bytes of content passed on so far.
    passed: u64,
    /// Where the buffer that is being filled begins, framing counted.
    begin: u64,
    /// Bytes that it has room for.
    room: u64,
    kind: Kind,
    /// Where chunks end within the group that was given last.
    ends: Vec<usize>,
}

enum Kind {
    Buffered(Buffers),
    /// The size of the one buffer.
    Unbuffered(u64),
}

struct Buffers {
    /// Size of the one that is being filled; `None` where there is none left.
    filling: Option<u64>,
    /// Those that were filled before, in the order in which they will be again.
    free: VecDeque<u64>,
    /// How many were not needed so far, and their size.
    unmade: usize,
    /// The one that is being filled was made for it.
    made: bool,
    size: u64,
    full: VecDeque<Full>,
    /// Those that are full go on before anything is read.
    writing: bool,
    /// `proxy_busy_buffers_size`
    busy: u64,
}

struct Full {
    /// Bytes of content up to its end.
    content: u64,
    size: u64,
}

/// What was read of the body.
#[derive(Clone, Copy)]
struct Read<'a> {
    /// `None` where the content is all there is.
    layout: Option<&'a Layout>,
    coming: Coming,
}

impl Groups {
    /// `proxy_buffering on`: the head's buffer (`proxy_buffer_size`) with its room behind the head, and `count` more.
    pub fn buffered(head_buffer: usize, room: usize, buffers: (usize, usize), busy: usize) -> Self {
        let (count, size) = buffers;
        Self::new(
            room as u64,
            Kind::Buffered(Buffers {
                filling: Some(head_buffer as u64),
                free: VecDeque::new(),
                unmade: count,
                made: false,
                size: size as u64,
                full: VecDeque::new(),
                writing: false,
                busy: busy as u64,
            }),
        )
    }

    /// `proxy_buffering off`: what came with the head goes first, then as much as the head's buffer takes.
    pub fn unbuffered(size: usize, came_with_head: u64) -> Self {
        let size = (size as u64).max(1);
        let room = match came_with_head {
            0 => size,
            some => some,
        };
        Self::new(room, Kind::Unbuffered(size))
    }

    fn new(room: u64, kind: Kind) -> Self {
        Self {
            held: BytesMut::new(),
            passed: 0,
            begin: 0,
            room,
            kind,
            ends: Vec::new(),
        }
    }

    /// Takes content in.
    pub fn take(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The place up to which there are buffers for what the next read brings, framing counted; `read` is what came before.
    /// For reads that do not follow each other at once: buffers that came back are taken before a new one is made.
    pub fn end_of_room(&mut self, read: u64) -> u64 {
        let Kind::Buffered(buffers) = &mut self.kind else {
            return self.begin + self.room;
        };
        if read <= self.begin && buffers.unmake() {
            self.room = buffers.next_to_fill().unwrap_or_default();
        }
        self.begin + self.room + buffers.free.iter().sum::<u64>()
    }

    /// Where nginx flushes within the group that [`Groups::next`] gave last: at the end of each chunk, without buffering.
    pub fn take_ends(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.ends)
    }

    /// Nothing that waits goes on.
    pub fn forget(&mut self) {
        self.held.clear();
    }

    /// The next group, if it is complete; a chunked body has a layout.
    pub fn next(&mut self, mut layout: Option<&mut Layout>, coming: Coming) -> Option<Bytes> {
        let read = Read {
            layout: layout.as_deref(),
            coming,
        };
        let piece = self.next_of(read);
        if let Some(layout) = &mut layout {
            layout.forget_before(self.begin);
        }
        piece
    }

    fn next_of(&mut self, read: Read<'_>) -> Option<Bytes> {
        let end = match self.kind {
            Kind::Buffered(_) => self.next_buffered(read),
            Kind::Unbuffered(size) => self.next_unbuffered(size, read),
        }?;
        let length = usize::try_from(end.checked_sub(self.passed)?).ok()?;
        // The rest of it was decoded, and has not come yet.
        if length == 0 || length > self.held.len() {
            return None;
        }
        let begin = std::mem::replace(&mut self.passed, end);
        match (&mut self.kind, read.layout) {
            (Kind::Buffered(buffers), _) => buffers.release(end),
            (Kind::Unbuffered(_), Some(layout)) => self.ends = layout.ends_within(begin, end),
            (Kind::Unbuffered(_), None) => {}
        }
        Some(self.held.split_to(length).freeze())
    }

    /// Bytes of content so far.
    fn content(&self) -> u64 {
        self.passed + self.held.len() as u64
    }

    /// How far the body was read, and taken out of its framing.
    fn places(&self, read: Read<'_>) -> (u64, u64) {
        match read.layout {
            Some(layout) => (layout.read, layout.decoded),
            None => (self.content(), self.content()),
        }
    }

    fn next_unbuffered(&mut self, size: u64, read: Read<'_>) -> Option<u64> {
        let (all, decoded) = self.places(read);
        loop {
            let full = self.begin + self.room;
            let end = match read.coming {
                _ if full <= decoded => full,
                Coming::Maybe => return None,
                _ if self.begin < all => all.min(full),
                _ => return None,
            };
            let content = read.content_at(end);
            if content > self.content() {
                return None;
            }
            (self.begin, self.room) = (end, size);
            if content > self.passed {
                return Some(content);
            }
        }
    }

    fn next_buffered(&mut self, read: Read<'_>) -> Option<u64> {
        let (all, decoded) = self.places(read);
        let content = self.content();
        let Kind::Buffered(buffers) = &mut self.kind else {
            return None;
        };
        if !buffers.writing && buffers.filling.is_none() {
            self.room = buffers.next_to_fill()?;
        }
        while !buffers.writing && self.begin + self.room <= decoded {
            self.begin += self.room;
            buffers.filled(read.content_at(self.begin), self.passed);
            match buffers.next_to_fill() {
                Some(room) => self.room = room,
                None => buffers.writing = true,
            }
        }
        match read.coming {
            _ if buffers.writing => {}
            Coming::Nothing => return Some(content),
            Coming::Maybe => return None,
            Coming::Later => {
                let parsed = |layout: &Layout| self.begin < all && layout.suffices(self.begin);
                if read.layout.is_some_and(parsed) {
                    self.begin = all;
                    buffers.filled(read.content_at(all), self.passed);
                    self.room = buffers.next_to_fill().unwrap_or(0);
                }
                buffers.writing = !buffers.full.is_empty();
            }
        }
        buffers.group()
    }
}

impl Read<'_> {
    fn content_at(&self, place: u64) -> u64 {
        match self.layout {
            Some(layout) => layout.content_at(place),
            None => place,
        }
    }
}

impl Buffers {
    /// The buffer that was being filled has all it can take, or all that nginx waits for.
    fn filled(&mut self, content: u64, passed: u64) {
        let before = self.full.back().map_or(passed, |full| full.content);
        match self.filling.take() {
            // Nothing but framing.
            Some(size) if content <= before => self.free.push_front(size),
            Some(size) => self.full.push_back(Full { content, size }),
            None => {}
        }
    }

    /// Takes the next buffer, if there is one, and gives its size.
    fn next_to_fill(&mut self) -> Option<u64> {
        self.made = false;
        self.filling = self.free.pop_front().or_else(|| {
            self.unmade = self.unmade.checked_sub(1)?;
            self.made = true;
            Some(self.size)
        });
        self.filling
    }

    /// The buffer that is to be filled need not be a new one: others came back.
    fn unmake(&mut self) -> bool {
        let undone = self.filling.is_some() && self.made && !self.free.is_empty();
        if undone {
            self.filling = None;
            self.unmade += 1;
        }
        undone
    }

    /// Up to where the content goes on together.
    fn group(&self) -> Option<u64> {
        let mut sum = 0;
        let mut end = None;
        for full in &self.full {
            sum += full.size;
            if end.is_some() && sum > self.busy {
                break;
            }
            end = Some(full.content);
        }
        end
    }

    /// The content up to `end` was passed on: its buffers are free, those of a group in their order.
    fn release(&mut self, end: u64) {
        let count = self.full.partition_point(|full| full.content <= end);
        for full in self.full.drain(..count).rev() {
            self.free.push_front(full.size);
        }
        if self.full.is_empty() {
            self.writing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the groups that are ready now.
    fn lengths(groups: &mut Groups, coming: Coming, mut layout: Option<&mut Layout>) -> Vec<usize> {
        let next = || groups.next(layout.as_deref_mut(), coming);
        std::iter::from_fn(next).map(|bytes| bytes.len()).collect()
    }

    #[test]
    fn full_buffers_go_on_as_many_as_may_be_busy() {
        let mut groups = Groups::buffered(4, 3, (4, 4), 8);
        groups.take(&[b'x'; 16]);
        assert_eq!(lengths(&mut groups, Coming::Maybe, None), [0; 0]);
        assert_eq!(lengths(&mut groups, Coming::Later, None), [7, 8]);
        groups.take(&[b'x'; 2]);
        assert_eq!(lengths(&mut groups, Coming::Later, None), [0; 0]);
        assert_eq!(lengths(&mut groups, Coming::Nothing, None), [3]);
    }

    #[test]
    fn nothing_is_read_once_all_buffers_are_full() {
        let mut groups = Groups::buffered(4, 3, (4, 4), 8);
        groups.take(&[b'x'; 30]);
        assert_eq!(lengths(&mut groups, Coming::Maybe, None), [7, 8, 4]);
        assert_eq!(lengths(&mut groups, Coming::Nothing, None), [11]);
    }

    #[test]
    fn buffers_of_two_sizes_come_back_group_by_group() {
        // What nginx answers with `proxy_buffer_size 1k`, `proxy_buffers 4 2k` and 45,000 bytes.
        let mut groups = Groups::buffered(0x400, 0x3d4, (4, 0x800), 0x1000);
        groups.take(&vec![b'x'; 45_000]);
        let mut all = lengths(&mut groups, Coming::Maybe, None);
        all.extend(lengths(&mut groups, Coming::Nothing, None));
        let round = [0x1000, 0xc00, 0x800];
        let expected = [
            &[0xbd4, 0x1000, 0x800][..],
            &round,
            &round,
            &[0xc00, 0x1000, 0x800, 0x1ff4],
        ];
        assert_eq!(all, expected.concat());
    }

    #[test]
    fn without_buffering_a_read_goes_on() {
        let mut groups = Groups::unbuffered(4, 2);
        groups.take(&[b'x'; 7]);
        assert_eq!(lengths(&mut groups, Coming::Maybe, None), [2, 4]);
        assert_eq!(lengths(&mut groups, Coming::Later, None), [1]);
        groups.take(&[b'x'; 3]);
        assert_eq!(lengths(&mut groups, Coming::Nothing, None), [3]);
    }

    #[test]
    fn between_reads_buffers_come_back() {
        let mut groups = Groups::buffered(4, 3, (4, 8), 16);
        assert_eq!(groups.end_of_room(0), 3);
        groups.take(b"abc");
        assert_eq!(lengths(&mut groups, Coming::Later, None), [3]);
        assert_eq!(groups.end_of_room(3), 7);
        groups.take(b"d");
        assert_eq!(groups.end_of_room(4), 7);
    }

    #[test]
    fn without_buffering_each_chunk_ends_by_itself() {
        let mut layout = Layout::default();
        layout.found(6, 3, false);
        layout.found(14, 3, false);
        (layout.read, layout.decoded) = (16, 16);
        let mut groups = Groups::unbuffered(32, 0);
        groups.take(b"abcdef");
        assert_eq!(lengths(&mut groups, Coming::Later, Some(&mut layout)), [6]);
        assert_eq!(groups.take_ends(), [3]);
        assert_eq!(groups.take_ends(), [0; 0]);
    }

    #[test]
    fn framing_takes_its_room() {
        let mut layout = Layout::default();
        layout.found(6, 3, false);
        (layout.read, layout.decoded) = (11, 11);
        let mut groups = Groups::unbuffered(4, 4);
        groups.take(b"abc");
        assert_eq!(
            lengths(&mut groups, Coming::Maybe, Some(&mut layout)),
            [1, 2]
        );
        assert_eq!(
            lengths(&mut groups, Coming::Nothing, Some(&mut layout)),
            [0; 0]
        );
        let mut groups = Groups::buffered(8, 8, (4, 8), 16);
        groups.take(b"abc");
        assert_eq!(lengths(&mut groups, Coming::Later, Some(&mut layout)), [3]);
    }
}
