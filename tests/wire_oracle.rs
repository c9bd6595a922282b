//! The parsers against what nginx 1.22.1 answered and logged: the tables in `tests/data`.

#[path = "common/notation.rs"]
mod notation;

use bytes::BytesMut;
use notation::decode;
use proxy_lab::wire::answer_parser::{AnswerState, AnswerStep, parse_answer};
use proxy_lab::wire::chunked::{Chunk, ChunkDecoder, Side};
use proxy_lab::wire::head::{AnswerHead, Method, Piece, RequestHead};
use proxy_lab::wire::request_parser::{HeadLimits, HeadReader, Step};

const HEADS: &str = include_str!("data/request_heads.tsv");
const ANSWERS: &str = include_str!("data/answer_heads.tsv");
const CHUNKS: &str = include_str!("data/chunks.tsv");
const URIS: &str = include_str!("data/request_uris.tsv");

fn limits(server: &str) -> HeadLimits {
    let default = HeadLimits::default();
    let small = HeadLimits {
        buffer_size: 128,
        large_buffers: (2, 512),
        ..default
    };
    match server {
        "default" => default,
        "invalid" => HeadLimits {
            ignore_invalid_headers: false,
            ..default
        },
        "underscores" => HeadLimits {
            underscores: true,
            ..default
        },
        "keepslashes" => HeadLimits {
            merge_slashes: false,
            ..default
        },
        "small" => small,
        "one" => HeadLimits {
            large_buffers: (1, 512),
            ..small
        },
        other => panic!("unknown server {other}"),
    }
}

/// A log field: `-` is also what nginx writes where a variable is not set.
fn assert_field(what: &str, case: &str, ours: &[u8], nginx: &str) {
    if nginx == "-" && ours.is_empty() {
        return;
    }
    let nginx = decode(nginx);
    assert!(
        ours == nginx,
        "{what} of {case}\n  ours:  {}\n  nginx: {}",
        ours.escape_ascii(),
        nginx.escape_ascii()
    );
}

fn check_log(case: &str, head: &RequestHead, log: &[&str]) {
    let piece = |p: Piece| p.of(&head.raw);
    let host = if head.has_host {
        &head.host[..]
    } else {
        b"default.test"
    };
    // Of a refused Host nginx keeps none.
    for (what, ours, nginx) in [
        ("$request", piece(head.line), log[1]),
        ("$request_method", head.method_bytes(), log[2]),
        ("$uri", &head.uri[..], log[3]),
        ("$args", piece(head.args), log[4]),
        ("$request_uri", piece(head.unparsed_uri), log[5]),
        ("$host", host, log[6]),
        (
            "$request_length",
            head.received.to_string().as_bytes(),
            log[7],
        ),
        ("$server_protocol", piece(head.protocol), log[8]),
    ] {
        assert_field(what, case, ours, nginx);
    }
}

fn messages(head: &RequestHead) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = head
        .ignored
        .iter()
        .map(|line| {
            let mut message = b"client sent invalid header line: \"".to_vec();
            message.extend_from_slice(line.of(&head.raw));
            message.push(b'"');
            message
        })
        .collect();
    all.extend(head.bad.iter().map(|bad| bad.message.clone()));
    all
}

fn check_head(row: &str) {
    let columns: Vec<&str> = row.split('\t').collect();
    let [
        server,
        sent,
        form,
        body,
        connection,
        interim,
        ref log @ ..,
        messages_of_nginx,
    ] = columns[..]
    else {
        panic!("columns of {row}");
    };
    let case = format!("{server}: {sent}");
    let mut buf = BytesMut::from(&decode(sent)[..]);
    let mut reader = HeadReader::new();
    let step = reader.advance(&mut buf, &limits(server));
    let expected: Vec<Vec<u8>> = messages_of_nginx
        .split(" | ")
        .filter(|m| !m.is_empty())
        .map(decode)
        .collect();
    let head = match step {
        Step::More => {
            assert_eq!((form, log[0]), ("none", "400"), "{case}");
            assert!(reader.started(), "{case}");
            assert_eq!(
                expected.last().map(Vec::as_slice),
                Some(&b"client prematurely closed connection"[..]),
                "{case}"
            );
            check_log(&case, &reader.partial(&buf), log);
            return;
        }
        Step::Done(head) => head,
    };
    let (status, logged) = match &head.bad {
        None => (200, 200),
        Some(bad) if bad.status == 494 => (494, 400),
        Some(bad) => (bad.status, bad.status),
    };
    assert_eq!(logged.to_string(), log[0], "status {status} of {case}");
    check_form(&case, &head, [form, body, connection, interim]);
    check_log(&case, &head, log);
    let ours = messages(&head);
    assert!(
        ours == expected,
        "messages of {case}\n  ours:  {}\n  nginx: {}",
        ours.concat().escape_ascii(),
        expected.concat().escape_ascii()
    );
}

/// The form of nginx's answer: with a head, with a body, keeping the connection, behind a `100 Continue`.
fn check_form(case: &str, head: &RequestHead, [form, body, connection, interim]: [&str; 4]) {
    assert_eq!(
        form,
        if head.version < 1000 { "bare" } else { "head" },
        "{case}"
    );
    if head.version >= 1000 {
        assert_eq!(
            body,
            if head.method == Method::Head {
                "nobody"
            } else {
                "body"
            },
            "{case}"
        );
        // keepalive_disable msie6, the default
        let kept = head.keep_alive && !(head.browser.msie6 && head.method == Method::Post);
        assert_eq!(
            connection,
            if kept { "keep-alive" } else { "close" },
            "{case}"
        );
    }
    // A refusal without a page of its own says nothing before.
    assert_eq!(
        interim == "100",
        head.expect_continue && head.bad.is_none(),
        "100 Continue of {case}"
    );
}

fn rows(table: &'static str) -> impl Iterator<Item = &'static str> {
    table.lines().filter(|line| !line.starts_with('#'))
}

/// Runs all rows, so that one run shows every difference.
fn all(table: &'static str, check: fn(&str)) -> usize {
    let mut failed = Vec::new();
    let mut count = 0;
    for row in rows(table) {
        count += 1;
        if std::panic::catch_unwind(|| check(row)).is_err() {
            failed.push(row);
        }
    }
    assert!(failed.is_empty(), "{} of {count} rows differ", failed.len());
    count
}

#[test]
fn heads_as_nginx() {
    assert!(all(HEADS, check_head) >= 900);
}

#[test]
fn uris_as_nginx() {
    let count = all(URIS, |row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [server, uri, status, path, args, request_uri, message] = columns[..] else {
            panic!("columns of {row}");
        };
        let case = format!("{server}: {uri}");
        let sent = format!("GET {uri} HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n");
        let mut buf = BytesMut::from(&decode(&sent)[..]);
        let Step::Done(head) = HeadReader::new().advance(&mut buf, &limits(server)) else {
            panic!("{case} is not done");
        };
        let ours = head.bad.as_ref().map_or(200, |bad| bad.status);
        assert_eq!(ours.to_string(), status, "{case}");
        assert_field("$uri", &case, &head.uri, path);
        assert_field("$args", &case, head.args.of(&head.raw), args);
        assert_field(
            "$request_uri",
            &case,
            head.unparsed_uri.of(&head.raw),
            request_uri,
        );
        assert_field("message", &case, &messages(&head).concat(), message);
    });
    assert!(count >= 550);
}

/// Fields that nginx writes anew towards its client.
fn rewritten(name: &[u8]) -> bool {
    [
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Server",
        "Date",
        "Content-Type",
    ]
    .iter()
    .any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

fn check_answer(row: &str) {
    let columns: Vec<&str> = row.split('\t').collect();
    let [sent, kind, status, line, fields, body, message] = columns[..] else {
        panic!("columns of {row}");
    };
    let sent_bytes = decode(sent);
    let mut buf = BytesMut::from(&sent_bytes[..sent_bytes.len().min(4096)]);
    let step = parse_answer(&mut buf, &mut AnswerState::new());
    buf.extend_from_slice(sent_bytes.get(4096..).unwrap_or_default());
    match step {
        AnswerStep::More if buf.len() >= 4096 => assert_eq!(kind, "big", "{sent}"),
        AnswerStep::More => assert_eq!(kind, "cut", "{sent}"),
        AnswerStep::NoStatusLine => {
            assert_eq!((kind, status), ("bare", "200"), "{sent}");
            assert_field("body", sent, &buf, body);
        }
        AnswerStep::Bad(error) => {
            assert_eq!(kind, "bad", "{sent}");
            assert_field("message", sent, &error.message(), message);
        }
        AnswerStep::Done(head) => {
            assert_eq!(
                (kind, status),
                ("head", &head.status.to_string()[..]),
                "{sent}"
            );
            assert_field("status line", sent, head.status_line.of(&head.raw), line);
            let ours: Vec<Vec<u8>> = head
                .pairs()
                .filter(|(name, _)| !rewritten(name))
                .map(|(name, value)| [name, b": ", value].concat())
                .collect();
            assert_field("fields", sent, &ours.join(&b" | "[..]), fields);
            if !matches!(head.status, 204 | 304) && head.raw.len() < 4096 {
                assert_field("body", sent, &answer_body(&head, buf), body);
            }
        }
    }
}

/// What of `rest` is the answer's body.
fn answer_body(head: &AnswerHead, mut rest: BytesMut) -> Vec<u8> {
    if head.chunked {
        return decode_chunks(&mut rest, Side::Answer).0;
    }
    let length = head.content_length.map_or(rest.len(), |n| n as usize);
    rest[..length.min(rest.len())].to_vec()
}

/// Data and how it ended.
fn decode_chunks(buf: &mut BytesMut, side: Side) -> (Vec<u8>, &'static str) {
    let mut decoder = ChunkDecoder::new(side);
    let mut data = Vec::new();
    loop {
        match decoder.next(buf) {
            Ok(Chunk::Data(bytes)) => data.extend_from_slice(&bytes),
            Ok(Chunk::More) => return (data, "more"),
            Ok(Chunk::End) => return (data, "end"),
            Err(_) => return (data, "invalid"),
        }
    }
}

#[test]
fn answers_as_nginx() {
    assert!(all(ANSWERS, check_answer) >= 150);
}

#[test]
fn chunks_as_nginx() {
    let count = all(CHUNKS, |row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [
            sent,
            answer,
            answer_data,
            request,
            request_data,
            request_rest,
        ] = columns[..]
        else {
            panic!("columns of {row}");
        };
        let mut buf = BytesMut::from(&decode(sent)[..]);
        let (data, end) = decode_chunks(&mut buf.clone(), Side::Answer);
        assert_eq!(end, answer, "answer: {sent}");
        if end != "invalid" {
            assert_field("data", sent, &data, answer_data);
        }
        let (data, end) = decode_chunks(&mut buf, Side::Request);
        assert_eq!(end, request, "request: {sent}");
        if end == "end" {
            assert_field("data", sent, &data, request_data);
            assert_field("rest", sent, &buf, request_rest);
        }
    });
    assert!(count >= 80);
}
