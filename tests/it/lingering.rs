//! Lingering: which ends of connections are waited for once the answer was sent, and for how long.
//!
//! With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of nginx.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::client;
use crate::support::program::Program;
use crate::support::until;
use crate::support::upstream::{PATIENCE, Upstream, read_request};

const CONFIGURATION: &str = "server {
    listen 127.0.0.1:{port};
    keepalive_timeout 0;
    location /on { return 200 on; }
    location /off { lingering_close off; return 200 off; }
    location /always { lingering_close always; return 200 always; }
    location /slow { proxy_ignore_client_abort on; proxy_pass http://{upstream}; }
    location /status { stub_status; }
    location /short { client_max_body_size 1k; lingering_timeout 60s; lingering_time 2s; root html; keepalive_timeout 60; }
    location /late { lingering_timeout 60s; lingering_time 2s; return 200; }
}";

/// What asks for the number of connections is one itself.
const ALONE: &str = "Active connections: 1 ";

/// A connection on which this was sent.
fn say(program: &Program, text: &str) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    socket.write_all(text.as_bytes()).expect("a request sent");
    socket
}

fn is_alone(program: &Program) -> bool {
    program.get("/status").text().contains(ALONE)
}

fn ends(program: &Program) {
    until(PATIENCE, "the connection ends", || {
        std::thread::sleep(Duration::from_millis(100));
        is_alone(program)
    });
}

/// Who has sent more than was read might lose the answer if the connection were closed at once.
#[test]
fn some_ends_are_waited_for() {
    let (sender, came) = channel();
    let (go, may_answer) = channel();
    let may_answer = std::sync::Arc::new(std::sync::Mutex::new(may_answer));
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        sender.send(()).map_err(io::Error::other)?;
        let answer = may_answer.lock().map_err(|_| io::ErrorKind::Other)?;
        answer.recv_timeout(PATIENCE).map_err(io::Error::other)?;
        socket.write_all(b"HTTP/1.0 200 OK\r\n\r\nslow")
    });
    let program = Program::start(
        &CONFIGURATION.replace("{upstream}", &upstream.name()),
        |_| {},
    );
    for (request, waits) in [
        ("GET /on HTTP/1.1\r\nHost: h\r\n\r\n", false),
        ("GET /on HTTP/1.1\r\nHost: h\r\n\r\nmore", true),
        ("GET /off HTTP/1.1\r\nHost: h\r\n\r\n", false),
        ("GET /always HTTP/1.1\r\nHost: h\r\n\r\n", true),
        // A body that is there may be followed by more.
        (
            "POST /on HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
            true,
        ),
        (
            "POST /on HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            true,
        ),
        (
            "POST /on HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
            false,
        ),
        (
            "POST /off HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody",
            false,
        ),
        ("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", true),
    ] {
        let mut socket = say(&program, request);
        if request.starts_with("GET /slow") {
            came.recv_timeout(PATIENCE).expect("a request");
            socket.write_all(b"more").expect("more sent");
            // The one worker has seen it before it answers another client.
            assert!(!is_alone(&program));
            go.send(()).expect("an upstream");
        }
        let mut said = String::new();
        socket.read_to_string(&mut said).expect("an answer");
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{request}: {said}");
        match waits {
            true => assert!(!is_alone(&program), "{request}"),
            false => ends(&program),
        }
        drop(socket);
        ends(&program);
    }
}

/// `lingering_time` is over whether bytes come or not.
#[test]
fn lingering_ends_in_time() {
    let program = Program::start(&CONFIGURATION.replace("{upstream}", "127.0.0.1:1"), |_| {});
    // With a body that nobody wants, …
    let head = "PUT /short HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
    let mut first = say(&program, head);
    let answer = client::read_answer(&mut first, false).expect("an answer");
    assert_eq!(answer.status(), 413);
    first.write_all(b"x").expect("a byte sent");
    // … and with bytes behind the last request.
    let mut second = say(&program, "GET /late HTTP/1.1\r\nHost: h\r\n\r\nmore");
    let mut said = String::new();
    second.read_to_string(&mut said).expect("an answer");
    second.write_all(b"x").expect("a byte sent");
    assert!(!is_alone(&program));
    assert_eq!(first.read(&mut [0]).expect("an end"), 0);
    ends(&program);
}
