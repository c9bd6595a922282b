//! Where the content of a chunked answer lies among the bytes that were read of it.

use std::collections::VecDeque;

/// The chunks' data, by its place behind the head.
#[derive(Debug, Default)]
pub struct Layout {
    /// Bytes read behind the head, framing included.
    pub read: u64,
    /// Of these, those that the decoder is through with.
    pub decoded: u64,
    spans: VecDeque<Span>,
    /// Content before the first span.
    before: u64,
    /// The last span's chunk goes on.
    open: bool,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

/// What must lie behind a chunk's data before nginx parses a buffer that is not full: LF, `0`, LF, LF.
const BEHIND_DATA: u64 = 4;
/// The same where no chunk has begun: `0`, LF, LF.
const BETWEEN_CHUNKS: u64 = 3;

impl Layout {
    /// Data was found, up to the place `end`; `open` if its chunk goes on behind it.
    pub fn found(&mut self, end: u64, length: u64, open: bool) {
        let start = end.saturating_sub(length);
        match self.spans.back_mut().filter(|last| last.end == start) {
            Some(last) => last.end = end,
            None => self.spans.push_back(Span { start, end }),
        }
        self.open = open;
    }

    /// Bytes of content before this place.
    pub fn content_at(&self, place: u64) -> u64 {
        let spans = self.spans.iter().take_while(|span| span.start < place);
        let lengths = spans.map(|span| span.end.min(place) - span.start);
        self.before + lengths.sum::<u64>()
    }

    /// Where chunks end within this content, counted from its beginning; its own end is none of them.
    pub fn ends_within(&self, from: u64, to: u64) -> Vec<usize> {
        let mut end = self.before;
        let mut ends = Vec::new();
        for span in &self.spans {
            end += span.end - span.start;
            if from < end && end < to {
                ends.extend(usize::try_from(end - from));
            }
        }
        ends
    }

    /// Whether nginx parses a buffer that begins here and has room for more: if the chunk that it begins in ends in it.
    pub fn suffices(&self, begin: u64) -> bool {
        let within = |span: &&Span| span.start <= begin && begin <= span.end;
        let needed = match self.spans.iter().rev().find(within) {
            Some(span) if self.is_open(span) => return false,
            Some(span) if begin < span.end => span.end + BEHIND_DATA,
            _ => begin + BETWEEN_CHUNKS,
        };
        self.read >= needed
    }

    fn is_open(&self, span: &Span) -> bool {
        self.open && self.spans.back().is_some_and(|last| last.end == span.end)
    }

    /// Nobody will ask for places before this one.
    pub fn forget_before(&mut self, place: u64) {
        // The last one may still grow.
        while self.spans.len() > 1 {
            match self.spans.front() {
                Some(span) if span.end <= place => self.before += span.end - span.start,
                _ => return,
            }
            self.spans.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `5 CRLF hello CRLF 3 CRLF ab`: the second chunk goes on.
    fn layout() -> Layout {
        let mut layout = Layout::default();
        layout.found(6, 3, true);
        layout.found(8, 2, false);
        layout.found(15, 2, true);
        (layout.read, layout.decoded) = (15, 15);
        layout
    }

    #[test]
    fn content_is_counted_without_its_framing() {
        let mut layout = layout();
        let at = |layout: &Layout| [0, 3, 5, 8, 12, 14, 99].map(|place| layout.content_at(place));
        assert_eq!(at(&layout), [0, 0, 2, 5, 5, 6, 7]);
        assert_eq!(layout.ends_within(2, 7), [3]);
        assert!(layout.ends_within(2, 5).is_empty());
        layout.forget_before(9);
        assert_eq!(layout.content_at(14), 6);
        assert_eq!(layout.spans.len(), 1);
    }

    #[test]
    fn a_buffer_is_parsed_once_its_first_chunk_ends_in_it() {
        let mut layout = layout();
        assert!(layout.suffices(0));
        assert!(layout.suffices(5));
        assert!(!layout.suffices(13));
        assert!(!layout.suffices(15));
        layout.read = 11;
        assert!(!layout.suffices(5));
    }
}
