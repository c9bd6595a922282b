//! What must hold of the wire's parsers for every input: shared by the property tests and the fuzzer.
//!
//! Each check reads the input whole and in pieces, panics where a promise is broken, and returns a number that says what kind of
//! input it was, so that a fuzzer can keep those that are new.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use bytes::BytesMut;
use proxy_lab::wire::answer_parser::{AnswerState, AnswerStep, parse_answer};
use proxy_lab::wire::chunked::{Chunk, ChunkDecoder, Side, write_chunk_head};
use proxy_lab::wire::head::{AnswerHead, Field, Piece, RequestHead};
use proxy_lab::wire::request_parser::{BodyEnd, HeadLimits, HeadReader, Step};

/// The input in the pieces that `cuts` (any numbers) make of it; none is empty.
pub fn pieces<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    places.push(input.len());
    places.sort_unstable();
    let mut start = 0;
    let mut out = Vec::new();
    for place in places {
        if place > start {
            out.push(&input[start..place]);
            start = place;
        }
    }
    out
}

fn signature(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The message up to what it quotes.
fn words(message: &[u8]) -> Vec<u8> {
    message
        .split(|ch| *ch == b'"')
        .next()
        .unwrap_or_default()
        .to_vec()
}

fn empty_lines(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|ch| matches!(**ch, b'\r' | b'\n'))
        .count()
}

/// Feeds `parts` until a head is done; also what is left, unread parts included.
fn read_request(parts: &[&[u8]], limits: &HeadLimits) -> (Option<RequestHead>, BytesMut) {
    let mut reader = HeadReader::new();
    let mut buf = BytesMut::new();
    let (number, size) = limits.large_buffers;
    let most = limits.buffer_size + number * size;
    for (i, part) in parts.iter().enumerate() {
        buf.extend_from_slice(part);
        let before = buf.len();
        match reader.advance(&mut buf, limits) {
            Step::More => {
                assert!(reader.started());
                assert!(
                    buf.len() < most,
                    "a head that never ends is refused in time"
                );
                check_request_head(&reader.partial(&buf), true);
            }
            Step::Done(head) => {
                assert!(head.raw.len() + buf.len() <= before);
                for rest in &parts[i + 1..] {
                    buf.extend_from_slice(rest);
                }
                return (Some(head), buf);
            }
        }
    }
    (None, buf)
}

fn inside(piece: Piece, raw: &[u8]) {
    assert!(
        piece.start <= piece.end && piece.end as usize <= raw.len(),
        "{piece:?}"
    );
}

fn check_fields(fields: &[Field], raw: &[u8]) {
    let mut last = 0;
    for field in fields {
        inside(field.name, raw);
        inside(field.value, raw);
        assert!(field.name.start as usize >= last && !field.name.is_empty());
        assert!(field.value.start >= field.name.end);
        last = field.value.end as usize;
        let value = field.value.of(raw);
        assert!(!value.iter().any(|ch| matches!(ch, b'\r' | b'\n' | 0)));
        assert!(value.first() != Some(&b' ') && value.last() != Some(&b' '));
        let name = field.name.of(raw);
        assert!(
            !name
                .iter()
                .any(|ch| *ch <= b' ' || *ch == b':' || *ch == 0x7f)
        );
    }
}

fn check_request_head(head: &RequestHead, partial: bool) {
    let raw = &head.raw[..];
    for piece in [
        head.line,
        head.method_name,
        head.protocol,
        head.unparsed_uri,
        head.args,
    ] {
        inside(piece, raw);
    }
    for line in &head.ignored {
        inside(*line, raw);
    }
    check_fields(&head.fields, raw);
    assert!(head.received <= raw.len());
    assert_eq!(head.has_host, !head.host.is_empty());
    assert!(
        !head
            .host
            .iter()
            .any(|ch| *ch <= b' ' || *ch == b'/' || ch.is_ascii_uppercase())
    );
    if head.bad.is_none() && !partial {
        assert_eq!(head.received, raw.len());
        assert!(!head.uri.is_empty() && !head.method_name.is_empty());
        assert!(!(head.chunked && head.content_length.is_some()));
        assert!(head.version == 9 || (1000..2000).contains(&head.version));
        assert!(head.has_host || head.version <= 1000);
    }
    if !head.uri.is_empty() {
        assert!(head.uri.len() <= head.unparsed_uri.of(raw).len() + 1);
        assert_eq!(head.uri.first(), Some(&b'/'));
        for segment in head.uri.split(|ch| *ch == b'/') {
            assert!(
                segment != b"." && segment != b"..",
                "{}",
                head.uri.escape_ascii()
            );
        }
        assert!(!head.uri.contains(&0));
    }
}

fn field_ranges(fields: &[Field]) -> Vec<(Piece, Piece)> {
    fields.iter().map(|f| (f.name, f.value)).collect()
}

/// Whole or in pieces, a head is the same.
fn same_request(a: &RequestHead, b: &RequestHead) {
    assert_eq!(
        a.bad
            .as_ref()
            .map(|bad| (bad.status, &bad.message, bad.in_request_line)),
        b.bad
            .as_ref()
            .map(|bad| (bad.status, &bad.message, bad.in_request_line))
    );
    assert_eq!(
        (a.method, a.version, a.received),
        (b.method, b.version, b.received)
    );
    assert_eq!((&a.uri, &a.host), (&b.uri, &b.host));
    assert_eq!(
        (a.args, a.unparsed_uri, a.protocol, a.method_name),
        (b.args, b.unparsed_uri, b.protocol, b.method_name)
    );
    assert_eq!(field_ranges(&a.fields), field_ranges(&b.fields));
    assert_eq!(a.ignored, b.ignored);
    assert_eq!(
        (
            a.content_length,
            a.chunked,
            a.keep_alive,
            a.expect_continue,
            a.browser
        ),
        (
            b.content_length,
            b.chunked,
            b.keep_alive,
            b.expect_continue,
            b.browser
        )
    );
    if a.bad.is_none() {
        assert_eq!((&a.raw, a.line), (&b.raw, b.line));
    }
}

/// A request's head, with limits that `variant` chooses.
pub fn check_request(input: &[u8], cuts: &[usize], variant: u8) -> u64 {
    let default = HeadLimits::default();
    let limits = HeadLimits {
        buffer_size: if variant & 1 == 0 {
            default.buffer_size
        } else {
            64
        },
        large_buffers: if variant & 2 == 0 {
            default.large_buffers
        } else {
            (2, 128)
        },
        ignore_invalid_headers: variant & 4 == 0,
        underscores: variant & 8 != 0,
        merge_slashes: variant & 16 == 0,
        max_headers: if variant & 32 == 0 {
            default.max_headers
        } else {
            3
        },
    };
    let parts = pieces(input, cuts);
    let (whole, rest) = read_request(&pieces(input, &[]), &limits);
    let (split, split_rest) = read_request(&parts, &limits);
    assert_eq!(whole.is_some(), split.is_some(), "whole or in pieces");
    let Some(head) = whole else {
        return signature(("more", rest.len().min(4)));
    };
    check_request_head(&head, false);
    let from = empty_lines(input);
    assert_eq!(
        [&head.raw[..], &rest[..]].concat(),
        &input[from..],
        "nothing is lost"
    );
    if let Some(split) = split {
        check_request_head(&split, false);
        same_request(&head, &split);
        assert_eq!([&split.raw[..], &split_rest[..]].concat(), &input[from..]);
    }
    pipelined(input, &limits);
    let bad = head
        .bad
        .as_ref()
        .map(|bad| (bad.status, words(&bad.message)));
    signature((
        bad,
        (
            head.version.min(1002),
            head.method,
            head.fields.len().min(6),
        ),
        (
            head.chunked,
            head.keep_alive,
            head.content_length.is_some(),
            head.expect_continue,
        ),
        (
            head.uri_rewritten,
            head.quoted_uri,
            head.valid_unparsed_uri,
            head.args.is_empty(),
        ),
        (
            head.host.len().min(3),
            head.ignored.len().min(2),
            head.browser.msie,
            variant & 31,
        ),
    ))
}

/// One reader for all the heads of a connection.
fn pipelined(input: &[u8], limits: &HeadLimits) {
    let mut reader = HeadReader::new();
    let mut buf = BytesMut::from(input);
    while let Step::Done(head) = reader.advance(&mut buf, limits) {
        check_request_head(&head, false);
        if head.bad.is_some() {
            return;
        }
        reader.begin_next(BodyEnd::new(0, false, head.behind, buf.len()));
    }
}

fn read_answer(parts: &[&[u8]]) -> (AnswerStep, BytesMut) {
    let mut state = AnswerState::new();
    let mut buf = BytesMut::new();
    for (i, part) in parts.iter().enumerate() {
        buf.extend_from_slice(part);
        match parse_answer(&mut buf, &mut state) {
            AnswerStep::More => {}
            other => {
                for rest in &parts[i + 1..] {
                    buf.extend_from_slice(rest);
                }
                return (other, buf);
            }
        }
    }
    (AnswerStep::More, buf)
}

fn check_answer_head(head: &AnswerHead, rest: &[u8], input: &[u8]) {
    inside(head.status_line, &head.raw);
    assert!(head.status <= 999 && head.version >= 1000);
    assert!(head.status_line.of(&head.raw).len() >= 3);
    check_fields(&head.fields, &head.raw);
    assert!(!(head.chunked && head.content_length.is_some()));
    assert_eq!([&head.raw[..], rest].concat(), input, "nothing is lost");
}

/// The head of an upstream's answer.
pub fn check_answer(input: &[u8], cuts: &[usize]) -> u64 {
    let (whole, rest) = read_answer(&pieces(input, &[]));
    let (split, split_rest) = read_answer(&pieces(input, cuts));
    match (&whole, &split) {
        (AnswerStep::More, AnswerStep::More) => {
            assert_eq!((&rest[..], &split_rest[..]), (input, input));
            signature(("more", input.len().min(16)))
        }
        (AnswerStep::NoStatusLine, AnswerStep::NoStatusLine) => {
            assert_eq!(&rest[..], input);
            assert!(input.ends_with(&split_rest));
            signature(("bare", input.first()))
        }
        (AnswerStep::Bad(a), AnswerStep::Bad(b)) => {
            assert_eq!(a, b);
            assert!(!a.message().is_empty());
            signature(("bad", words(&a.message())))
        }
        (AnswerStep::Done(a), AnswerStep::Done(b)) => {
            check_answer_head(a, &rest, input);
            check_answer_head(b, &split_rest, input);
            assert_eq!(
                (&a.raw, a.status, a.version, a.status_line),
                (&b.raw, b.status, b.version, b.status_line)
            );
            assert_eq!(
                (a.content_length, a.chunked, a.connection_close),
                (b.content_length, b.chunked, b.connection_close)
            );
            assert_eq!(field_ranges(&a.fields), field_ranges(&b.fields));
            signature((
                (a.status / 100, a.version.min(1002), a.fields.len().min(6)),
                (
                    a.content_length.is_some(),
                    a.chunked,
                    a.connection_close,
                    rest.len().min(2),
                ),
            ))
        }
        (whole, split) => panic!("whole: {whole:?}, in pieces: {split:?}"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::enum_variant_names)]
pub enum End {
    More,
    End,
    Invalid,
}

/// All data, how it ended, what was left, and before each piece (bytes so far, [`ChunkDecoder::wanted`]).
pub fn decode_chunks(parts: &[&[u8]]) -> (Vec<u8>, End, BytesMut, Vec<(usize, u64)>) {
    let mut decoder = ChunkDecoder::new(Side::Request);
    let mut buf = BytesMut::new();
    let mut data = Vec::new();
    let mut wanted = Vec::new();
    let mut fed = 0;
    for (i, part) in parts.iter().enumerate() {
        wanted.push((fed, decoder.wanted()));
        fed += part.len();
        buf.extend_from_slice(part);
        loop {
            let end = match decoder.next(&mut buf) {
                Ok(Chunk::Data(bytes)) => {
                    assert!(!bytes.is_empty());
                    data.extend_from_slice(&bytes);
                    continue;
                }
                Ok(Chunk::More) => {
                    assert!(buf.is_empty());
                    break;
                }
                Ok(Chunk::End) => End::End,
                Err(_) => End::Invalid,
            };
            for rest in &parts[i + 1..] {
                buf.extend_from_slice(rest);
            }
            return (data, end, buf, wanted);
        }
    }
    (data, End::More, buf, wanted)
}

/// A chunked body.
pub fn check_chunks(input: &[u8], cuts: &[usize]) -> u64 {
    let (data, end, rest, _) = decode_chunks(&pieces(input, &[]));
    let (split_data, split_end, split_rest, wanted) = decode_chunks(&pieces(input, cuts));
    assert_eq!((&data, end), (&split_data, split_end));
    assert!(data.len() <= input.len());
    if end == End::End {
        assert_eq!(rest, split_rest);
        assert!(input.ends_with(&rest));
        let used = input.len() - rest.len();
        for (at, least) in wanted {
            assert!(
                at as u64 + least <= used as u64,
                "at {at} no less than {least} of {used}"
            );
        }
        again(&data, cuts);
    }
    signature((
        end,
        data.len().min(9),
        rest.len().min(3),
        input.len().min(40),
    ))
}

/// What is written in chunks is read back.
pub fn again(data: &[u8], cuts: &[usize]) {
    let mut out = BytesMut::new();
    for chunk in pieces(data, cuts) {
        write_chunk_head(&mut out, chunk.len());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\nnext");
    let (read, end, rest, _) = decode_chunks(&pieces(&out, cuts));
    assert_eq!((&read[..], end, &rest[..]), (data, End::End, &b"next"[..]));
}
