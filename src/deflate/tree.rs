//! A Huffman tree (RFC 1951, 3.2.2), built as zlib builds it, so that equal frequencies give equal codes.

use super::bits::Bits;

/// Leaves and inner nodes of the largest tree: 286 lengths and literals.
const NODES: usize = 2 * 286 + 1;

/// Code lengths that follow each other, as they are sent.
pub enum Run {
    /// The length itself, so many times.
    Plain { bits: u8, count: u16 },
    /// A repetition and its extra bits.
    Coded { symbol: usize, extra: u8 },
}

/// A Huffman tree.
pub struct Tree {
    symbols: usize,
    longest: u8,
    /// Of leaves, and while building of inner nodes.
    pub frequency: Vec<u16>,
    pub bits: Vec<u8>,
    codes: Vec<u16>,
    parent: Vec<u16>,
    depth: Vec<u8>,
    /// The last symbol that occurs.
    pub highest: usize,
    /// Symbols that do not occur, added so that the tree has two leaves.
    forced: Vec<usize>,
}

impl Tree {
    pub fn new(symbols: usize, longest: u8) -> Self {
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

    pub fn put(&self, symbol: usize, bits: &mut Bits, out: &mut Vec<u8>) {
        bits.put(u32::from(self.codes[symbol]), self.bits[symbol], out);
    }

    /// Bits that all symbols take, extra bits included; a forced one counts one less, as zlib counts.
    pub fn cost(&self, extra: impl Fn(usize) -> u8) -> usize {
        let bits: usize = (0..=self.highest)
            .filter(|&symbol| self.frequency[symbol] > 0)
            .map(|symbol| {
                usize::from(self.frequency[symbol]) * usize::from(self.bits[symbol] + extra(symbol))
            })
            .sum();
        bits - self.forced.len()
    }

    /// The same with other lengths; forced symbols do not count.
    pub fn fixed_cost(&self, fixed: impl Fn(usize) -> u8, extra: impl Fn(usize) -> u8) -> usize {
        (0..=self.highest)
            .filter(|symbol| self.frequency[*symbol] > 0 && !self.forced.contains(symbol))
            .map(|symbol| {
                usize::from(self.frequency[symbol]) * usize::from(fixed(symbol) + extra(symbol))
            })
            .sum()
    }

    /// Lengths and codes by the frequencies (Huffman's algorithm over a heap; of equal frequencies the flatter tree first).
    pub fn build(&mut self) {
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
    pub fn runs(&self, mut each: impl FnMut(Run)) {
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
pub fn assign_codes(bits: &[u8], codes: &mut [u16]) {
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

/// A code of so many bits, first bit lowest.
pub fn reverse(code: u16, bits: u8) -> u16 {
    code.reverse_bits() >> (16 - bits)
}
