//! How a client's connection ends: idle for too long, after its last request, with a client that does not read, and
//! with one that goes on sending.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::client;
use crate::support::program::Program;

const CONFIGURATION: &str = r#"
lingering_time 1s;
server {
    listen 127.0.0.1:{port};
    access_log {dir}/access.log;
    keepalive_timeout 200ms;
    location / { return 200 ok; }
    location /hasty { lingering_time 900ms; return 200 ok; }
    location /files/ { send_timeout 300ms; }
    location /closed { return 444; }
    location /closed/reset { reset_timedout_connection on; return 444; }
    location /slow { client_body_timeout 200ms; proxy_pass http://127.0.0.1:1; }
    location /slow/reset { client_body_timeout 200ms; reset_timedout_connection on; proxy_pass http://127.0.0.1:1; }
    location /reset/ { alias html/files/; send_timeout 300ms; reset_timedout_connection on; }
}
server {
    listen 127.0.0.1:{port2};
    keepalive_requests 3;
    lingering_time 30s;
    lingering_timeout 1s;
    location / { return 200 ok; }
}"#;

/// More than the sockets hold.
const LARGE: u64 = 50_000_000;
/// How long an end may let wait for itself.
const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> Program {
    Program::start(CONFIGURATION, |prefix: &Path| {
        let folder = prefix.join("html/files");
        fs::create_dir_all(&folder).expect("a folder");
        let file = File::create(folder.join("large")).expect("a file");
        file.set_len(LARGE).expect("a large file");
    })
}

fn ask(socket: &mut TcpStream, request: &str) {
    write!(socket, "{request} HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let program = start();
    // Idle from the start: it has the time for a head, which is longer.
    let mut silent = client::connect(program.address()).expect("a connection");
    let mut socket = client::connect(program.address()).expect("a connection");
    for _ in 0..2 {
        ask(&mut socket, "GET /");
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
    }
    let start = Instant::now();
    assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
    let waited = start.elapsed();
    let early = Duration::from_millis(150);
    assert!(
        waited > early && waited < PATIENCE,
        "closed after {waited:?}"
    );
    // The other one is still good.
    ask(&mut silent, "GET /");
    let answer = client::read_answer(&mut silent, false).expect("an answer");
    assert_eq!(answer.text(), "ok");
}

#[test]
fn the_last_request_of_a_connection_is_told_so() {
    let program = start();
    let mut socket = client::connect(program.address_of(1)).expect("a connection");
    // All at once, and one too many.
    for _ in 0..4 {
        ask(&mut socket, "GET /");
    }
    for wanted in ["keep-alive", "keep-alive", "close"] {
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.header("Connection"), Some(wanted));
    }
    assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let program = start();
    for (path, reset) in [("/files/large", false), ("/reset/large", true)] {
        let mut socket = client::connect(program.address()).expect("a connection");
        ask(&mut socket, &format!("GET {path}"));
        let line = program.wait_for_log("access.log", path);
        assert!(line.contains(" 200 "), "{line}");
        let head = client::read_head(&mut socket);
        let mut body = Vec::new();
        let read = socket.read_to_end(&mut body);
        if reset {
            let kind = head.map(|_| ()).and(read.map(|_| ())).map_err(|e| e.kind());
            assert_eq!(kind, Err(ErrorKind::ConnectionReset));
        } else {
            let length = head
                .expect("a head")
                .header("Content-Length")
                .map(str::to_owned);
            assert_eq!(length.as_deref(), Some("50000000"));
            read.expect("an end");
        }
        assert!((body.len() as u64) < LARGE, "{path}: all of it came");
    }
}

/// Nothing is answered, and `reset_timedout_connection` says how that ends.
#[test]
fn a_client_without_an_answer_may_be_reset() {
    let program = start();
    let upload = "POST /slow HTTP/1.1\r\nHost: h.test\r\nContent-Length: 10\r\n\r\nhalf";
    for request in ["GET /closed HTTP/1.1\r\nHost: h.test\r\n\r\n", upload] {
        let end_of = |request: &str| {
            let mut socket = client::connect(program.address()).expect("a connection");
            socket.write_all(request.as_bytes()).expect("sent");
            socket.read(&mut [0]).map_err(|error| error.kind())
        };
        assert_eq!(end_of(request), Ok(0), "{request}");
        let with_reset = request.replacen(" HTTP", "/reset HTTP", 1);
        let reset = Err(ErrorKind::ConnectionReset);
        assert_eq!(end_of(&with_reset), reset, "{with_reset}");
    }
}

/// Sends the head of an upload that is refused, and a part of it.
fn refused(socket: &mut TcpStream, path: &str) {
    let head = format!("POST {path} HTTP/1.1\r\nHost: h.test\r\nContent-Length: 30000000\r\n\r\n");
    socket.write_all(head.as_bytes()).expect("a head sent");
    socket.write_all(b"the first bytes").expect("sent");
}

#[test]
fn a_client_that_sends_on_gets_the_answer_all_the_same() {
    let program = start();
    let mut socket = client::connect(program.address_of(1)).expect("a connection");
    refused(&mut socket, "/");
    // Closed at once, the connection would be reset by these, and the answer lost.
    let more = vec![b'x'; 20_000_000];
    socket.write_all(&more).expect("more sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.header("Connection"), Some("close"));
    assert_eq!(socket.read(&mut [0]).expect("an end"), 0);
}

#[test]
fn a_client_that_sends_on_for_too_long_is_cut() {
    let program = start();
    // For how long a client can go on sending after the answer.
    let lingers = |path| {
        let mut socket = client::connect(program.address()).expect("a connection");
        refused(&mut socket, path);
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.status(), 413);
        let start = Instant::now();
        while socket.write(b"x").is_ok() {
            assert!(start.elapsed() < PATIENCE, "{path}: it goes on for ever");
            std::thread::yield_now();
        }
        start.elapsed()
    };
    let (usual, hasty) = (lingers("/"), lingers("/hasty"));
    // nginx counts whole seconds: 900 milliseconds are none.
    assert!(hasty < Duration::from_millis(500), "{hasty:?}");
    assert!(usual < Duration::from_secs(5), "{usual:?}");
}
