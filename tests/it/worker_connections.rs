//! `worker_connections`: 8 of them leave 6 to clients and upstreams, as nginx counts.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};

use crate::support::client;
use crate::support::program::Program;
use crate::support::upstream::{PATIENCE, Upstream, read_request};

/// The program, and what its upstream was asked for; `/hold` it answers never.
fn start() -> (Program, Receiver<String>) {
    let (sender, asked) = channel();
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        let line = read_request(&mut socket)?.head.remove(0);
        let hold = line.starts_with("GET /hold ");
        let _ = sender.send(line);
        if hold {
            return socket.read(&mut [0]).map(|_| ());
        }
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    });
    let http = format!(
        "server {{ listen 127.0.0.1:{{port}}; location / {{ proxy_pass http://{}; }} \
         location /none {{ return 404; }} }}",
        upstream.name()
    );
    (
        Program::start_under("", "worker_connections 8;", &http, |_| {}),
        asked,
    )
}

fn begin(program: &Program, start: &str) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    socket.write_all(start.as_bytes()).expect("sent");
    socket
}

/// Nothing is sent to it; it ends.
fn is_turned_away(mut socket: TcpStream) -> bool {
    matches!(socket.read(&mut [0]), Ok(0) | Err(_))
}

const HOLD: &str = "GET /hold HTTP/1.1\r\nHost: h.test\r\n\r\n";
const PASS: &str = "GET /x HTTP/1.1\r\nHost: h.test\r\n\r\n";
const ENOUGH: &str = "8 worker_connections are not enough";

#[test]
fn each_proxied_request_needs_two() {
    let (program, asked) = start();
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(begin(&program, HOLD));
        asked.recv_timeout(PATIENCE).expect("a request");
    }
    assert!(is_turned_away(begin(&program, "")));
    let line = program.wait_for_log("error.log", ENOUGH);
    assert!(line.contains(" [alert] "), "{line}");
    assert!(line.ends_with(&format!(": {ENOUGH}")), "{line}");
    // Two places are free again as soon as one of them has left.
    drop(held.pop());
    program.wait_for_log("error.log", "prematurely closed");
    let mut socket = begin(&program, PASS);
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.text(), "ok");
}

#[test]
fn a_client_with_no_place_for_its_upstream_gets_a_500() {
    let (program, _asked) = start();
    let _begun: Vec<_> = (0..5).map(|_| begin(&program, "GET / HT")).collect();
    let mut socket = begin(&program, PASS);
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status_line, "HTTP/1.1 500 Internal Server Error");
    assert_eq!(answer.header("Connection"), Some("close"));
    let line = program.wait_for_log("error.log", ENOUGH);
    let wanted = " while connecting to upstream, client: 127.0.0.1, server: , request: \"GET /x HTTP/1.1\", upstream: \"http://127.0.0.1:";
    assert!(line.contains(&format!("{ENOUGH}{wanted}")), "{line}");
    assert!(line.contains(" [alert] "), "{line}");
}

#[test]
fn idle_clients_give_up_their_places() {
    let (program, _asked) = start();
    let mut idle = Vec::new();
    for _ in 0..10 {
        let mut socket = begin(&program, "GET /none HTTP/1.1\r\nHost: h.test\r\n\r\n");
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.header("Connection"), Some("keep-alive"));
        idle.push(socket);
    }
    // The oldest had to go, one for each that came when all places were taken.
    let kept = idle.split_off(4);
    assert!(idle.into_iter().all(is_turned_away));
    let line = program.wait_for_log("error.log", ENOUGH);
    assert!(
        line.ends_with(&format!("{ENOUGH}, reusing connections")),
        "{line}"
    );
    assert!(line.contains(" [warn] "), "{line}");
    for mut socket in kept {
        socket
            .write_all(b"GET /none HTTP/1.1\r\nHost: h.test\r\n\r\n")
            .expect("sent");
        let answer = client::read_answer(&mut socket, false).expect("an answer");
        assert_eq!(answer.status(), 404);
    }
}
