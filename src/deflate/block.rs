//! A block of deflate data (RFC 1951, 3.2): symbols are counted while they come, then written with the cheapest of the
//! three kinds of block. Trees are built as zlib builds them, so that equal frequencies give equal codes.

use super::bits::Bits;
use super::tree::{Run, Tree, assign_codes, reverse};

const LITERALS: usize = 256;
const END: usize = 256;
const LENGTHS: usize = 286;
const DISTANCES: usize = 30;
const CODE_LENGTHS: usize = 19;

#[rustfmt::skip]
const LENGTH_BITS: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
#[rustfmt::skip]
const DISTANCE_BITS: [u8; DISTANCES] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
/// The order in which the lengths of code lengths are sent.
const ORDER: [usize; CODE_LENGTHS] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];
/// Extra bits of the three repetitions among code lengths.
#[rustfmt::skip]
const REPEAT_BITS: [u8; CODE_LENGTHS] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];

/// For each length less 3: its code, counted from 0.
static LENGTH_CODES: [u8; 256] = length_codes();
/// For each code, its shortest length less 3.
static LENGTH_BASES: [u8; 29] = length_bases();
static DISTANCE_BASES: [u16; DISTANCES] = distance_bases();

const fn length_bases() -> [u8; 29] {
    let mut bases = [0; 29];
    let mut code = 0;
    let mut length = 0;
    // The last code stands for the longest length alone.
    while code < 28 {
        bases[code] = length as u8;
        length += 1 << LENGTH_BITS[code];
        code += 1;
    }
    bases
}

const fn length_codes() -> [u8; 256] {
    let bases = length_bases();
    let mut codes = [0; 256];
    let mut code = 0;
    while code < 28 {
        let mut n = 0;
        while n < 1 << LENGTH_BITS[code] {
            codes[bases[code] as usize + n] = code as u8;
            n += 1;
        }
        code += 1;
    }
    codes[255] = 28;
    codes
}

const fn distance_bases() -> [u16; DISTANCES] {
    let mut bases = [0; DISTANCES];
    let mut code = 0;
    let mut distance: u16 = 0;
    while code < DISTANCES {
        bases[code] = distance;
        distance = distance.wrapping_add(1u16 << DISTANCE_BITS[code]);
        code += 1;
    }
    bases
}

/// The code of a distance less 1: two codes for each power of two.
fn distance_code(distance: u16) -> usize {
    if distance < 4 {
        return usize::from(distance);
    }
    let top = 15 - distance.leading_zeros();
    (2 * top + u32::from(distance >> (top - 1) & 1)) as usize
}

/// Bits of the fixed codes.
fn fixed_length_bits(symbol: usize) -> u8 {
    match symbol {
        0..144 => 8,
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }
}
const FIXED_DISTANCE_BITS: u8 = 5;

/// Symbols of the block under way, and the bits of those before it.
pub struct Block {
    /// Distance (0 for a literal) and the literal, or the length less 3.
    symbols: Vec<(u16, u8)>,
    capacity: usize,
    lengths: Tree,
    distances: Tree,
    codes: Tree,
    bits: Bits,
    /// Bits of the block with its own trees, and with the fixed ones.
    own_len: usize,
    fixed_len: usize,
    fixed: Box<[u16; LENGTHS + 2]>,
}

impl Block {
    /// A block ends after `symbols` symbols.
    pub fn new(symbols: usize) -> Self {
        let mut fixed = [0u8; LENGTHS + 2];
        for (symbol, bits) in fixed.iter_mut().enumerate() {
            *bits = fixed_length_bits(symbol);
        }
        let mut codes = Box::new([0; LENGTHS + 2]);
        assign_codes(&fixed, &mut codes[..]);
        let mut block = Self {
            symbols: Vec::with_capacity(symbols),
            capacity: symbols,
            lengths: Tree::new(LENGTHS, 15),
            distances: Tree::new(DISTANCES, 15),
            codes: Tree::new(CODE_LENGTHS, 7),
            bits: Bits::default(),
            own_len: 0,
            fixed_len: 0,
            fixed: codes,
        };
        block.clear();
        block
    }

    fn clear(&mut self) {
        for tree in [&mut self.lengths, &mut self.distances, &mut self.codes] {
            tree.frequency.fill(0);
        }
        self.lengths.frequency[END] = 1;
        self.symbols.clear();
        self.own_len = 0;
        self.fixed_len = 0;
    }

    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// Adds a literal; true where the block is full.
    pub fn literal(&mut self, byte: u8) -> bool {
        self.symbols.push((0, byte));
        self.lengths.frequency[usize::from(byte)] += 1;
        self.symbols.len() == self.capacity
    }

    /// Adds a match of `length` (3 to 258) bytes, `distance` back; true where the block is full.
    pub fn repeat(&mut self, distance: usize, length: usize) -> bool {
        let length = (length - 3) as u8;
        self.symbols.push((distance as u16, length));
        let code = usize::from(LENGTH_CODES[usize::from(length)]);
        self.lengths.frequency[LITERALS + 1 + code] += 1;
        self.distances.frequency[distance_code((distance - 1) as u16)] += 1;
        self.symbols.len() == self.capacity
    }

    /// Ends the block; `plain` is what it stands for, where that is still in the window.
    pub fn finish(
        &mut self,
        plain: Option<&[u8]>,
        plain_len: usize,
        last: bool,
        out: &mut Vec<u8>,
    ) {
        self.build();
        let highest = self.build_code_lengths();
        let in_bytes = |bits: usize| (bits + 3 + 7) >> 3;
        let fixed = in_bytes(self.fixed_len);
        let best = in_bytes(self.own_len).min(fixed);
        let flag = u32::from(last);
        if let Some(plain) = plain.filter(|_| plain_len + 4 <= best) {
            self.stored(plain, last, out);
        } else if fixed == best {
            self.bits.put(2 | flag, 3, out);
            self.write_symbols(true, out);
        } else {
            self.bits.put(4 | flag, 3, out);
            self.write_trees(highest, out);
            self.write_symbols(false, out);
        }
        self.clear();
        if last {
            self.bits.align(out);
        } else {
            self.bits.flush(out);
        }
    }

    /// A block of bytes as they are.
    pub fn stored(&mut self, plain: &[u8], last: bool, out: &mut Vec<u8>) {
        self.bits.put(u32::from(last), 3, out);
        self.bits.align(out);
        let len = plain.len() as u16;
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(&(!len).to_le_bytes());
        out.extend_from_slice(plain);
    }

    /// Builds both trees, and counts the bits that the block takes with them and with the fixed ones.
    fn build(&mut self) {
        let length_extra = |symbol: usize| match symbol.checked_sub(LITERALS + 1) {
            Some(code) => LENGTH_BITS[code],
            None => 0,
        };
        self.lengths.build();
        self.own_len += self.lengths.cost(length_extra);
        self.fixed_len += self.lengths.fixed_cost(fixed_length_bits, length_extra);
        self.distances.build();
        let distance_extra = |symbol: usize| DISTANCE_BITS[symbol];
        self.own_len += self.distances.cost(distance_extra);
        self.fixed_len += self
            .distances
            .fixed_cost(|_| FIXED_DISTANCE_BITS, distance_extra);
    }

    /// Builds the tree of code lengths; how many of its lengths are sent.
    fn build_code_lengths(&mut self) -> usize {
        for tree in [&mut self.lengths, &mut self.distances] {
            let frequency = &mut self.codes.frequency;
            tree.runs(|run| match run {
                Run::Plain { bits, count } => frequency[usize::from(bits)] += count,
                Run::Coded { symbol, .. } => frequency[symbol] += 1,
            });
        }
        self.codes.build();
        self.own_len += self.codes.cost(|symbol| REPEAT_BITS[symbol]);
        let mut sent = CODE_LENGTHS;
        while sent > 4 && self.codes.bits[ORDER[sent - 1]] == 0 {
            sent -= 1;
        }
        self.own_len += 3 * sent + 5 + 5 + 4;
        sent
    }

    fn write_trees(&mut self, sent: usize, out: &mut Vec<u8>) {
        let bits = &mut self.bits;
        bits.put((self.lengths.highest + 1 - 257) as u32, 5, out);
        bits.put(self.distances.highest as u32, 5, out);
        bits.put((sent - 4) as u32, 4, out);
        for &symbol in &ORDER[..sent] {
            bits.put(u32::from(self.codes.bits[symbol]), 3, out);
        }
        let codes = &self.codes;
        for tree in [&mut self.lengths, &mut self.distances] {
            tree.runs(|run| match run {
                Run::Plain { bits: len, count } => {
                    for _ in 0..count {
                        codes.put(usize::from(len), bits, out);
                    }
                }
                Run::Coded { symbol, extra } => {
                    codes.put(symbol, bits, out);
                    bits.put(u32::from(extra), REPEAT_BITS[symbol], out);
                }
            });
        }
    }

    fn write_symbols(&mut self, fixed: bool, out: &mut Vec<u8>) {
        let bits = &mut self.bits;
        let put_length = |symbol: usize, bits: &mut Bits, out: &mut Vec<u8>| match fixed {
            true => bits.put(
                u32::from(self.fixed[symbol]),
                fixed_length_bits(symbol),
                out,
            ),
            false => self.lengths.put(symbol, bits, out),
        };
        for &(distance, value) in &self.symbols {
            if distance == 0 {
                put_length(usize::from(value), bits, out);
                continue;
            }
            let code = usize::from(LENGTH_CODES[usize::from(value)]);
            put_length(LITERALS + 1 + code, bits, out);
            let extra = LENGTH_BITS[code];
            if extra > 0 {
                bits.put(u32::from(value - LENGTH_BASES[code]), extra, out);
            }
            let distance = distance - 1;
            let code = distance_code(distance);
            match fixed {
                true => bits.put(
                    u32::from(reverse(code as u16, FIXED_DISTANCE_BITS)),
                    FIXED_DISTANCE_BITS,
                    out,
                ),
                false => self.distances.put(code, bits, out),
            }
            bits.put(
                u32::from(distance - DISTANCE_BASES[code]),
                DISTANCE_BITS[code],
                out,
            );
        }
        put_length(END, bits, out);
    }
}
