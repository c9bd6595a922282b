//! The window of what was compressed last, chains of places with the same hash, and the two ways of choosing matches:
//! the first good one (levels 1 to 3), or the better of two that follow each other (4 to 9).

use super::Flush;
use super::block::Block;

const MIN_MATCH: usize = 3;
const MAX_MATCH: usize = 258;
/// Fewer bytes ahead than this, and more input is waited for.
const MIN_LOOKAHEAD: usize = MAX_MATCH + MIN_MATCH + 1;
/// A match of three bytes farther away than this costs more than its literals.
const TOO_FAR: usize = 4096;

/// How much is tried for a level.
struct Effort {
    /// With a match of this length, a quarter of the chain is enough.
    good: usize,
    /// Levels 4 to 9: no second try behind a match of this length. 1 to 3: longer matches are not entered in the hash.
    lazy: usize,
    /// A match of this length ends the search.
    nice: usize,
    chain: usize,
}

const fn effort(good: usize, lazy: usize, nice: usize, chain: usize) -> Effort {
    Effort {
        good,
        lazy,
        nice,
        chain,
    }
}

static EFFORTS: [Effort; 9] = [
    effort(4, 4, 8, 4),
    effort(4, 5, 16, 8),
    effort(4, 6, 32, 32),
    effort(4, 4, 16, 16),
    effort(8, 16, 32, 32),
    effort(8, 16, 128, 128),
    effort(8, 32, 128, 256),
    effort(32, 128, 258, 1024),
    effort(32, 258, 258, 4096),
];

/// The state of the search; places are offsets in the window.
pub struct Matcher {
    effort: &'static Effort,
    /// Levels 4 to 9.
    lazy: bool,
    window: Vec<u8>,
    size: usize,
    /// For each place, the one before it with the same hash; 0 is none.
    previous: Vec<u16>,
    /// For each hash, the last place.
    head: Vec<u16>,
    hash: usize,
    hash_shift: usize,
    hash_mask: usize,
    /// The next byte to compress.
    at: usize,
    /// Bytes behind it that are in the window.
    ahead: usize,
    /// Bytes before it that are not entered in the hash yet.
    to_enter: usize,
    match_at: usize,
    match_len: usize,
    previous_len: usize,
    /// The byte before `at` waits for what is found at `at`.
    waiting: bool,
    /// Where the block began; below 0 once the window moved past it.
    block_at: isize,
    block: Block,
}

/// What is left of the input of a call.
struct Input<'a>(&'a [u8]);

impl Matcher {
    pub fn new(level: u8, window_bits: u8, memory_level: u8) -> Self {
        let size = 1 << window_bits;
        let hash_bits = usize::from(memory_level) + 7;
        Self {
            effort: &EFFORTS[usize::from(level) - 1],
            lazy: level > 3,
            window: vec![0; 2 * size + MIN_LOOKAHEAD],
            size,
            previous: vec![0; size],
            head: vec![0; 1 << hash_bits],
            hash: 0,
            hash_shift: hash_bits.div_ceil(MIN_MATCH),
            hash_mask: (1 << hash_bits) - 1,
            at: 0,
            ahead: 0,
            to_enter: 0,
            match_at: 0,
            match_len: MIN_MATCH - 1,
            previous_len: MIN_MATCH - 1,
            waiting: false,
            block_at: 0,
            block: Block::new((1 << (memory_level + 6)) - 1),
        }
    }

    /// Compresses the input as far as `flush` wants it.
    pub fn run(&mut self, input: &[u8], flush: Flush, out: &mut Vec<u8>) {
        let mut input = Input(input);
        if self.lazy {
            self.choose_better(&mut input, flush, out);
        } else {
            self.choose_first(&mut input, flush, out);
        }
        if flush == Flush::No {
            return;
        }
        if flush == Flush::Finish {
            self.end_block(true, out);
            return;
        }
        if !self.block.is_empty() {
            self.end_block(false, out);
        }
        self.block.stored(b"", false, out);
    }

    /// Makes sure of input; false where the loop has to end.
    fn fill(&mut self, input: &mut Input<'_>, flush: Flush) -> bool {
        if self.ahead < MIN_LOOKAHEAD {
            self.fill_window(input);
            if self.ahead < MIN_LOOKAHEAD && flush == Flush::No {
                return false;
            }
        }
        self.ahead > 0
    }

    fn choose_first(&mut self, input: &mut Input<'_>, flush: Flush, out: &mut Vec<u8>) {
        while self.fill(input, flush) {
            let candidate = self.enter_if_possible();
            if let Some(candidate) = candidate {
                self.match_len = self.longest(candidate);
            }
            let full = if self.match_len >= MIN_MATCH {
                let full = self.block.repeat(self.at - self.match_at, self.match_len);
                self.ahead -= self.match_len;
                if self.match_len <= self.effort.lazy && self.ahead >= MIN_MATCH {
                    for _ in 1..self.match_len {
                        self.at += 1;
                        self.enter();
                    }
                    self.at += 1;
                } else {
                    self.at += self.match_len;
                    self.hash = usize::from(self.window[self.at]);
                    self.update_hash(self.window[self.at + 1]);
                }
                self.match_len = 0;
                full
            } else {
                self.ahead -= 1;
                self.at += 1;
                self.block.literal(self.window[self.at - 1])
            };
            if full {
                self.end_block(false, out);
            }
        }
        if flush != Flush::No {
            self.to_enter = self.at.min(MIN_MATCH - 1);
        }
    }

    fn choose_better(&mut self, input: &mut Input<'_>, flush: Flush, out: &mut Vec<u8>) {
        while self.fill(input, flush) {
            let candidate = self.enter_if_possible();
            self.previous_len = self.match_len;
            let previous_at = self.match_at;
            self.match_len = MIN_MATCH - 1;
            if let Some(candidate) = candidate.filter(|_| self.previous_len < self.effort.lazy) {
                self.match_len = self.longest(candidate);
                if self.match_len == MIN_MATCH && self.at.wrapping_sub(self.match_at) > TOO_FAR {
                    self.match_len = MIN_MATCH - 1;
                }
            }
            if self.previous_len >= MIN_MATCH && self.match_len <= self.previous_len {
                self.take_previous(previous_at, out);
            } else if self.waiting {
                if self.block.literal(self.window[self.at - 1]) {
                    self.end_block(false, out);
                }
                self.at += 1;
                self.ahead -= 1;
            } else {
                self.waiting = true;
                self.at += 1;
                self.ahead -= 1;
            }
        }
        if flush == Flush::No {
            return;
        }
        if std::mem::take(&mut self.waiting) {
            // A full block ends with the flush anyway.
            self.block.literal(self.window[self.at - 1]);
        }
        self.to_enter = self.at.min(MIN_MATCH - 1);
    }

    /// The match that begins one byte before was the better one.
    fn take_previous(&mut self, previous_at: usize, out: &mut Vec<u8>) {
        let last = (self.at + self.ahead).wrapping_sub(MIN_MATCH) as isize;
        let full = self
            .block
            .repeat(self.at - 1 - previous_at, self.previous_len);
        self.ahead -= self.previous_len - 1;
        for _ in 0..self.previous_len - 2 {
            self.at += 1;
            if self.at as isize <= last {
                self.enter();
            }
        }
        self.waiting = false;
        self.match_len = MIN_MATCH - 1;
        self.at += 1;
        if full {
            self.end_block(false, out);
        }
    }

    fn end_block(&mut self, last: bool, out: &mut Vec<u8>) {
        let len = (self.at as isize - self.block_at) as usize;
        let plain = usize::try_from(self.block_at)
            .ok()
            .map(|from| &self.window[from..self.at]);
        self.block.finish(plain, len, last, out);
        self.block_at = self.at as isize;
    }

    fn update_hash(&mut self, byte: u8) {
        self.hash = (self.hash << self.hash_shift ^ usize::from(byte)) & self.hash_mask;
    }

    /// Enters the three bytes at `at` in the hash; the last place before with the same hash.
    fn enter(&mut self) -> usize {
        self.update_hash(self.window[self.at + MIN_MATCH - 1]);
        let before = self.head[self.hash];
        self.previous[self.at & (self.size - 1)] = before;
        self.head[self.hash] = self.at as u16;
        usize::from(before)
    }

    /// The same where three bytes are there; gives a place that may be looked at.
    fn enter_if_possible(&mut self) -> Option<usize> {
        if self.ahead < MIN_MATCH {
            return None;
        }
        let before = self.enter();
        (before != 0 && self.at - before <= self.size - MIN_LOOKAHEAD).then_some(before)
    }

    /// The longest match among the places of a chain; `match_at` is where it is.
    fn longest(&mut self, first: usize) -> usize {
        let mut chain = self.effort.chain;
        if self.previous_len >= self.effort.good {
            chain >>= 2;
        }
        let nice = self.effort.nice.min(self.ahead);
        let limit = self.at.saturating_sub(self.size - MIN_LOOKAHEAD);
        let mut best = self.previous_len;
        let mut place = first;
        let window = &self.window[..];
        let here = &window[self.at..self.at + MAX_MATCH];
        let mut ends = [here[best - 1], here[best.min(MAX_MATCH - 1)]];
        loop {
            let there = &window[place..place + MAX_MATCH];
            if there[best] == ends[1]
                && there[best - 1] == ends[0]
                && there[0] == here[0]
                && there[1] == here[1]
            {
                let len = common(here, there);
                if len > best {
                    self.match_at = place;
                    best = len;
                    if len >= nice {
                        break;
                    }
                    ends = [here[best - 1], here[best]];
                }
            }
            place = usize::from(self.previous[place & (self.size - 1)]);
            chain -= 1;
            if place <= limit || chain == 0 {
                break;
            }
        }
        best.min(self.ahead)
    }

    /// Takes input into the window, which moves by half when its end comes near.
    fn fill_window(&mut self, input: &mut Input<'_>) {
        loop {
            let mut room = 2 * self.size - self.ahead - self.at;
            if self.at >= 2 * self.size - MIN_LOOKAHEAD {
                self.slide();
                room += self.size;
            }
            if input.0.is_empty() {
                return;
            }
            let (taken, rest) = input.0.split_at(room.min(input.0.len()));
            input.0 = rest;
            let end = self.at + self.ahead;
            self.window[end..end + taken.len()].copy_from_slice(taken);
            self.ahead += taken.len();
            self.enter_late();
            if self.ahead >= MIN_LOOKAHEAD || input.0.is_empty() {
                return;
            }
        }
    }

    fn slide(&mut self) {
        let size = self.size;
        self.window.copy_within(size..2 * size, 0);
        self.match_at = self.match_at.wrapping_sub(size);
        self.at -= size;
        self.block_at -= size as isize;
        self.to_enter = self.to_enter.min(self.at);
        for place in self.head.iter_mut().chain(&mut self.previous) {
            *place = usize::from(*place).saturating_sub(size) as u16;
        }
    }

    /// Bytes before `at` whose three bytes were not whole when they were passed.
    fn enter_late(&mut self) {
        if self.ahead + self.to_enter < MIN_MATCH {
            return;
        }
        let mut place = self.at - self.to_enter;
        self.hash = usize::from(self.window[place]);
        self.update_hash(self.window[place + 1]);
        while self.to_enter > 0 {
            self.update_hash(self.window[place + MIN_MATCH - 1]);
            self.previous[place & (self.size - 1)] = self.head[self.hash];
            self.head[self.hash] = place as u16;
            place += 1;
            self.to_enter -= 1;
            if self.ahead + self.to_enter < MIN_MATCH {
                break;
            }
        }
    }
}

/// How many bytes are equal from the start.
fn common(a: &[u8], b: &[u8]) -> usize {
    let mut len = 0;
    for (x, y) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let differs = word(x) ^ word(y);
        if differs != 0 {
            return len + (differs.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    len + a[len..]
        .iter()
        .zip(&b[len..])
        .take_while(|(x, y)| x == y)
        .count()
}
