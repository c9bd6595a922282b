//! Makes new inputs of old ones: a small generator of pseudo-random numbers and a handful of mutations. The same seed gives the same inputs.

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Below `limit`; 0 for 0.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % (limit.max(1) as u64)) as usize
    }

    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

const LONGEST: usize = 40_000;

/// A child of `pool`'s inputs: one to six mutations. `tokens` are words of the language.
pub fn mutate(random: &mut Random, pool: &[Vec<u8>], tokens: &[&[u8]]) -> Vec<u8> {
    let mut input = random.pick(pool).clone();
    for _ in 0..=random.below(6) {
        one(random, &mut input, pool, tokens);
    }
    input.truncate(LONGEST);
    input
}

fn one(random: &mut Random, input: &mut Vec<u8>, pool: &[Vec<u8>], tokens: &[&[u8]]) {
    let at = random.below(input.len() + 1);
    let end = (at + 1 + random.below(16)).min(input.len());
    match random.below(10) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => input[at] = random.next() as u8,
        2 => input.insert(at, random.next() as u8),
        3 if at < end => {
            input.drain(at..end);
        }
        4 | 5 => {
            let token = random.pick(tokens);
            input.splice(at..at, token.iter().copied());
        }
        6 if at < end => {
            let token = random.pick(tokens);
            input.splice(at..end, token.iter().copied());
        }
        7 => {
            // the head of one, the tail of another
            let other = random.pick(pool);
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() + 1)..]);
        }
        8 if at < end => {
            // a piece many times
            let times = 1 << random.below(11);
            let piece = input[at..end].repeat(times);
            if input.len() + piece.len() <= LONGEST {
                input.splice(at..at, piece);
            }
        }
        _ => input.truncate(at),
    }
}

/// Leaves out what can be left out of a failing input while it still fails.
pub fn shrink(mut input: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut size = input.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < input.len() {
            let mut less = input.clone();
            less.drain(at..(at + size).min(less.len()));
            if fails(&less) {
                input = less;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    input
}
