//! The head of an upstream's answer.

use bytes::BytesMut;
use proxy_lab::wire::answer_parser::{AnswerState, AnswerStep, parse_answer};
use proxy_lab::wire::head::AnswerHead;

use super::{check_fields, field_ranges, inside, pieces, signature, words};

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
