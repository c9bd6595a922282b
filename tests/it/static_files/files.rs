//! Which file is served with which head: types, index, folders, methods, `try_files`.

use std::io::Write;

use crate::support::client;
use crate::support::program::Program;

use super::{DATE, TAG, TEXT, head, start};

#[test]
fn a_file_has_nginxs_head() {
    let program = start();
    let expected = [
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain",
        "Content-Length: 33",
        &format!("Last-Modified: {DATE}"),
        "Connection: close",
        &format!("ETag: {TAG}"),
        "Accept-Ranges: bytes",
    ];
    let answer = program.get("/a.txt");
    assert_eq!(head(&answer), expected);
    assert_eq!(answer.text(), TEXT);
    let answer = program.ask("HEAD", "/a.txt", &[]);
    assert_eq!(head(&answer), expected);
    assert_eq!(
        program.get("/nothing.txt").header("ETag"),
        Some("\"2ebc98a1-0\"")
    );
    assert_eq!(program.get("/tag-less/a.txt").header("ETag"), None);
}

/// After a HEAD and after an empty file the connection serves on: nothing of a body came.
#[test]
fn no_body_follows_a_head_or_an_empty_file() {
    let program = start();
    let mut socket = client::connect(program.address()).unwrap();
    for (method, target) in [
        ("HEAD", "/a.txt"),
        ("GET", "/nothing.txt"),
        ("GET", "/a.txt"),
    ] {
        write!(socket, "{method} {target} HTTP/1.1\r\nHost: h.test\r\n\r\n").unwrap();
        let answer = client::read_answer(&mut socket, method == "HEAD").unwrap();
        assert_eq!(answer.status_line, "HTTP/1.1 200 OK", "{method} {target}");
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
        assert_eq!(
            answer.text(),
            if target == "/a.txt" && method == "GET" {
                TEXT
            } else {
                ""
            }
        );
    }
}

#[test]
fn types_go_by_extension() {
    let program = start();
    for (target, expected) in [
        ("/a.txt", Some("text/plain")),
        ("/UPPER.TXT", Some("text/plain")),
        ("/docs/page.css", Some("text/css")),
        ("/.html", Some("application/octet-stream")),
        ("/no-extension", Some("application/octet-stream")),
        ("/unknown.xyz", Some("application/octet-stream")),
        ("/no-type/unknown.xyz", None),
        // The type is that of the URI, and here that has no extension.
        ("/try-regex/a.txt", Some("application/octet-stream")),
        ("/try-regex/docs/page.css", Some("text/css")),
    ] {
        let answer = program.get(target);
        assert_eq!(answer.status(), 200, "{target}");
        assert_eq!(answer.header("Content-Type"), expected, "{target}");
    }
}

/// Target, status, body (where there is one of ours), `Location` behind scheme and authority.
type Row = (&'static str, u16, &'static str, Option<&'static str>);

#[track_caller]
fn check(program: &Program, rows: &[Row]) {
    let origin = format!("http://h.test:{}", program.address().port());
    for &(target, status, body, location) in rows {
        let answer = program.get(target);
        assert_eq!(answer.status(), status, "{target}");
        if status == 200 {
            assert_eq!(answer.text(), body, "{target}");
        }
        let seen = answer
            .header("Location")
            .map(|l| l.strip_prefix(&origin).unwrap_or(l));
        assert_eq!(seen, location, "{target}");
    }
}

#[test]
fn folders_and_their_index() {
    let program = start();
    check(
        &program,
        &[
            ("/", 200, "start\n", None),
            ("/docs/", 200, "docs\n", None),
            ("/docs", 301, "", Some("/docs/")),
            ("/docs?x=1&y", 301, "", Some("/docs/?x=1&y")),
            ("/sp%20ace", 301, "", Some("/sp%20ace/")),
            ("/q%3Fm", 301, "", Some("/q%3Fm/")),
            ("/q%3Fm/", 200, "question\n", None),
            ("/q%3Fm/?x", 200, "question\n", None),
            ("/empty/", 403, "", None),
            ("/nope/", 404, "", None),
            ("/a.txt/", 404, "", None),
            ("/loop/", 403, "", None),
            ("/bare/", 200, "start\n", None),
            ("/bare", 301, "", Some("/bare/")),
            ("/bare/docs", 301, "", Some("/bare/docs/")),
            ("/absolute-index/", 200, TEXT, None),
            ("/variable-index/?i=nope", 200, "docs\n", None),
            ("/variable-index/?i=/a.txt", 200, TEXT, None),
            ("/variable-index/?i=", 500, "", None),
            ("/regex/docs", 301, "", Some("/regex/docs/")),
        ],
    );
    // As it is, without the origin.
    assert_eq!(
        program.get("/relative/docs").header("Location"),
        Some("/relative/docs/")
    );
}

#[test]
fn files_that_cannot_be_served() {
    let program = start();
    let long = format!("/{}", "a".repeat(300));
    for (target, status, line) in [
        (
            "/nope",
            404,
            "open() \"{}/html/nope\" failed (2: No such file or directory)",
        ),
        (
            "/a.txt/x",
            404,
            "open() \"{}/html/a.txt/x\" failed (20: Not a directory)",
        ),
        (
            "/nope/",
            404,
            "\"{}/html/nope/index.html\" is not found (2: No such file or directory)",
        ),
        (
            "/loop",
            403,
            "open() \"{}/html/loop\" failed (40: Too many levels of symbolic links)",
        ),
        ("/fifo", 404, "\"{}/html/fifo\" is not a regular file"),
        (
            "/empty/",
            403,
            "directory index of \"{}/html/empty/\" is forbidden",
        ),
        (&long, 404, "failed (36: File name too long)"),
    ] {
        assert_eq!(program.get(target).status(), status, "{target}");
        let line = line.replace("{}", program.folder().to_str().unwrap());
        assert!(
            program.error_log().contains(&line),
            "{target}: {}",
            program.error_log()
        );
    }
}

#[test]
fn methods() {
    let program = start();
    for (method, target, status) in [
        ("POST", "/a.txt", 405),
        ("POST", "/docs", 301),
        ("POST", "/docs/", 405),
        ("POST", "/empty/", 403),
        ("POST", "/nope", 404),
        ("PUT", "/a.txt", 405),
        ("PUT", "/nope", 405),
        ("DELETE", "/docs/", 405),
        ("OPTIONS", "/", 405),
        ("HEAD", "/docs", 301),
        ("HEAD", "/nope/", 404),
    ] {
        let answer = program.ask(method, target, &["Content-Length: 0"]);
        assert_eq!(answer.status(), status, "{method} {target}");
        assert_eq!(answer.header("Allow"), None);
    }
}

#[test]
fn try_files_in_all_forms() {
    let program = start();
    check(
        &program,
        &[
            ("/try/page", 200, "tried page\n", None),
            ("/try/docs/", 200, "tried\n", None),
            ("/try/docs", 301, "", Some("/try/docs/")),
            ("/try/nope", 200, TEXT, None),
            ("/try-none/x", 404, "", None),
            ("/try-teapot/x", 418, "", None),
            ("/try-named/x?y", 200, "named /try-named/x", None),
            ("/try-args/?f=/a.txt", 200, TEXT, None),
            ("/try-args/?f=/docs", 301, "", Some("/docs/?f=/docs")),
            (
                "/try-args/?f=/nope&d=/docs",
                301,
                "",
                Some("/docs/?f=/nope&d=/docs"),
            ),
            // Nothing at all is the root itself.
            ("/try-args/?d=", 301, "", Some("/?d=")),
            ("/try-fixed/", 200, "a {}\n", None),
            ("/try-query/x?b=2", 200, "args=a=1", None),
            ("/try-alias/a.txt", 200, TEXT, None),
            ("/try-alias/docs", 301, "", Some("/try-alias/docs/")),
            ("/try-alias/docs/", 200, "docs\n", None),
            ("/try-alias/nope", 200, TEXT, None),
            // Under an alias a fallback with variables loses the location's name.
            ("/try-alias-variable/nope", 404, "", None),
            ("/regex/a.txt", 200, TEXT, None),
            ("/try-regex/a.txt", 200, TEXT, None),
            ("/try-regex/docs", 301, "", Some("/try-regex/docs/")),
            ("/try-regex/nope", 404, "", None),
        ],
    );
}
