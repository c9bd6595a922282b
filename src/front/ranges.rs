//! `Range`: one part as a 206, several as `multipart/byteranges`, none that can be had as a 416
//! (RFC 9110 section 14, read and answered as nginx's range filter does).

use bytes::{Bytes, BytesMut};

use crate::wire::answer::PieceOf;
use crate::wire::date::parse_http_time;
use crate::wire::head::Known;

use super::part::Part;
use super::reply::{Reply, ReplyBody};
use super::request::Request;

/// A part of the body: first byte, and the one behind the last.
type Range = (u64, u64);

/// Cuts the ranges that were asked for out of a whole answer.
///
/// # Errors
/// 416 where no range can be had; `Content-Range` and the fields so far are left in [`Request::carried`] for the page.
pub fn apply(r: &mut Request, reply: &mut Reply) -> Result<(), u16> {
    let Some(length) = reply.content_length else {
        return Ok(());
    };
    let max_ranges = match r.location.core.max_ranges {
        Some(n) if n > 0 && reply.single_range => Some(1),
        None if reply.single_range => Some(1),
        other => other,
    };
    if r.head.version < 1000 || reply.status != 200 || !reply.allow_ranges || max_ranges == Some(0)
    {
        return Ok(());
    }
    let asked = match requested(r, reply) {
        // What was cut already is not cut here.
        Some(_) if matches!(reply.body, ReplyBody::Pieces(..)) => Asked::Ignored,
        Some(value) => parse(value, length, max_ranges.unwrap_or(u64::MAX)),
        None => Asked::Ignored,
    };
    match asked {
        Asked::Ignored => {
            reply.headers.push((
                Bytes::from_static(b"Accept-Ranges"),
                Bytes::from_static(b"bytes"),
            ));
            Ok(())
        }
        Asked::Unsatisfiable => {
            reply
                .headers
                .push(content_range(format!("bytes */{length}")));
            r.carried = std::mem::take(&mut reply.headers);
            Err(416)
        }
        Asked::Ranges(ranges) => {
            reply.status = 206;
            reply.status_line = None;
            match ranges[..] {
                [range] => single(reply, range, length),
                _ => multiple(reply, &ranges, length, r.worker.effects.next_boundary()),
            }
            Ok(())
        }
    }
}

fn content_range(value: String) -> (Bytes, Bytes) {
    (Bytes::from_static(b"Content-Range"), Bytes::from(value))
}

/// What `Range` asks for, behind `bytes=`, where `If-Range` lets it.
fn requested<'a>(r: &'a Request, reply: &Reply) -> Option<&'a [u8]> {
    let (unit, ranges) = r.head.field(Known::Range)?.split_at_checked(6)?;
    if ranges.is_empty() || !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let unchanged = r
        .head
        .field(Known::IfRange)
        .is_none_or(|condition| is_unchanged(condition, reply));
    unchanged.then_some(ranges)
}

/// `If-Range`: a tag (it ends with a quote) or a date, compared exactly.
fn is_unchanged(condition: &[u8], reply: &Reply) -> bool {
    if condition.len() >= 2 && condition.ends_with(b"\"") {
        return reply.etag.as_ref().is_some_and(|etag| etag == condition);
    }
    reply
        .last_modified
        .is_some_and(|modified| parse_http_time(condition).unwrap_or(-1) == modified)
}

#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// At least one, each not empty and inside the body.
    Ranges(Vec<Range>),
    /// The whole is sent.
    Ignored,
    Unsatisfiable,
}

/// Reads what stands behind `bytes=`.
fn parse(value: &[u8], length: u64, max_ranges: u64) -> Asked {
    let mut cursor = Cursor { rest: value };
    let mut ranges = Vec::new();
    let mut total = 0u64;
    loop {
        let Some((start, end)) = cursor.range(length) else {
            return Asked::Unsatisfiable;
        };
        if start < end {
            total = match total.checked_add(end - start) {
                Some(total) if i64::try_from(total).is_ok() => total,
                _ => return Asked::Unsatisfiable,
            };
            if ranges.len() as u64 == max_ranges {
                return Asked::Ignored;
            }
            ranges.push((start, end));
        } else if start == 0 {
            return Asked::Ignored;
        }
        if cursor.next() != b',' {
            break;
        }
    }
    if ranges.is_empty() {
        Asked::Unsatisfiable
    } else if total > length {
        // More than the whole: overlapping ranges would cost more than they save.
        Asked::Ignored
    } else {
        Asked::Ranges(ranges)
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    /// The next byte, or 0 at the end.
    fn peek(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.rest = self.rest.get(1..).unwrap_or_default();
        byte
    }

    fn spaces(&mut self) {
        while self.peek() == b' ' {
            self.next();
        }
    }

    /// A number that fits nginx's `off_t`.
    fn number(&mut self) -> Option<u64> {
        if !self.peek().is_ascii_digit() {
            return None;
        }
        let mut n = 0i64;
        while self.peek().is_ascii_digit() {
            n = n
                .checked_mul(10)?
                .checked_add(i64::from(self.next() - b'0'))?;
        }
        u64::try_from(n).ok()
    }

    /// `1-2`, `1-` or `-2`, up to the comma or the end, cut to the body's length; may come out empty.
    fn range(&mut self, length: u64) -> Option<Range> {
        self.spaces();
        let suffix = self.peek() == b'-';
        let mut start = 0;
        if suffix {
            self.next();
        } else {
            start = self.number()?;
            self.spaces();
            if self.next() != b'-' {
                return None;
            }
            self.spaces();
            if matches!(self.peek(), b',' | 0) {
                return Some((start, length));
            }
        }
        let last = self.number()?;
        self.spaces();
        if !matches!(self.peek(), b',' | 0) {
            return None;
        }
        if suffix {
            return Some((length.saturating_sub(last), length));
        }
        Some((start, last.saturating_add(1).min(length)))
    }
}

fn single(reply: &mut Reply, (start, end): Range, length: u64) {
    reply
        .headers
        .push(content_range(format!("bytes {start}-{}/{length}", end - 1)));
    reply.content_length = Some(end - start);
    reply.body = match std::mem::take(&mut reply.body) {
        ReplyBody::File(file, _) => {
            ReplyBody::Pieces(file, vec![PieceOf::File(start, end - start)])
        }
        ReplyBody::Bytes(bytes) => ReplyBody::Bytes(slice(&bytes, (start, end))),
        ReplyBody::Stream(whole) => ReplyBody::Stream(Box::new(Part {
            whole,
            skip: start,
            left: end - start,
        })),
        other => other,
    };
}

fn slice(bytes: &Bytes, (start, end): Range) -> Bytes {
    let end = (end as usize).min(bytes.len());
    bytes.slice((start as usize).min(end)..end)
}

/// Parts with a head each, between boundaries.
fn multiple(reply: &mut Reply, ranges: &[Range], length: u64, number: u64) {
    // Twenty digits: nginx's form, and its values.
    let boundary = format!("{number:020}");
    let mut part_type = BytesMut::new();
    if !reply.content_type.is_empty() {
        part_type.extend_from_slice(b"\r\nContent-Type: ");
        reply.put_type(&mut part_type);
    }
    let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
    let mut total = 0;
    for &(start, end) in ranges {
        let mut head = BytesMut::with_capacity(128);
        head.extend_from_slice(format!("\r\n--{boundary}").as_bytes());
        head.extend_from_slice(&part_type);
        let range = format!(
            "\r\nContent-Range: bytes {start}-{}/{length}\r\n\r\n",
            end - 1
        );
        head.extend_from_slice(range.as_bytes());
        total += head.len() as u64 + (end - start);
        pieces.push(PieceOf::Memory(head.freeze()));
        pieces.push(PieceOf::File(start, end - start));
    }
    let last = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    total += last.len() as u64;
    pieces.push(PieceOf::Memory(last));
    reply.content_type = Bytes::from(format!("multipart/byteranges; boundary={boundary}"));
    reply.charset = Bytes::new();
    reply.type_len = None;
    reply.content_length = Some(total);
    reply.body = match std::mem::take(&mut reply.body) {
        ReplyBody::File(file, _) => ReplyBody::Pieces(file, pieces),
        ReplyBody::Bytes(bytes) => ReplyBody::Bytes(join(&bytes, &pieces)),
        other => other,
    };
}

fn join(bytes: &Bytes, pieces: &[PieceOf]) -> Bytes {
    let mut out = BytesMut::new();
    for piece in pieces {
        match piece {
            PieceOf::Memory(text) => out.extend_from_slice(text),
            PieceOf::File(start, len) => {
                out.extend_from_slice(&slice(bytes, (*start, start + len)))
            }
        }
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, length: u64, expected: Asked) {
        assert_eq!(
            parse(value.as_bytes(), length, u64::MAX),
            expected,
            "{value} of {length}"
        );
    }

    #[test]
    fn single_ranges() {
        let one = |start, end| Asked::Ranges(vec![(start, end)]);
        check("0-4", 33, one(0, 5));
        check("5-", 33, one(5, 33));
        check("-3", 33, one(30, 33));
        check("-50", 33, one(0, 33));
        check("0-", 33, one(0, 33));
        check("10-99", 33, one(10, 33));
        check(" 1 - 2 ", 33, one(1, 3));
        check("0-9223372036854775807", 33, one(0, 33));
        check("0-0,50-60", 33, one(0, 1));
        check("50-60,0-0", 33, one(0, 1));
    }

    #[test]
    fn ranges_that_cannot_be_had() {
        for value in [
            "40-",
            "33-",
            "-0",
            "1-0",
            "a",
            "0-1,",
            "-",
            "1",
            "1-2x",
            "0-9223372036854775808",
            "1-2;3-4",
            ",",
        ] {
            check(value, 33, Asked::Unsatisfiable);
        }
        check("99999999999999999999-", 33, Asked::Unsatisfiable);
    }

    #[test]
    fn ranges_that_are_ignored() {
        check("0-32,1-2", 33, Asked::Ignored);
        check("0-0", 0, Asked::Ignored);
        check("-5", 0, Asked::Ignored);
        assert_eq!(parse(b"0-0,2-3", 33, 1), Asked::Ignored);
        // One that is empty does not count.
        assert_eq!(parse(b"0-0,50-60", 33, 1), Asked::Ranges(vec![(0, 1)]));
    }

    #[test]
    fn several_ranges() {
        check(
            "0-0, 2-3,-1",
            33,
            Asked::Ranges(vec![(0, 1), (2, 4), (32, 33)]),
        );
        check("5-6,0-0", 33, Asked::Ranges(vec![(5, 7), (0, 1)]));
    }

    #[test]
    fn parts_are_framed() {
        let mut reply = Reply::text(
            200,
            Bytes::from_static(b"text/plain"),
            Bytes::from_static(b"hello world"),
        );
        reply.charset = Bytes::from_static(b"utf-8");
        multiple(&mut reply, &[(0, 1), (6, 11)], 11, 7);
        let ReplyBody::Bytes(body) = &reply.body else {
            panic!("not bytes")
        };
        assert_eq!(reply.content_length, Some(body.len() as u64));
        let boundary = String::from_utf8_lossy(&reply.content_type)
            .into_owned()
            .split_off("multipart/byteranges; boundary=".len());
        assert_eq!(boundary.len(), 20);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
        );
        let expected =
            format!("{head}0-0/11\r\n\r\nh{head}6-10/11\r\n\r\nworld\r\n--{boundary}--\r\n");
        assert_eq!(String::from_utf8_lossy(body), expected);
        assert!(reply.charset.is_empty());
    }
}
