//! `Range` and `If-Range`, in files short and very long.

use std::io::{Read, Write};

use crate::support::client;
use crate::support::program::Program;

use super::{DATE, TAG, TEXT, head, start};

#[test]
fn one_range() {
    let program = start();
    for (range, expected, seen) in [
        ("bytes=0-4", "hello", "bytes 0-4/33"),
        ("bytes=-3", "le\n", "bytes 30-32/33"),
        ("bytes=6-", &TEXT[6..], "bytes 6-32/33"),
        ("bytes=0-", TEXT, "bytes 0-32/33"),
        ("bytes=-99", TEXT, "bytes 0-32/33"),
        ("bytes=30-99", "le\n", "bytes 30-32/33"),
        ("bytes= 1 - 2 ", "el", "bytes 1-2/33"),
        ("BYTES=0-0", "h", "bytes 0-0/33"),
        ("bytes=0-0,50-60", "h", "bytes 0-0/33"),
    ] {
        let range = format!("Range: {range}");
        let answer = program.ask("GET", "/a.txt", &[&range]);
        let head_only = program.ask("HEAD", "/a.txt", &[&range]);
        let head_expected = [
            "HTTP/1.1 206 Partial Content",
            "Content-Type: text/plain",
            &format!("Content-Length: {}", expected.len()),
            &format!("Last-Modified: {DATE}"),
            "Connection: close",
            &format!("ETag: {TAG}"),
            &format!("Content-Range: {seen}"),
        ];
        assert_eq!(head(&answer), head_expected, "{range}");
        assert_eq!(head(&head_only), head_expected, "{range}");
        assert_eq!(answer.text(), expected, "{range}");
    }
}

#[test]
fn ranges_that_are_ignored() {
    let program = start();
    for (target, fields) in [
        ("/a.txt", vec!["Range: bytes=0-32,1-2"]),
        ("/a.txt", vec!["Range: lines=0-1"]),
        ("/a.txt", vec!["Range: bytes="]),
        ("/a.txt", vec!["Range: bytes=0-4", "If-Range: \"x\""]),
        (
            "/a.txt",
            vec![
                "Range: bytes=0-4",
                "If-Range: Sun, 06 Nov 1994 08:49:36 GMT",
            ],
        ),
        (
            "/tag-less/a.txt",
            vec!["Range: bytes=0-4", "If-Range: \"2ebc98a1-21\""],
        ),
        ("/one-range/a.txt", vec!["Range: bytes=0-0,2-3"]),
        ("/no-range/a.txt", vec!["Range: bytes=0-4"]),
    ] {
        let answer = program.ask("GET", target, &fields);
        assert_eq!(answer.status(), 200, "{target} {fields:?}");
        assert_eq!(answer.text(), TEXT, "{target} {fields:?}");
        let accepts = (target != "/no-range/a.txt").then_some("bytes");
        assert_eq!(
            answer.header("Accept-Ranges"),
            accepts,
            "{target} {fields:?}"
        );
    }
    // HTTP/1.1's `If-Range` lets these through.
    for condition in [
        "If-Range: \"2ebc98a1-21\"",
        "If-Range: Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        let answer = program.ask("GET", "/a.txt", &["Range: bytes=0-4", condition]);
        assert_eq!(answer.text(), "hello", "{condition}");
    }
    let answer = program.ask("GET", "/nothing.txt", &["Range: bytes=0-4"]);
    assert_eq!((answer.status(), answer.text()), (200, String::new()));
}

#[test]
fn several_ranges() {
    let program = start();
    let ask = |method| program.ask(method, "/a.txt", &["Range: bytes=0-0,6-10,-1"]);
    let answer = ask("GET");
    let kind = answer.header("Content-Type").unwrap();
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap();
    assert!(
        boundary.len() == 20 && boundary.bytes().all(|b| b.is_ascii_digit()),
        "{boundary}"
    );
    let part = |range, text| {
        format!(
            "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/33\r\n\r\n{text}"
        )
    };
    let expected = [
        part("0-0", "h"),
        part("6-10", "world"),
        part("32-32", "\n"),
        format!("\r\n--{boundary}--\r\n"),
    ];
    assert_eq!(answer.text(), expected.concat());
    let head_expected = [
        "HTTP/1.1 206 Partial Content",
        &format!("Content-Type: {kind}"),
        &format!("Content-Length: {}", answer.body.len()),
        &format!("Last-Modified: {DATE}"),
        "Connection: close",
        &format!("ETag: {TAG}"),
    ];
    assert_eq!(head(&answer), head_expected);
    assert_eq!(
        ask("HEAD").header("Content-Length"),
        Some(&*answer.body.len().to_string())
    );
    assert_eq!(
        program
            .ask("GET", "/read/a.txt", &["Range: bytes=0-0,6-10,-1"])
            .body
            .len(),
        answer.body.len()
    );
}

#[test]
fn ranges_that_cannot_be_had() {
    let program = start();
    for range in [
        "bytes=33-",
        "bytes=-0",
        "bytes=1-0",
        "bytes=x",
        "bytes=0-1,",
        "bytes=-",
        "bytes=99-,50-60",
    ] {
        let answer = program.ask("GET", "/plain/a.txt", &[&format!("Range: {range}")]);
        // The fields of the answer that would have been stay, and the page's own come behind.
        let expected = [
            "HTTP/1.1 416 Requested Range Not Satisfiable",
            "Content-Type: text/html",
            &format!("Content-Length: {}", answer.body.len()),
            "Connection: close",
            "X-Plain: yes",
            "X-Always: yes",
            "Content-Range: bytes */33",
            "X-Always: yes",
        ];
        assert_eq!(head(&answer), expected, "{range}");
        assert!(
            answer
                .text()
                .contains("<title>416 Requested Range Not Satisfiable</title>")
        );
    }
}

/// An `error_page` of a 416 that is a file: even the tag of the first file stays.
#[test]
fn a_page_for_416() {
    let program = start();
    let answer = program.ask("GET", "/pages/a.txt", &["Range: bytes=99-"]);
    let expected = [
        "HTTP/1.1 416 Requested Range Not Satisfiable",
        "Content-Type: text/css",
        "Content-Length: 5",
        "Connection: close",
        &format!("ETag: {TAG}"),
        "X-Plain: yes",
        "X-Always: yes",
        "Content-Range: bytes */33",
        "ETag: \"2ebc98a1-5\"",
    ];
    assert_eq!(head(&answer), expected);
    assert_eq!(answer.text(), "a {}\n");
}

/// Ten gigabytes need no memory, sent by `sendfile` or read: 300 MB are taken from the middle, and the end.
#[test]
fn a_large_file_needs_no_memory() {
    let program = start();
    let answer = program.ask("HEAD", "/sparse.bin", &[]);
    assert_eq!(answer.header("Content-Length"), Some("10737418240"));
    assert_eq!(answer.header("ETag"), Some("\"2ebc98a1-280000000\""));
    for folder in ["", "/read"] {
        let answer = program.ask("GET", &format!("{folder}/sparse.bin"), &["Range: bytes=-5"]);
        assert_eq!(
            answer.header("Content-Range"),
            Some("bytes 10737418235-10737418239/10737418240")
        );
        assert_eq!(answer.body, b"mark\0");
        assert_eq!(
            drain(&program, folder, 5_000_000_000, 300_000_000),
            300_000_000
        );
    }
    let peak = program.peak_memory();
    assert!(peak < 40 * 1024, "{peak} kB");
}

/// Asks for a range and counts its bytes, keeping none.
fn drain(program: &Program, folder: &str, first: u64, length: u64) -> u64 {
    let mut socket = client::connect(program.address()).unwrap();
    let last = first + length - 1;
    write!(
        socket,
        "GET {folder}/sparse.bin HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\nRange: bytes={first}-{last}\r\n\r\n"
    )
    .unwrap();
    let head = client::read_head(&mut socket).unwrap();
    assert_eq!(head.status(), 206);
    let (mut buffer, mut total) = (vec![0; 1 << 20], 0);
    loop {
        match socket.read(&mut buffer).unwrap() {
            0 => return total,
            n => total += n as u64,
        }
    }
}
