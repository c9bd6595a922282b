//! What real nginx and real Flask were seen to do with the lesson's file, row by row.
//!
//! Two rows stand elsewhere: the answer of which a client reads nothing (`large_bodies.rs`), and Debian's nginx as an
//! ordinary user (`lesson_under_nginx.rs`).

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::UNIX_EPOCH;

use crate::support::client::{self, Answer};
use crate::support::lesson::Lesson;
use crate::support::program::Program;
use crate::support::upstream;

const USERS: &str = "[{\"id\":1,\"name\":\"Alice\"},{\"id\":2,\"name\":\"Bob\"}]\n";

/// As curl asks, with fields of one's own behind curl's.
fn curl(address: SocketAddr, line: &str, host: &str, fields: &[&str]) -> Answer {
    let mut request =
        format!("{line} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n");
    for field in fields {
        request.push_str(field);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    client::exchange(address, request.as_bytes(), line.starts_with("HEAD ")).expect("an answer")
}

/// Asks the lesson's front server for a path, as `localhost:3000`.
fn get(lesson: &Lesson, path: &str, fields: &[&str]) -> Answer {
    let host = lesson.here("localhost:3000");
    curl(lesson.front(), &format!("GET {path}"), &host, fields)
}

fn html(path: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/html/");
    fs::read(format!("{root}{path}")).expect("a file of html/")
}

#[test]
fn the_backend_asked_directly() {
    let lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let host = lesson.here("127.0.0.1:5000");
    let ask = |line: &str, fields: &[&str]| curl(lesson.backend(), line, &host, fields);

    let root = ask("GET /", &[]);
    assert_eq!(root.status(), 200);
    assert_eq!(root.header("Content-Type"), Some("application/json"));
    assert_eq!(
        lesson.as_written(&root.text()),
        "{\"headers\":{\"Accept\":\"*/*\",\"Host\":\"127.0.0.1:5000\",\"User-Agent\":\"curl/7.88.1\"},\
         \"message\":\"Hello from the backend!\"}\n"
    );
    let users = ask("GET /users", &[]);
    assert_eq!(users.header("Content-Type"), Some("application/json"));
    assert_eq!((users.status(), &*users.text()), (200, USERS));

    // Names in Title-Case, repeated ones joined by a bare comma, those with an underscore dropped.
    let odd = ask("GET /", &["x-a: 1", "X-A: 2", "x_b: 3"]).text();
    assert!(
        odd.contains("\"User-Agent\":\"curl/7.88.1\",\"X-A\":\"1,2\"}"),
        "{odd}"
    );
    let wrong = ask("DELETE /users", &[]);
    assert_eq!(wrong.status(), 405);
    assert_eq!(wrong.header("Allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn the_prefix_is_stripped_and_the_four_headers_are_set() {
    let lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let _front = lesson.start();

    let users = get(&lesson, "/api/users", &[]);
    assert_eq!((users.status(), &*users.text()), (200, USERS));
    assert_eq!(users.header("Content-Type"), Some("application/json"));

    let seen = get(&lesson, "/api/", &[]).text();
    assert_eq!(
        lesson.as_written(&seen),
        "{\"headers\":{\"Accept\":\"*/*\",\"Connection\":\"close\",\"Host\":\"localhost:3000\",\
         \"User-Agent\":\"curl/7.88.1\",\"X-Forwarded-For\":\"127.0.0.1\",\"X-Forwarded-Proto\":\"http\",\
         \"X-Real-Ip\":\"127.0.0.1\"},\"message\":\"Hello from the backend!\"}\n"
    );
    let chained = get(&lesson, "/api/", &["X-Forwarded-For: 203.0.113.9"]).text();
    assert!(
        chained.contains("\"X-Forwarded-For\":\"203.0.113.9, 127.0.0.1\""),
        "{chained}"
    );
    let version = get(&lesson, "/api/inspect", &[]).text();
    assert!(version.contains("\"version\":\"HTTP/1.0\""), "{version}");
}

#[test]
fn with_host_the_backend_sees_no_port() {
    let lesson = Lesson::copy();
    lesson.edit(
        "-            proxy_set_header Host $http_host;\n+            proxy_set_header Host $host;",
    );
    let _backend = lesson.start_backend();
    let _front = lesson.start();
    let seen = get(&lesson, "/api/", &[]).text();
    assert!(seen.contains("\"Host\":\"localhost\","), "{seen}");
}

#[test]
fn without_the_slash_the_backend_is_asked_for_the_whole_path() {
    let lesson = Lesson::copy();
    lesson.edit(
        "-        location /api/ {\n+        location /keep/ {\n\
         -            proxy_pass http://127.0.0.1:5000/;\n+            proxy_pass http://127.0.0.1:5000;",
    );
    let _backend = lesson.start_backend();
    let _front = lesson.start();
    let answer = get(&lesson, "/keep/users", &[]);
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    let text = answer.text();
    assert!(text.contains("has nothing at /keep/users"), "{text}");
}

#[test]
fn folders_files_and_the_fallback() {
    let lesson = Lesson::copy();
    let _front = lesson.start();

    // Longer than the prefix by its slash: sent there, for the proxy and for a folder alike.
    for (path, target) in [("/api", "/api/"), ("/docs", "/docs/")] {
        let answer = get(&lesson, path, &[]);
        assert_eq!(answer.status(), 301, "{path}");
        let location = lesson.here(&format!("http://localhost:3000{target}"));
        assert_eq!(answer.header("Location"), Some(&*location));
    }
    let docs = get(&lesson, "/docs/", &[]);
    assert_eq!((docs.status(), docs.body), (200, html("docs/index.html")));

    let fallback = get(&lesson, "/nope", &[]);
    assert_eq!(fallback.status(), 200);
    assert_eq!(fallback.header("Content-Type"), Some("text/html"));
    assert_eq!(fallback.body, html("index.html"));

    let style = get(&lesson, "/style.css", &[]);
    assert_eq!(style.status(), 200);
    assert_eq!(style.header("Content-Type"), Some("text/css"));
    assert_eq!(style.header("Accept-Ranges"), Some("bytes"));
    let file = fs::metadata(lesson.root().join("html/style.css")).expect("a file");
    let modified = file.modified().expect("a time");
    let seconds = modified.duration_since(UNIX_EPOCH).expect("after 1970");
    let tag = format!("\"{:x}-{:x}\"", seconds.as_secs(), file.len());
    assert_eq!(style.header("ETag"), Some(&*tag));
    let date = style.header("Last-Modified").expect("a date").to_owned();
    let again = get(
        &lesson,
        "/style.css",
        &[&format!("If-Modified-Since: {date}")],
    );
    assert_eq!(again.status(), 304);
}

#[test]
fn a_stopped_backend_is_a_502_until_it_is_back() {
    let lesson = Lesson::copy();
    let _front = lesson.start();
    let backend = lesson.start_backend();
    assert_eq!(get(&lesson, "/api/users", &[]).status(), 200);
    backend.stop();
    let answer = get(&lesson, "/api/users", &[]);
    assert_eq!(answer.status_line, "HTTP/1.1 502 Bad Gateway");
    assert_eq!(answer.header("Content-Type"), Some("text/html"));
    let page = answer.text();
    let start = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
                 <center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>";
    assert!(page.starts_with(start), "{page}");
    let _backend = lesson.start_backend();
    assert_eq!(get(&lesson, "/api/users", &[]).text(), USERS);
}

#[test]
fn a_chunked_upload_reaches_the_backend_whole() {
    let lesson = Lesson::copy();
    let _front = lesson.start();
    let backend = TcpListener::bind(lesson.backend()).expect("the backend's port");

    let mut client = client::connect(lesson.front()).expect("a connection");
    let start = "POST /api/upload HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n1;a=b\r\n,\r\n6\r\n world\r\n0\r\n";
    client.write_all(start.as_bytes()).expect("most of it sent");
    // The one worker has answered another client since: it had the time to contact the backend.
    assert_eq!(get(&lesson, "/hello.txt", &[]).status(), 200);
    backend.set_nonblocking(true).expect("a listener");
    let contacted = backend.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(contacted, Err(ErrorKind::WouldBlock));

    backend.set_nonblocking(false).expect("a listener");
    client.write_all(b"\r\n").expect("the last of it sent");
    let mut socket = upstream::bounded(backend.accept().expect("a connection").0);
    let received = upstream::read_request(&mut socket).expect("a request");
    assert_eq!(received.head[0], "POST /upload HTTP/1.0");
    assert_eq!(received.all("Content-Length"), ["12"]);
    assert_eq!(received.all("Transfer-Encoding"), Vec::<&str>::new());
    assert_eq!(received.body, b"hello, world");
    socket
        .write_all(b"HTTP/1.0 201 Created\r\n\r\n")
        .expect("an answer sent");
    drop(socket);
    let answer = client::read_answer(&mut client, false).expect("an answer");
    assert_eq!(answer.status(), 201);
}

#[test]
fn an_upload_of_more_than_a_megabyte_is_refused() {
    let lesson = Lesson::copy();
    let _backend = lesson.start_backend();
    let _front = lesson.start();
    let status = |length: usize| {
        let head =
            format!("POST /api/upload HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n");
        let request = [head.as_bytes(), &vec![b'x'; length]].concat();
        let answer = client::exchange(lesson.front(), &request, false);
        answer.expect("an answer").status()
    };
    assert_eq!(status(1 << 20), 200);
    assert_eq!(status((1 << 20) + 1), 413);
}

#[test]
fn what_takes_too_long_is_a_408_in_the_log_and_nothing_on_the_wire() {
    let program = Program::start(
        r#"server {
            listen 127.0.0.1:{port};
            access_log {dir}/access.log;
            client_header_timeout 150ms;
            client_body_timeout 150ms;
            location /body { proxy_pass http://127.0.0.1:{port2}; }
            location /bare { return 408; }
            location /text { return 408 "text"; }
        }"#,
        |_| {},
    );
    let silent = [
        ("GET /head HTTP/1.1\r\nHost: h", "GET /head HTTP/1.1"),
        (
            "POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nfour",
            "POST /body HTTP/1.1",
        ),
        (
            "GET /bare HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /bare HTTP/1.1",
        ),
    ];
    for (request, line) in silent {
        let mut socket = client::connect(program.address()).expect("a connection");
        socket.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).expect("an end");
        assert_eq!(answer, b"", "{line}");
        program.wait_for_log("access.log", &format!("\"{line}\" 408 0 "));
    }
    let answered = program.get("/text");
    assert_eq!(answered.status_line, "HTTP/1.1 408 Request Time-out");
    assert_eq!(answered.text(), "text");
}

#[test]
fn a_port_alone_is_ipv4_alone() {
    let lesson = Lesson::copy();
    let _front = lesson.start();
    let port = lesson.front().port();
    assert!(client::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).is_err());
    assert_eq!(get(&lesson, "/", &[]).status(), 200);
}

#[test]
fn an_upstream_name_that_does_not_resolve_stops_the_start() {
    // RFC 6761, section 6.4: .invalid never resolves.
    let refused =
        Program::refuses("server { location / { proxy_pass http://nobody.invalid:80; } }");
    let wanted = "host not found in upstream \"nobody.invalid\" in ";
    assert!(refused.contains(wanted), "{refused}");
}
