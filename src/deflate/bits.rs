//! Bits that become bytes, lowest first (RFC 1951, 3.1.1).

/// Bits on their way to whole bytes, lowest first.
#[derive(Default)]
pub struct Bits {
    waiting: u64,
    count: u8,
}

impl Bits {
    pub fn put(&mut self, value: u32, bits: u8, out: &mut Vec<u8>) {
        self.waiting |= u64::from(value) << self.count;
        self.count += bits;
        if self.count >= 32 {
            out.extend_from_slice(&(self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    /// Gives out the whole bytes.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        while self.count >= 8 {
            out.push(self.waiting as u8);
            self.waiting >>= 8;
            self.count -= 8;
        }
    }

    /// Fills the last byte up.
    pub fn align(&mut self, out: &mut Vec<u8>) {
        self.count = self.count.next_multiple_of(8);
        self.flush(out);
    }
}
