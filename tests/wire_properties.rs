//! Properties of the wire's parsers: any input, cut anywhere, gives what the whole gives; nothing panics, nothing is lost; what is written is read back.

#[path = "common/wire_checks/mod.rs"]
mod wire_checks;

use proptest::collection::vec;
use proptest::prelude::*;
use wire_checks::{again, check_answer, check_chunks, check_request};

/// Bytes that matter to a parser, more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(&b"\r\n :/?#%.0149aAfF;\t\0\x7f\xff_-@"[..]),
        1 => any::<u8>(),
    ]
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(words).prop_map(|word| word.as_bytes().to_vec())
}

/// Words of a head, and bytes between them.
fn head(words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![6 => word(words), 1 => vec(byte(), 0..6)];
    vec(part, 1..14).prop_map(|parts| parts.concat())
}

const REQUEST: &[&str] = &[
    "GET /",
    "POST /a",
    "HEAD ",
    "/../b",
    "/./",
    "%2e",
    "%2f",
    "?x=y",
    "#f",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/1.",
    "\r\n",
    "\n",
    "Host: a\r\n",
    "Host: A.b:80\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "X_Y: z\r\n",
    "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
    "http://h:1",
    "\r\n\r\n",
    "Expect: 100-continue\r\n",
];
const ANSWER: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 404",
    " Not Found",
    "HTTP/",
    "\r\n",
    "\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Server: x\r\n",
    "@: y\r\n",
    "\r\n\r\n",
    "X_Y: z\r\n",
];
const CHUNKS: &[&str] = &[
    "4\r\nbody\r\n",
    "1\nx\n",
    "0\r\n",
    "0\r\n\r\n",
    "\r\n",
    "\n",
    ";a=b",
    "X: y\r\n",
    "a\r\n0123456789\r\n",
    "7ffffffffffffff",
    "0",
];

fn cuts() -> impl Strategy<Value = Vec<usize>> {
    vec(any::<usize>(), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn request_heads(input in head(REQUEST), cuts in cuts(), variant in any::<u8>()) {
        check_request(&input, &cuts, variant);
    }

    #[test]
    fn request_heads_of_any_bytes(input in vec(byte(), 0..200), cuts in cuts(), variant in any::<u8>()) {
        check_request(&input, &cuts, variant);
    }

    #[test]
    fn answer_heads(input in head(ANSWER), cuts in cuts()) {
        check_answer(&input, &cuts);
    }

    #[test]
    fn chunked_bodies(input in head(CHUNKS), cuts in cuts()) {
        check_chunks(&input, &cuts);
    }

    #[test]
    fn chunks_written_are_read(data in vec(any::<u8>(), 0..5000), cuts in cuts()) {
        again(&data, &cuts);
    }
}

/// Every single cut of a few heads, byte by byte too.
#[test]
fn cut_at_every_byte() {
    let request = b"\r\nPOST http://A.b:80/x/../%41?c#d HTTP/1.1 \r\nHost: C.d\r\nX_Y: z\r\nContent-Length: 3\r\n\r\nabc";
    let answer =
        b"HTTP/1.1 404 Not Found \r\nHTTP/1.1 x\r\nX: y  \r\n@: z\r\nContent-Length: 3\r\n\r\nabc";
    let chunks = b"4;a=b\r\nbody\r\n1\nx\n0 \r\nX: y\r\n\r\nnext";
    for cut in 0..request.len() {
        for variant in 0..32 {
            check_request(request, &[cut], variant);
        }
        check_answer(answer, &[cut]);
        check_chunks(chunks, &[cut]);
    }
    let all: Vec<usize> = (0..request.len()).collect();
    check_request(request, &all, 0);
    check_answer(answer, &all);
    check_chunks(chunks, &all);
}
