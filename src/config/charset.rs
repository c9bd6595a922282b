//! `charset_map`: tables from one charset to another, filled and read as nginx's charset filter does.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes of a table's entry: its length, and a character of UTF-8.
const ENTRY: usize = 4;

/// Every charset that the file names, with the ways between them.
#[derive(Debug, Clone, Default)]
pub struct Charsets {
    /// As first written: that spelling is the one that is sent.
    names: Vec<Bytes>,
    maps: Vec<Map>,
}

#[derive(Debug, Clone)]
struct Map {
    between: (usize, usize),
    /// There and back.
    ways: Option<(Arc<Recode>, Arc<Recode>)>,
}

/// How the bytes of an answer become those of another charset.
#[derive(Debug, Clone)]
pub enum Recode {
    /// Byte by byte.
    Bytes(Box<[u8; 256]>),
    ToUtf8(ToUtf8),
    FromUtf8(FromUtf8),
}

/// For each byte a length and so many bytes of UTF-8. An entry that is too long runs into the next one, as in nginx.
#[derive(Debug, Clone)]
pub struct ToUtf8(Vec<u8>);

/// For each character its byte.
#[derive(Debug, Clone)]
pub struct FromUtf8(HashMap<u32, u8>);

/// What the lines of one `charset_map` make.
pub enum Filling {
    Bytes(Box<[u8; 256]>, Box<[u8; 256]>),
    Utf8(ToUtf8, FromUtf8),
    /// nginx takes the map, and crashes when it serves by it.
    Unusable,
}

/// Why a line of a `charset_map` is wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Invalid {
    Key,
    Value,
}

impl Charsets {
    /// The charset's number and its name as first written.
    pub fn add(&mut self, name: &Bytes) -> (usize, Bytes) {
        if let Some(at) = self.find(name) {
            return (at, self.names[at].clone());
        }
        self.names.push(name.clone());
        (self.names.len() - 1, name.clone())
    }

    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let same = |known: &Bytes| known.eq_ignore_ascii_case(name);
        self.names.iter().position(same)
    }

    /// Whether there is a map between two charsets, whichever stands first in it.
    pub fn are_mapped(&self, one: usize, other: usize) -> bool {
        let between = |map: &Map| map.between == (one, other) || map.between == (other, one);
        self.maps.iter().any(between)
    }

    pub fn are_mapped_by_name(&self, one: &[u8], other: &[u8]) -> bool {
        let pair = self.find(one).zip(self.find(other));
        pair.is_some_and(|(one, other)| self.are_mapped(one, other))
    }

    /// Keeps what the lines of a map made.
    pub fn add_map(&mut self, from: usize, to: usize, filling: Filling) {
        let ways = match filling {
            Filling::Bytes(there, back) => Some((Recode::Bytes(there), Recode::Bytes(back))),
            Filling::Utf8(there, back) => Some((Recode::ToUtf8(there), Recode::FromUtf8(back))),
            Filling::Unusable => None,
        };
        self.maps.push(Map {
            between: (from, to),
            ways: ways.map(|(there, back)| (Arc::new(there), Arc::new(back))),
        });
    }

    /// The way from one charset to another.
    pub fn way(&self, from: &[u8], to: &[u8]) -> Option<&Arc<Recode>> {
        let way = (self.find(from)?, self.find(to)?);
        self.maps.iter().find_map(|map| {
            let (there, back) = map.ways.as_ref()?;
            match map.between {
                between if between == way => Some(there),
                (one, other) if (other, one) == way => Some(back),
                _ => None,
            }
        })
    }
}

impl Filling {
    /// An empty map: ASCII is the same everywhere, and the rest has no counterpart.
    pub fn new(to_utf8: bool) -> Self {
        let mut table = Box::new([b'?'; 256]);
        let ascii = || (0..128u8).map(|byte| (usize::from(byte), byte));
        if !to_utf8 {
            for (place, byte) in ascii() {
                table[place] = byte;
            }
            return Self::Bytes(table.clone(), table);
        }
        for (place, byte) in ascii() {
            table[place] = byte;
        }
        let entries = table.iter().flat_map(|&byte| [1, byte, 0, 0]).collect();
        let back = ascii().map(|(_, byte)| (u32::from(byte), byte)).collect();
        Self::Utf8(ToUtf8(entries), FromUtf8(back))
    }

    /// A line: a byte, and what it is in the other charset, both in hexadecimal digits.
    ///
    /// # Errors
    /// The key is no byte, or the value is none, or no character.
    pub fn add(&mut self, key: &[u8], value: &[u8]) -> Result<(), Invalid> {
        let source = byte_of(key).ok_or(Invalid::Key)?;
        match self {
            Self::Bytes(forth, back) => {
                let target = byte_of(value).ok_or(Invalid::Value)?;
                forth[usize::from(source)] = target;
                back[usize::from(target)] = source;
            }
            Self::Utf8(ToUtf8(entries), FromUtf8(back)) => {
                let bytes: Option<Vec<u8>> = value
                    .chunks(2)
                    .map(|pair| byte_of(pair).filter(|_| pair.len() == 2))
                    .collect();
                let bytes = bytes.ok_or(Invalid::Value)?;
                let character = decode(&bytes).0;
                let character = character.filter(|&c| c <= 0xffff).ok_or(Invalid::Value)?;
                let place = usize::from(source) * ENTRY;
                // The length is kept in a byte.
                let entry = std::iter::once(bytes.len() as u8).chain(bytes);
                for (to, from) in entries.iter_mut().skip(place).zip(entry) {
                    *to = from;
                }
                back.insert(character, source);
            }
            Self::Unusable => {}
        }
        Ok(())
    }
}

impl ToUtf8 {
    /// Appends what a byte becomes.
    pub fn push(&self, byte: u8, out: &mut Vec<u8>) {
        let entry = self.0.get(usize::from(byte) * ENTRY..).unwrap_or_default();
        if let Some((&len, bytes)) = entry.split_first() {
            out.extend(bytes.iter().take(usize::from(len)));
        }
    }
}

impl FromUtf8 {
    /// Appends what a character becomes; one that the charset has not as HTML can say it, and no character as `?`.
    pub fn push(&self, character: Option<u32>, out: &mut Vec<u8>) {
        match character {
            Some(c) if c <= 0x0010_ffff => match self.0.get(&c) {
                Some(&byte) if byte != 0 => out.push(byte),
                _ => out.extend_from_slice(format!("&#{c};").as_bytes()),
            },
            _ => out.push(b'?'),
        }
    }
}

/// A character of UTF-8 and the bytes that it took, as nginx's `ngx_utf8_decode` reads it: the character is `None` where
/// there is none, and it took none where its end is missing.
pub fn decode(bytes: &[u8]) -> (Option<u32>, usize) {
    let Some(&first) = bytes.first() else {
        return (None, 0);
    };
    let first = u32::from(first);
    let (start, least, more) = match first {
        0xf0.. => (first & 0x07, 0xffff, 3),
        0xe0.. => (first & 0x0f, 0x7ff, 2),
        0xc2.. => (first & 0x1f, 0x7f, 1),
        _ => return (None, 1),
    };
    let Some(rest) = bytes.get(1..=more) else {
        return (None, 0);
    };
    let mut character = start;
    for (taken, &byte) in rest.iter().enumerate() {
        if byte < 0x80 {
            return (None, taken + 2);
        }
        character = character << 6 | u32::from(byte & 0x3f);
    }
    (Some(character).filter(|&c| c > least), 1 + more)
}

/// A byte in hexadecimal digits; leading zeros make it no greater.
fn byte_of(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digits.iter().try_fold(0u32, |value, &byte| {
        Some(value * 16 + digit(byte)?).filter(|&value| value <= 255)
    });
    value.and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_read_as_nginx_reads_them() {
        assert_eq!(decode(b"\xd0\xb0x"), (Some(0x430), 2));
        assert_eq!(decode(b"\xd0"), (None, 0));
        assert_eq!(decode(b"\xd0A"), (None, 2));
        assert_eq!(decode(b"\xe2\x82B"), (None, 3));
        assert_eq!(decode(b"\xf4\x90\x80\x80"), (Some(0x11_0000), 4));
        assert_eq!(decode(b"\xe0\x80\x80"), (None, 3));
        assert_eq!(decode(b"\x80"), (None, 1));
    }

    #[test]
    fn a_long_entry_runs_into_the_next() {
        let mut filling = Filling::new(true);
        filling.add(b"80", b"D0908080").unwrap();
        filling.add(b"82", b"c3a9").unwrap();
        let Filling::Utf8(to, from) = filling else {
            panic!("not to UTF-8");
        };
        let mut out = Vec::new();
        to.push(0x80, &mut out);
        to.push(0x82, &mut out);
        from.push(Some(0x410), &mut out);
        from.push(Some(0x20ac), &mut out);
        from.push(None, &mut out);
        assert_eq!(out, b"\xd0\x90\x80\x80\xc3\xa9\x80&#8364;?");
    }

    #[test]
    fn values_are_bytes() {
        for wrong in ["", "g0", "100", "0x1"] {
            assert_eq!(byte_of(wrong.as_bytes()), None, "{wrong}");
        }
        assert_eq!(byte_of(b"0fF"), Some(255));
        let mut filling = Filling::new(true);
        for wrong in ["41", "D09", "F0908080", "C0", ""] {
            assert_eq!(filling.add(b"80", wrong.as_bytes()), Err(Invalid::Value));
        }
    }
}
