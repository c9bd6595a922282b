//! DNS messages (RFC 1035, section 4), as much of them as finding the addresses of a name needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    A = 1,
    Aaaa = 28,
}

const CNAME: u16 = 5;
const INTERNET: u16 = 1;
/// Longest name in a message, and most steps to read one: pointers may not lead in circles.
const MAX_NAME: usize = 255;

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// `RCODE`: 0 is no error, 3 no such name.
    pub code: u8,
    pub addresses: Vec<IpAddr>,
    /// The name that this one stands for, where there are no addresses.
    pub alias: Option<Vec<u8>>,
    /// Seconds that the shortest-lived record may be kept.
    pub ttl: u32,
    /// The message did not fit: only TCP gives the whole.
    pub truncated: bool,
}

/// A query for `name`; `None` where that cannot be a name.
pub fn query(id: u16, name: &[u8], kind: Kind) -> Option<Vec<u8>> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > MAX_NAME - 2 {
        return None;
    }
    let mut out = Vec::with_capacity(name.len() + 18);
    out.extend_from_slice(&id.to_be_bytes());
    // Recursion is desired; one question, nothing else.
    out.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split(|&b| b == b'.') {
        let length = u8::try_from(label.len())
            .ok()
            .filter(|n| (1..64).contains(n))?;
        out.push(length);
        out.extend_from_slice(label);
    }
    out.push(0);
    out.extend_from_slice(&(kind as u16).to_be_bytes());
    out.extend_from_slice(&INTERNET.to_be_bytes());
    Some(out)
}

/// Reads the answer to a query of `kind` with this id; `None` for anything else, and for broken messages.
pub fn answer(message: &[u8], id: u16, name: &[u8], kind: Kind) -> Option<Found> {
    let mut reader = Reader { message, at: 0 };
    if reader.u16()? != id {
        return None;
    }
    let flags = reader.u16()?;
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.at = 12;
    if flags & 0x8000 == 0 || questions != 1 {
        return None;
    }
    let asked = reader.name()?;
    let name = name.strip_suffix(b".").unwrap_or(name);
    if !asked.eq_ignore_ascii_case(name) || reader.u16()? != kind as u16 {
        return None;
    }
    reader.skip(2)?;
    let mut found = Found {
        code: (flags & 15) as u8,
        ttl: u32::MAX,
        truncated: flags & 0x0200 != 0,
        ..Found::default()
    };
    if found.code != 0 || found.truncated {
        return Some(found);
    }
    for _ in 0..answers {
        reader.record(kind, &mut found)?;
    }
    Some(found)
}

struct Reader<'a> {
    message: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self, count: usize) -> Option<()> {
        self.at = self.at.checked_add(count)?;
        (self.at <= self.message.len()).then_some(())
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.message.get(self.at..self.at + 2)?;
        self.at += 2;
        Some(u16::from_be_bytes(bytes.try_into().ok()?))
    }

    /// A name with dots, its pointers followed.
    fn name(&mut self) -> Option<Vec<u8>> {
        let mut name = Vec::new();
        let mut at = self.at;
        let mut behind = None;
        for _ in 0..MAX_NAME {
            let length = *self.message.get(at)?;
            if length >= 0xc0 {
                let low = *self.message.get(at + 1)?;
                behind.get_or_insert(at + 2);
                at = usize::from(length & 0x3f) << 8 | usize::from(low);
                continue;
            }
            at += 1;
            if length == 0 {
                self.at = behind.unwrap_or(at);
                return Some(name);
            }
            if !name.is_empty() {
                name.push(b'.');
            }
            name.extend_from_slice(self.message.get(at..at + usize::from(length))?);
            if name.len() > MAX_NAME {
                return None;
            }
            at += usize::from(length);
        }
        None
    }

    fn record(&mut self, kind: Kind, found: &mut Found) -> Option<()> {
        self.name()?;
        let (record, class) = (self.u16()?, self.u16()?);
        let ttl = u32::from(self.u16()?) << 16 | u32::from(self.u16()?);
        let length = usize::from(self.u16()?);
        let data = self.message.get(self.at..self.at + length)?;
        let behind = self.at + length;
        if class == INTERNET && record == kind as u16 {
            let address = match kind {
                Kind::A => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?)),
                Kind::Aaaa => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?)),
            };
            found.addresses.push(address);
            found.ttl = found.ttl.min(ttl);
        } else if class == INTERNET && record == CNAME {
            found.alias = Some(self.name()?);
            found.ttl = found.ttl.min(ttl);
        }
        self.at = behind;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `app.example A 192.0.2.7`, the name of the record by a pointer, behind a CNAME.
    const ANSWER: &[u8] = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\0\x03app\x07example\0\0\x01\0\x01\
        \xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03web\xc0\x10\
        \xc0\x29\0\x01\0\x01\0\0\0\x1e\0\x04\xc0\0\x02\x07";

    #[test]
    fn queries() {
        let bytes = query(0x1234, b"app.example", Kind::Aaaa).unwrap_or_default();
        assert_eq!(
            bytes,
            b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03app\x07example\0\0\x1c\0\x01"
        );
        for wrong in [&b""[..], b"a..b", b".a", &[b'x'; 64]] {
            assert_eq!(query(1, wrong, Kind::A), None);
        }
    }

    #[test]
    fn answers() {
        let found = answer(ANSWER, 0x1234, b"App.Example.", Kind::A).unwrap_or_default();
        assert_eq!(
            found.addresses,
            [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))],
            "{found:?}"
        );
        assert_eq!(found.alias.as_deref(), Some(&b"web.example"[..]));
        assert_eq!((found.code, found.ttl), (0, 30));
        assert_eq!(answer(ANSWER, 1, b"app.example", Kind::A), None);
        assert_eq!(answer(ANSWER, 0x1234, b"other", Kind::A), None);
    }

    #[test]
    fn broken_answers_are_none() {
        for end in 0..ANSWER.len() {
            assert_eq!(
                answer(&ANSWER[..end], 0x1234, b"app.example", Kind::A),
                None
            );
        }
        let circle = b"\0\x01\x81\x80\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
        assert_eq!(answer(circle, 1, b"a", Kind::A), None);
    }
}
