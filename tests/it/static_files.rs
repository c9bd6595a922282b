//! Static files over real sockets: heads, types, index, folders, methods, `try_files`, conditions and ranges.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::client::{self, Answer};
use crate::support::program::Program;

const CONFIGURATION: &str = r#"
types { text/html html htm; text/plain txt; text/css css; }
default_type application/octet-stream;
server {
    listen 127.0.0.1:{port};
    root html;
    location /tag-less/ { alias html/; etag off; }
    location /one-range/ { alias html/; max_ranges 1; }
    location /no-range/ { alias html/; max_ranges 0; }
    location /since-off/ { alias html/; if_modified_since off; }
    location /since-before/ { alias html/; if_modified_since before; }
    location /read/ { alias html/; sendfile off; }
    location /no-type/ { alias html/; default_type ""; }
    location /absolute-index/ { alias html/; index nope.html /a.txt; }
    location /variable-index/ { alias html/; index $arg_i docs/index.html; }
    location /bare { alias {dir}/html; }
    location /relative/ { alias html/; absolute_redirect off; }
    location /try/ { try_files $uri $uri/ /a.txt; }
    location /try-none/ { try_files $uri =404; }
    location /try-teapot/ { try_files $uri =418; }
    location /try-named/ { try_files $uri @named; }
    location /try-args/ { try_files $arg_f $arg_f/ $arg_d/ =404; }
    location /try-fixed/ { try_files /nope /docs/page.css =404; }
    location /try-query/ { try_files $uri /echo?a=1; }
    location /try-alias/ { alias html/; try_files $uri $uri/ /try-alias/a.txt; }
    location /try-alias-variable/ { alias html/; try_files $uri /try-alias-variable/a.txt$is_args$args; }
    location ~ ^/regex/(.*)$ { alias html/$1; }
    location ~ ^/try-regex/(.*)$ { alias html/; try_files $1 $1/ =404; }
    location = /echo { return 200 "args=$args"; }
    location @named { return 200 "named $uri"; }
    location /pages/ {
        alias html/;
        error_page 416 /docs/page.css;
        add_header X-Plain yes;
        add_header X-Always yes always;
    }
    location /plain/ {
        alias html/;
        add_header X-Plain yes;
        add_header X-Always yes always;
    }
}"#;

/// 06 Nov 1994 08:49:37 GMT, `2ebc98a1` in hex.
const MODIFIED: u64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TEXT: &str = "hello world, this is a text file\n";
const TAG: &str = "\"2ebc98a1-21\"";
const SPARSE: u64 = 10 * 1024 * 1024 * 1024;

fn write(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    date(&file);
}

fn date(file: &File) {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    file.set_modified(modified).unwrap();
}

fn prepare(prefix: &Path) {
    let html = prefix.join("html");
    for folder in ["docs", "empty", "sp ace", "q?m", "try/docs"] {
        fs::create_dir_all(html.join(folder)).unwrap();
    }
    for (name, text) in [
        ("a.txt", TEXT),
        ("index.html", "start\n"),
        ("docs/index.html", "docs\n"),
        ("docs/page.css", "a {}\n"),
        ("q?m/index.html", "question\n"),
        ("try/docs/index.html", "tried\n"),
        ("try/page", "tried page\n"),
        ("nothing.txt", ""),
        ("UPPER.TXT", "up\n"),
        (".html", "hidden\n"),
        ("no-extension", "none\n"),
        ("unknown.xyz", "unknown\n"),
    ] {
        write(&html.join(name), text);
    }
    symlink("loop", html.join("loop")).unwrap();
    let fifo = html.join("fifo");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
    )
    .unwrap();
    sparse(&html.join("sparse.bin"));
}

/// 10 GiB that take no space, with a mark before their last byte.
fn sparse(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(SPARSE).unwrap();
    file.write_all_at(b"mark", SPARSE - 5).unwrap();
    date(&file);
}

fn start() -> Program {
    Program::start(CONFIGURATION, prepare)
}

/// The head's lines as they came, without `Server` and `Date`.
fn head(answer: &Answer) -> Vec<String> {
    let fields = answer
        .headers
        .iter()
        .filter(|(name, _)| name != "Server" && name != "Date");
    let fields = fields.map(|(name, value)| format!("{name}: {value}"));
    [answer.status_line.clone()]
        .into_iter()
        .chain(fields)
        .collect()
}

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

#[test]
fn conditions() {
    let program = start();
    const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    for (target, fields, status) in [
        ("/a.txt", vec![format!("If-Modified-Since: {DATE}")], 304),
        (
            "/a.txt",
            vec!["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT".to_owned()],
            304,
        ),
        (
            "/a.txt",
            vec!["If-Modified-Since: Sun Nov  6 08:49:37 1994".to_owned()],
            304,
        ),
        ("/a.txt", vec![format!("If-Modified-Since: {LATER}")], 200),
        ("/a.txt", vec![format!("If-Modified-Since: {EARLIER}")], 200),
        (
            "/a.txt",
            vec!["If-Modified-Since: yesterday".to_owned()],
            200,
        ),
        (
            "/since-before/a.txt",
            vec![format!("If-Modified-Since: {LATER}")],
            304,
        ),
        (
            "/since-off/a.txt",
            vec![format!("If-Modified-Since: {DATE}")],
            200,
        ),
        ("/a.txt", vec![format!("If-None-Match: {TAG}")], 304),
        ("/a.txt", vec![format!("If-None-Match: W/{TAG}")], 304),
        ("/a.txt", vec![format!("If-None-Match: \"x\", {TAG}")], 304),
        ("/a.txt", vec!["If-None-Match: *".to_owned()], 304),
        ("/a.txt", vec!["If-None-Match: \"x\"".to_owned()], 200),
        (
            "/tag-less/a.txt",
            vec![format!("If-None-Match: {TAG}")],
            200,
        ),
        // Both must hold.
        (
            "/a.txt",
            vec![
                format!("If-None-Match: {TAG}"),
                format!("If-Modified-Since: {EARLIER}"),
            ],
            200,
        ),
        (
            "/a.txt",
            vec![
                "If-None-Match: \"x\"".to_owned(),
                format!("If-Modified-Since: {DATE}"),
            ],
            200,
        ),
        ("/a.txt", vec![format!("If-Match: {TAG}")], 200),
        ("/a.txt", vec![format!("If-Match: W/{TAG}")], 412),
        ("/a.txt", vec!["If-Match: \"x\"".to_owned()], 412),
        ("/a.txt", vec![format!("If-Unmodified-Since: {DATE}")], 200),
        ("/a.txt", vec![format!("If-Unmodified-Since: {LATER}")], 200),
        (
            "/a.txt",
            vec![format!("If-Unmodified-Since: {EARLIER}")],
            412,
        ),
        ("/a.txt", vec!["If-Unmodified-Since: x".to_owned()], 412),
        // A text has neither date nor tag.
        ("/echo", vec![format!("If-Unmodified-Since: {DATE}")], 412),
        ("/echo", vec!["If-None-Match: \"x\"".to_owned()], 200),
        // Not for what is no 200.
        ("/docs", vec!["If-Match: \"x\"".to_owned()], 301),
        ("/nope", vec!["If-None-Match: *".to_owned()], 404),
    ] {
        let fields: Vec<&str> = fields.iter().map(|f| &**f).collect();
        let answer = program.ask("GET", target, &fields);
        assert_eq!(answer.status(), status, "{target} {fields:?}");
    }
}

#[test]
fn a_304_and_a_412_have_nginxs_head() {
    let program = start();
    let answer = program.ask("GET", "/a.txt", &["If-None-Match: *"]);
    let expected = [
        "HTTP/1.1 304 Not Modified",
        &format!("Last-Modified: {DATE}"),
        "Connection: close",
        &format!("ETag: {TAG}"),
    ];
    assert_eq!(head(&answer), expected);
    let answer = program.ask("GET", "/plain/a.txt", &["If-Match: \"x\""]);
    let expected = [
        "HTTP/1.1 412 Precondition Failed",
        "Content-Type: text/html",
        &format!("Content-Length: {}", answer.body.len()),
        "Connection: close",
        "X-Always: yes",
    ];
    assert_eq!(head(&answer), expected);
}

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
