//! QUIT, TERM and INT, and signals that are no end.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::client;
use crate::support::program::{Program, is_nginx};
use crate::support::until;

use super::PATIENCE;

/// A server whose requests wait for the backend at `{port2}`, and one that answers itself.
const WAITING: &str = "server { listen 127.0.0.1:{port}; location / { return 200 here; }\n\
                       location /wait { proxy_pass http://127.0.0.1:{port2}; } }";

/// A request to the program that its backend has got and not answered.
struct UnderWay {
    client: TcpStream,
    backend: TcpStream,
}

impl UnderWay {
    fn begin(program: &Program) -> Self {
        let listener = std::net::TcpListener::bind(program.address_of(1)).expect("the port");
        let mut client = client::connect(program.address()).expect("a connection");
        client
            .write_all(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
            .expect("a request sent");
        let (mut backend, _) = listener.accept().expect("a request");
        let mut first = [0];
        backend.read_exact(&mut first).expect("a byte of it");
        Self { client, backend }
    }

    /// Lets the backend answer, and reads the answer.
    fn end(mut self) -> client::Answer {
        self.backend
            .write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nlate")
            .expect("an answer");
        client::read_answer(&mut self.client, false).expect("an answer")
    }
}

fn refuses(program: &Program) -> bool {
    TcpStream::connect(program.address()).is_err()
}

#[test]
fn quit_ends_after_what_is_under_way_and_accepts_nothing_new() {
    let mut program = Program::start(WAITING, |_| {});
    let request = UnderWay::begin(&program);
    program.signal(Signal::QUIT);
    until(PATIENCE, "nothing new is accepted", || refuses(&program));
    assert!(program.is_running(), "a request is under way");
    let answer = request.end();
    assert_eq!((answer.status(), answer.text()), (200, "late".to_owned()));
    assert_eq!(program.ended().code(), Some(0));
    assert!(!program.folder().join("pid").exists());
}

#[test]
fn term_and_int_end_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(WAITING, |_| {});
        let mut request = UnderWay::begin(&program);
        program.signal(signal);
        assert_eq!(program.ended().code(), Some(0));
        let mut rest = Vec::new();
        let _ = request.client.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        assert!(!program.folder().join("pid").exists());
    }
}

/// An end that takes too long can be cut short.
#[test]
fn term_and_int_end_a_graceful_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(WAITING, |_| {});
        let _request = UnderWay::begin(&program);
        program.signal(Signal::QUIT);
        until(PATIENCE, "nothing new is accepted", || refuses(&program));
        program.signal(signal);
        assert_eq!(program.ended().code(), Some(0));
    }
}

/// A client that keeps its connection keeps nobody from ending; one that is answered may not go on with it.
#[test]
fn quit_ends_idle_connections() {
    let mut program = Program::start(WAITING, |_| {});
    let mut idle = client::connect(program.address()).expect("a connection");
    idle.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("a request sent");
    let answer = client::read_answer(&mut idle, false).expect("an answer");
    assert_eq!(answer.header("Connection"), Some("keep-alive"));
    let request = UnderWay::begin(&program);
    program.signal(Signal::QUIT);
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).expect("an end");
    assert_eq!(rest, b"");
    let mut client = request.client.try_clone().expect("a socket");
    assert_eq!(request.end().status(), 200);
    client.read_to_end(&mut rest).expect("an end");
    assert_eq!(program.ended().code(), Some(0));
}

/// Whoever may kill may ask the time: these signals change nothing.
#[test]
fn other_signals_are_no_end() {
    let mut program = Program::start(WAITING, |_| {});
    for signal in [Signal::ALARM, Signal::IO, Signal::WINCH, Signal::CHILD] {
        program.signal(signal);
    }
    if !is_nginx() {
        // nginx would start another program.
        program.signal(Signal::USR2);
    }
    // A signal that would end it came before this one, which is obeyed.
    let log = program.folder().join("error.log");
    fs::remove_file(&log).expect("a log");
    program.signal(Signal::USR1);
    until(PATIENCE, "the log is opened anew", || log.exists());
    assert!(program.is_running());
    assert_eq!(program.get("/").text(), "here");
}
