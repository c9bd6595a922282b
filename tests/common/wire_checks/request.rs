//! The head of a request.

use bytes::BytesMut;
use proxy_lab::wire::head::RequestHead;
use proxy_lab::wire::request_parser::{BodyEnd, HeadLimits, HeadReader, Step};

use super::{check_fields, field_ranges, inside, pieces, signature, words};

/// A request's head, with limits that `variant` chooses.
pub fn check_request(input: &[u8], cuts: &[usize], variant: u8) -> u64 {
    let limits = limits(variant);
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

fn limits(variant: u8) -> HeadLimits {
    let default = HeadLimits::default();
    HeadLimits {
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
    }
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
