//! `stub_status` and `$connections_…`: what several clients are counted as, by all workers and over a reload.

use std::cell::Cell;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client;
use crate::support::program::Program;
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(20);

const HTTP: &str = "log_format counts '$request_uri $connections_active $connections_reading $connections_writing \
                    $connections_waiting';\n\
                    server { listen 127.0.0.1:{port}; keepalive_requests 1000000; lingering_timeout 60s;\n\
                    access_log {dir}/counts.log counts; location /status { stub_status; }\n\
                    location /lingers { stub_status; lingering_close always; }\n\
                    location /now { access_log off; return 200 \"$connections_active $connections_reading \
                    $connections_writing $connections_waiting\"; } }";

/// A client that looks at the counts, and is one of them: it is the one that is written to.
struct Watcher {
    socket: TcpStream,
    asked: Cell<u64>,
}

impl Watcher {
    fn new(program: &Program) -> Self {
        Self {
            socket: client::connect(program.address()).expect("a connection"),
            asked: Cell::new(0),
        }
    }

    fn ask(&self, target: &str) -> String {
        self.asked.set(self.asked.get() + 1);
        let mut socket = &self.socket;
        begin(
            socket,
            &format!("GET {target} HTTP/1.1\r\nHost: h.test\r\n\r\n"),
        );
        client::read_answer(&mut socket, false)
            .expect("an answer")
            .text()
    }

    /// Waits until as many are active, reading, writing and waiting.
    fn wait_for(&self, counts: &str) {
        until(PATIENCE, counts, || self.ask("/now") == counts);
    }
}

fn begin(mut socket: &TcpStream, text: &str) {
    socket.write_all(text.as_bytes()).expect("sent");
}

fn answered(socket: &mut TcpStream, text: &str) -> u16 {
    begin(socket, text);
    client::read_answer(socket, false)
        .expect("an answer")
        .status()
}

/// The rest of its body is "cde".
const POSTED: &str = "POST /status HTTP/1.1\r\nHost: h.test\r\nContent-Length: 5\r\n\r\nab";
const STATUS: &str = "GET /status HTTP/1.1\r\nHost: h.test\r\n\r\n";

#[test]
fn each_connection_reads_writes_or_waits() {
    let program = Program::start(HTTP, |_| {});
    let connect = || client::connect(program.address()).expect("a connection");
    let watcher = Watcher::new(&program);
    watcher.wait_for("1 0 1 0");
    let mut first = connect();
    watcher.wait_for("2 0 1 1");
    begin(&first, "GET /sta");
    watcher.wait_for("2 1 1 0");
    assert_eq!(
        answered(&mut first, "tus HTTP/1.1\r\nHost: h.test\r\n\r\n"),
        200
    );
    watcher.wait_for("2 0 1 1");
    // Refused before its head is whole: it is never written, and waits while the connection lingers.
    assert_eq!(answered(&mut first, "GET /x\0 HTTP/1.1\r\n\r\n"), 400);
    watcher.wait_for("2 1 1 1");
    let mut second = connect();
    assert_eq!(answered(&mut second, STATUS), 200);
    watcher.wait_for("3 1 1 2");
    let lingers = "GET /lingers HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n";
    let mut third = connect();
    assert_eq!(answered(&mut third, lingers), 200);
    watcher.wait_for("4 1 2 3");
    // Answered, while the rest of its body is still to come.
    let mut fourth = connect();
    assert_eq!(answered(&mut fourth, POSTED), 405);
    watcher.wait_for("5 1 3 3");
    begin(&fourth, "cde");
    watcher.wait_for("5 1 2 4");
    drop((first, second, third, fourth));
    watcher.wait_for("1 0 1 0");
    // The watcher and four others; what they asked are five requests.
    let page = watcher.ask("/status");
    let requests = watcher.asked.get() + 5;
    assert_eq!(
        page,
        format!(
            "Active connections: 1 \nserver accepts handled requests\n 5 5 {requests} \n\
             Reading: 0 Writing: 1 Waiting: 0 \n"
        )
    );
}

#[test]
fn a_connection_without_a_place_is_accepted_and_not_handled() {
    // One place is the listening socket's, one that of the channel to the master process.
    let program = Program::start_under("", "worker_connections 6;", HTTP, |_| {});
    let connect = || client::connect(program.address()).expect("a connection");
    // Answered, while the rest of their bodies is still to come: none of them idles and would give up its place.
    let mut held: Vec<_> = (0..4).map(|_| connect()).collect();
    for socket in &mut held {
        assert_eq!(answered(socket, POSTED), 405);
    }
    let turned_away = connect().read(&mut [0]);
    assert!(matches!(turned_away, Ok(0) | Err(_)), "{turned_away:?}");
    let mut first = &held[0];
    begin(first, "cde");
    begin(first, STATUS);
    let page = client::read_answer(&mut first, false)
        .expect("an answer")
        .text();
    assert!(page.contains("\n 5 4 5 \nReading: 0 Writing: 4 "), "{page}");
}

#[test]
fn a_line_of_the_log_does_not_count_its_own_request() {
    let program = Program::start(HTTP, |_| {});
    let watcher = Watcher::new(&program);
    watcher.ask("/status?read");
    program.wait_for_log("counts.log", "/status?read 1 0 0 0");
    let mut other = client::connect(program.address()).expect("a connection");
    assert_eq!(
        answered(&mut other, "GET /status?bad HTTP/1.1\r\n\r\n"),
        400
    );
    program.wait_for_log("counts.log", "/status?bad 2 0 0 ");
}

#[test]
fn the_counts_are_of_all_workers_and_go_on_over_a_reload() {
    let program = Program::start(HTTP, |_| {});
    let page = || program.get("/status").text();
    assert!(page().contains("\n 1 1 1 \n"), "{}", page());
    let file = program.folder().join("nginx.conf");
    let text = fs::read_to_string(&file).expect("the file");
    let three = text
        .replace("worker_processes 1;", "worker_processes 3;")
        .replace(
            "location /status",
            "location /again { stub_status; } location /status",
        );
    fs::write(&file, three).expect("a file");
    program.signal(Signal::HUP);
    let asked = Cell::new(1);
    until(PATIENCE, "the new file answers", || {
        asked.set(asked.get() + 1);
        program.get("/again").status() == 200
    });
    // Held open, they are spread over the workers.
    let mut held: Vec<_> = (0..12)
        .map(|_| client::connect(program.address()).expect("a connection"))
        .collect();
    for socket in &mut held {
        assert_eq!(answered(socket, STATUS), 200);
    }
    let total = asked.get() + held.len() + 1;
    let watcher = Watcher::new(&program);
    assert!(
        watcher
            .ask("/status")
            .contains(&format!("\n {total} {total} {total} \n"))
    );
    watcher.wait_for("13 0 1 12");
}
