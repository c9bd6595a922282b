//! A block of deflate data (RFC 1951, 3.2): symbols are counted while they come, then written with the cheapest of the
//! three kinds of block. Trees are built as zlib builds them, so that equal frequencies give equal codes.

const LITERALS: usize = 256;
const END: usize = 256;
const LENGTHS: usize = 286;
const DISTANCES: usize = 30;
const CODE_LENGTHS: usize = 19;
/// Leaves and inner nodes of the largest tree.
const NODES: usize = 2 * LENGTHS + 1;

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

/// Code lengths that follow each other, as they are sent.
enum Run {
    /// The length itself, so many times.
    Plain { bits: u8, count: u16 },
    /// A repetition and its extra bits.
    Coded { symbol: usize, extra: u8 },
}

/// A Huffman tree.
struct Tree {
    symbols: usize,
    longest: u8,
    /// Of leaves, and while building of inner nodes.
    frequency: Vec<u16>,
    bits: Vec<u8>,
    codes: Vec<u16>,
    parent: Vec<u16>,
    depth: Vec<u8>,
    /// The last symbol that occurs.
    highest: usize,
    /// Symbols that do not occur, added so that the tree has two leaves.
    forced: Vec<usize>,
}

impl Tree {
    fn new(symbols: usize, longest: u8) -> Self {
        Self {
            symbols,
            longest,
            frequency: vec![0; NODES],
            bits: vec![0; NODES],
            codes: vec![0; symbols],
            parent: vec![0; NODES],
            depth: vec![0; NODES],
            highest: 0,
            forced: Vec::new(),
        }
    }

    fn put(&self, symbol: usize, bits: &mut Bits, out: &mut Vec<u8>) {
        bits.put(u32::from(self.codes[symbol]), self.bits[symbol], out);
    }

    /// Bits that all symbols take, extra bits included; a forced one counts one less, as zlib counts.
    fn cost(&self, extra: impl Fn(usize) -> u8) -> usize {
        let bits: usize = (0..=self.highest)
            .filter(|&symbol| self.frequency[symbol] > 0)
            .map(|symbol| {
                usize::from(self.frequency[symbol]) * usize::from(self.bits[symbol] + extra(symbol))
            })
            .sum();
        bits - self.forced.len()
    }

    /// The same with other lengths; forced symbols do not count.
    fn fixed_cost(&self, fixed: impl Fn(usize) -> u8, extra: impl Fn(usize) -> u8) -> usize {
        (0..=self.highest)
            .filter(|symbol| self.frequency[*symbol] > 0 && !self.forced.contains(symbol))
            .map(|symbol| {
                usize::from(self.frequency[symbol]) * usize::from(fixed(symbol) + extra(symbol))
            })
            .sum()
    }

    /// Lengths and codes by the frequencies (Huffman's algorithm over a heap; of equal frequencies the flatter tree first).
    fn build(&mut self) {
        self.forced.clear();
        let mut heap = Heap::default();
        for symbol in 0..self.symbols {
            self.bits[symbol] = 0;
            if self.frequency[symbol] > 0 {
                heap.nodes.push(symbol as u16);
                self.depth[symbol] = 0;
                self.highest = symbol;
            }
        }
        if heap.nodes.is_empty() {
            self.highest = usize::MAX;
        }
        while heap.nodes.len() < 2 {
            let symbol = match self.highest {
                usize::MAX => 0,
                0 | 1 => self.highest + 1,
                _ => 0,
            };
            if self.highest == usize::MAX || self.highest < 2 {
                self.highest = symbol;
            }
            heap.nodes.push(symbol as u16);
            self.frequency[symbol] = 1;
            self.depth[symbol] = 0;
            self.forced.push(symbol);
        }
        for place in (0..heap.nodes.len() / 2).rev() {
            heap.sink(place, self);
        }
        let order = self.join(heap);
        self.measure(&order);
        assign_codes(&self.bits[..self.highest + 1], &mut self.codes);
    }

    /// Joins the two rarest nodes until one is left; gives all nodes, rarest first.
    fn join(&mut self, mut heap: Heap) -> Vec<u16> {
        let mut order = Vec::with_capacity(2 * heap.nodes.len());
        let mut node = self.symbols;
        while heap.nodes.len() >= 2 {
            let first = heap.nodes.swap_remove(0);
            heap.sink(0, self);
            let second = heap.nodes[0];
            order.extend([first, second]);
            let (a, b) = (usize::from(first), usize::from(second));
            self.frequency[node] = self.frequency[a] + self.frequency[b];
            self.depth[node] = self.depth[a].max(self.depth[b]) + 1;
            self.parent[a] = node as u16;
            self.parent[b] = node as u16;
            heap.nodes[0] = node as u16;
            heap.sink(0, self);
            node += 1;
        }
        order.push(heap.nodes[0]);
        order
    }

    /// Gives each symbol its length; those that would be too long are shortened at others' cost.
    fn measure(&mut self, order: &[u16]) {
        let mut counts = [0u16; 16];
        let mut overflow = 0i32;
        let longest = usize::from(self.longest);
        let Some((root, rest)) = order.split_last() else {
            return;
        };
        self.bits[usize::from(*root)] = 0;
        for &node in rest.iter().rev() {
            let node = usize::from(node);
            let mut bits = self.bits[usize::from(self.parent[node])] + 1;
            if bits > self.longest {
                bits = self.longest;
                overflow += 1;
            }
            self.bits[node] = bits;
            if node < self.symbols {
                counts[usize::from(bits)] += 1;
            }
        }
        if overflow == 0 {
            return;
        }
        while overflow > 0 {
            let mut bits = longest - 1;
            while counts[bits] == 0 {
                bits -= 1;
            }
            counts[bits] -= 1;
            counts[bits + 1] += 2;
            counts[longest] -= 1;
            overflow -= 2;
        }
        let mut leaves = order
            .iter()
            .map(|&node| usize::from(node))
            .filter(|&node| node < self.symbols);
        for bits in (1..=longest).rev() {
            for _ in 0..counts[bits] {
                if let Some(symbol) = leaves.next() {
                    self.bits[symbol] = bits as u8;
                }
            }
        }
    }

    /// The code lengths as runs (RFC 1951, 3.2.7).
    fn runs(&self, mut each: impl FnMut(Run)) {
        let lengths = &self.bits[..self.highest + 1];
        let mut previous = None;
        let mut count = 0u16;
        let limits = |length: u8, again: bool| match (length, again) {
            (0, _) => (138, 3),
            (_, true) => (6, 3),
            (_, false) => (7, 4),
        };
        let (mut most, mut least) = limits(lengths[0], false);
        for (i, &bits) in lengths.iter().enumerate() {
            // Behind the last stands none: a length that no symbol has.
            let next = lengths.get(i + 1).copied();
            count += 1;
            if count < most && next == Some(bits) {
                continue;
            }
            if count < least {
                each(Run::Plain { bits, count });
            } else if bits != 0 {
                if previous != Some(bits) {
                    each(Run::Plain { bits, count: 1 });
                    count -= 1;
                }
                each(Run::Coded {
                    symbol: 16,
                    extra: (count - 3) as u8,
                });
            } else if count <= 10 {
                each(Run::Coded {
                    symbol: 17,
                    extra: (count - 3) as u8,
                });
            } else {
                each(Run::Coded {
                    symbol: 18,
                    extra: (count - 11) as u8,
                });
            }
            count = 0;
            previous = Some(bits);
            (most, least) = match next {
                Some(next) => limits(next, next == bits),
                None => (7, 4),
            };
        }
    }
}

/// Nodes with the rarest at the top.
#[derive(Default)]
struct Heap {
    nodes: Vec<u16>,
}

impl Heap {
    /// Moves a node down until both below it are less rare.
    fn sink(&mut self, mut place: usize, tree: &Tree) {
        let Some(&node) = self.nodes.get(place) else {
            return;
        };
        let rarer = |a: u16, b: u16| {
            let (a, b) = (usize::from(a), usize::from(b));
            (tree.frequency[a], tree.depth[a]) <= (tree.frequency[b], tree.depth[b])
        };
        loop {
            let mut below = 2 * place + 1;
            if below >= self.nodes.len() {
                break;
            }
            if below + 1 < self.nodes.len() && rarer(self.nodes[below + 1], self.nodes[below]) {
                below += 1;
            }
            if rarer(node, self.nodes[below]) {
                break;
            }
            self.nodes[place] = self.nodes[below];
            place = below;
        }
        self.nodes[place] = node;
    }
}

/// Codes by their lengths (RFC 1951, 3.2.2), their first bit lowest.
fn assign_codes(bits: &[u8], codes: &mut [u16]) {
    let mut counts = [0u16; 16];
    for &bits in bits {
        counts[usize::from(bits)] += 1;
    }
    counts[0] = 0;
    let mut next = [0u16; 16];
    for bits in 1..16 {
        next[bits] = (next[bits - 1] + counts[bits - 1]) << 1;
    }
    for (&bits, code) in bits.iter().zip(codes) {
        if bits > 0 {
            let next = &mut next[usize::from(bits)];
            *code = reverse(*next, bits);
            *next += 1;
        }
    }
}

fn reverse(code: u16, bits: u8) -> u16 {
    code.reverse_bits() >> (16 - bits)
}

/// Bits on their way to whole bytes, lowest first.
#[derive(Default)]
struct Bits {
    waiting: u64,
    count: u8,
}

impl Bits {
    fn put(&mut self, value: u32, bits: u8, out: &mut Vec<u8>) {
        self.waiting |= u64::from(value) << self.count;
        self.count += bits;
        if self.count >= 32 {
            out.extend_from_slice(&(self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    /// Gives out the whole bytes.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.count >= 8 {
            out.push(self.waiting as u8);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte up.
    fn align(&mut self, out: &mut Vec<u8>) {
        self.count = self.count.next_multiple_of(8);
        self.flush(out);
    }
}
