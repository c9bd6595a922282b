//! gzip as zlib makes it, byte for byte.
//!
//! nginx gives zlib less memory for short answers (`memLevel`), and that changes the bytes of most answers between 500 bytes
//! and 16 KB: the hash is smaller, so other matches are found, and blocks end earlier. No safe interface to zlib lets a
//! program choose it, so the compressor is here: the format is RFC 1951 and 1952, the decisions (which match to take, when a
//! block ends, which tree is built of equal frequencies) are zlib 1.2.13's.
//!
//! * [`matcher`]: the window, the hash chains, and the two ways of choosing matches.
//! * [`block`]: a block's symbols, and which kind of block is cheapest; [`tree`]: its Huffman trees; [`bits`]: its bits.

mod bits;
mod block;
mod matcher;
mod tree;

use flate2::Crc;

use matcher::Matcher;

/// What is to happen with bytes that zlib would keep for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    No,
    /// All that came can be decompressed from what was given out (`Z_SYNC_FLUSH`).
    Sync,
    Finish,
}

/// A gzip stream under way.
pub struct Gzip {
    matcher: Matcher,
    crc: Crc,
    begun: bool,
    /// The last call was a [`Flush::Sync`]: a second one without bytes between them adds nothing.
    synced: bool,
    level: u8,
}

impl Gzip {
    /// A stream with zlib's `level` (1 to 9), `windowBits` (9 to 15) and `memLevel` (1 to 9); values beyond are brought within.
    pub fn new(level: u8, window_bits: u8, memory_level: u8) -> Self {
        let level = level.clamp(1, 9);
        Self {
            matcher: Matcher::new(level, window_bits.clamp(9, 15), memory_level.clamp(1, 9)),
            crc: Crc::new(),
            begun: false,
            synced: false,
            level,
        }
    }

    /// Compresses `input`; what is ready is appended to `out`.
    pub fn write(&mut self, input: &[u8], flush: Flush, out: &mut Vec<u8>) {
        if !self.begun {
            self.begun = true;
            // Method, no flags, no time, what the level was, Unix (RFC 1952, 2.3).
            let extra = match self.level {
                9 => 2,
                1 => 4,
                _ => 0,
            };
            out.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, extra, 3]);
        }
        self.crc.update(input);
        let again = self.synced && input.is_empty() && flush == Flush::Sync;
        self.synced = flush == Flush::Sync;
        if again {
            return;
        }
        self.matcher.run(input, flush, out);
        if flush == Flush::Finish {
            out.extend_from_slice(&self.crc.sum().to_le_bytes());
            out.extend_from_slice(&self.crc.amount().to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn gzip(input: &[u8], level: u8, window: u8, memory: u8, step: usize) -> Vec<u8> {
        let mut stream = Gzip::new(level, window, memory);
        let mut out = Vec::new();
        for piece in input.chunks(step.max(1)) {
            stream.write(piece, Flush::No, &mut out);
        }
        stream.write(b"", Flush::Finish, &mut out);
        out
    }

    fn gunzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes)
            .read_to_end(&mut out)
            .expect("a gzip stream");
        out
    }

    /// Text with repetitions near and far, and stretches that have none.
    fn sample(len: usize, seed: u32) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2_654_435_761).max(1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        let mut out = Vec::with_capacity(len + 300);
        while out.len() < len {
            let random = next();
            match random % 5 {
                0 => out.extend((0..random / 7 % 40).map(|_| next() as u8)),
                1 if !out.is_empty() => {
                    let from = next() as usize % out.len();
                    let to = (from + random as usize / 11 % 300).min(out.len());
                    out.extend_from_within(from..to);
                }
                2 => out.extend(std::iter::repeat_n(
                    random as u8,
                    random as usize / 13 % 600,
                )),
                _ => out.extend_from_slice(b"<p class=\"x\">some words of a page</p>\n"),
            }
        }
        out.truncate(len);
        out
    }

    #[test]
    fn what_is_compressed_comes_back() {
        for level in [1, 3, 4, 6, 9] {
            for (i, len) in [0, 1, 3, 262, 5000, 70_000].into_iter().enumerate() {
                let input = sample(len, i as u32 + u32::from(level));
                for (window, memory) in [(15, 8), (9, 1)] {
                    let whole = gzip(&input, level, window, memory, usize::MAX);
                    assert_eq!(gunzip(&whole), input, "{level} {len} {window} {memory}");
                    assert_eq!(whole, gzip(&input, level, window, memory, 777));
                }
            }
        }
    }

    /// What zlib 1.2.13 makes of the samples at levels 1 to 9, with the window and memory that nginx gives it for their length:
    /// the CRC-32 of the whole stream.
    #[rustfmt::skip]
    const ZLIB: [((usize, u8, u8), [u32; 9]); 5] = [
        ((700, 10, 3), [0x6b380af8, 0x0d6098e2, 0x0d6098e2, 0x4949a390, 0x81a444eb, 0x920f5401, 0x920f5401, 0x920f5401, 0x30b376b7]),
        ((3000, 12, 5), [0x6c02d0e4, 0xc34d1e6b, 0xc34d1e6b, 0xb9375946, 0x65bf8780, 0xa4182d68, 0xd10f2a31, 0xf4fc3e20, 0x5d8f7f5b]),
        ((12000, 14, 7), [0x5b43339c, 0x1df6e56f, 0x088e3404, 0xf5bad9f6, 0xd3cfea24, 0xcca96476, 0x45214875, 0xeba98a4e, 0xadce7d56]),
        ((40000, 15, 8), [0x70125416, 0x2d43664f, 0xc2093c76, 0x87b80c1e, 0x638a47eb, 0x632267de, 0x443b2cdc, 0x0e260739, 0xa3be4f89]),
        ((200000, 15, 8), [0x4147aeba, 0xa75ecdbc, 0x38e04149, 0xd5944c0e, 0xe70278cf, 0x1a46dfef, 0x7068a5ac, 0x03af7463, 0xc3dd0a22]),
    ];

    #[test]
    fn every_byte_is_zlibs() {
        for (seed, ((len, window, memory), expected)) in ZLIB.into_iter().enumerate() {
            let input = sample(len, seed as u32 + 1);
            for (level, expected) in (1..).zip(expected) {
                let mut crc = Crc::new();
                crc.update(&gzip(&input, level, window, memory, 32 * 1024));
                assert_eq!(crc.sum(), expected, "{len} bytes at level {level}");
            }
        }
    }

    #[test]
    fn every_byte_is_zlibs_with_sync_flushes_too() {
        for (level, expected) in [(1, 0xeeb6aaff), (6, 0xa63c5fb1)] {
            let mut stream = Gzip::new(level, 15, 8);
            let mut out = Vec::new();
            for piece in sample(12_000, 3).chunks(500) {
                stream.write(piece, Flush::Sync, &mut out);
            }
            stream.write(b"", Flush::Finish, &mut out);
            let mut crc = Crc::new();
            crc.update(&out);
            assert_eq!(crc.sum(), expected, "level {level}");
        }
    }

    #[test]
    fn after_a_sync_flush_all_can_be_read() {
        let input = sample(10_000, 7);
        let mut stream = Gzip::new(6, 15, 8);
        let mut out = Vec::new();
        stream.write(&input, Flush::Sync, &mut out);
        let mut back = vec![0; input.len()];
        flate2::read::GzDecoder::new(&out[..])
            .read_exact(&mut back)
            .expect("all of it");
        assert_eq!(back, input);
        let len = out.len();
        stream.write(b"", Flush::Sync, &mut out);
        assert_eq!(out.len(), len);
    }
}
