//! A reload by HUP, as nginx has it: nothing is lost, addresses come and go, a broken file changes nothing.

use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client::{self, Answer};
use crate::support::program::Program;
use crate::support::until;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that says which version of its file answers, in a field and in the body.
fn version(n: usize, more: &str) -> String {
    format!(
        "server {{ listen 127.0.0.1:{{port}}; {more} add_header X-Version {n}; root {{dir}};\n\
         location = /text {{ return 200 {n}; }} location /file {{ }} }}"
    )
}

/// Writes a version, sends HUP, and waits until it answers.
fn reload(program: &Program, n: usize, more: &str) {
    program.rewrite(&version(n, more));
    program.signal(Signal::HUP);
    let wanted = n.to_string();
    until(PATIENCE, "the new version answers", || {
        program.get("/text").text() == wanted
    });
}

/// A client that keeps its connection for as long as the server lets it.
struct Client {
    address: SocketAddr,
    socket: Option<TcpStream>,
    connections: usize,
    on_this: usize,
}

impl Client {
    fn ask(&mut self, target: &str) -> Answer {
        use std::io::Write;
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                self.connections += 1;
                self.on_this = 0;
                client::connect(self.address).expect("a connection")
            }
        };
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        socket
            .write_all(request.as_bytes())
            .expect("a request sent");
        let answer = client::read_answer(&mut socket, false);
        let answer = answer.unwrap_or_else(|error| {
            panic!(
                "no answer on connection {}, after {} requests on it: {error}",
                self.connections, self.on_this
            )
        });
        self.on_this += 1;
        if answer.header("Connection") == Some("keep-alive") {
            self.socket = Some(socket);
        }
        answer
    }
}

/// How many threads the program has (Linux; elsewhere it is not known).
fn threads_of(program: &Program) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", program.pid())).map_or(0, Iterator::count)
}

/// A flag that is set when this is dropped.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn ten_thousand_requests_and_fifty_reloads() {
    const CLIENTS: usize = 4;
    const EACH: usize = 2500;
    const RELOADS: usize = 50;
    let program = Program::start(&version(0, ""), |folder| {
        std::fs::write(folder.join("file"), "a file").expect("a file");
    });
    assert_eq!(program.get("/text").text(), "0");
    let threads = threads_of(&program);
    let (over, sent, connections) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client {
                    address: program.address(),
                    socket: None,
                    connections: 0,
                    on_this: 0,
                };
                let (mut count, mut last) = (0, 0);
                while count < EACH || !over.load(Ordering::Relaxed) {
                    let text = count % 2 == 0;
                    let answer = client.ask(if text { "/text" } else { "/file" });
                    assert_eq!(answer.status(), 200);
                    let told: usize = answer
                        .header("X-Version")
                        .expect("a version")
                        .parse()
                        .expect("a number");
                    let body = if text {
                        told.to_string()
                    } else {
                        "a file".to_owned()
                    };
                    assert_eq!(answer.text(), body, "one version answers a request");
                    assert!(told >= last, "version {told} after {last}");
                    (count, last) = (count + 1, told);
                }
                sent.fetch_add(count, Ordering::Relaxed);
                connections.fetch_add(client.connections, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            // Set however this ends: the clients wait for it.
            let _over = Raised(&over);
            for n in 1..=RELOADS {
                // Every fifth time an address comes, or goes: another server takes the sockets over.
                let more = if n / 5 % 2 == 1 {
                    "listen 127.0.0.1:{port2};"
                } else {
                    ""
                };
                reload(&program, n, more);
            }
            until(PATIENCE, "the replaced servers have ended", || {
                threads_of(&program) <= threads
            });
        });
    });
    let (sent, connections) = (sent.into_inner(), connections.into_inner());
    println!("{sent} requests on {connections} connections, {RELOADS} reloads");
    assert!(sent >= CLIENTS * EACH);
    assert!(
        connections < sent / 4,
        "connections are kept: {connections} for {sent} requests"
    );
}

#[test]
fn a_broken_file_changes_nothing() {
    let program = Program::start(&version(1, ""), |_| {});
    program.rewrite("server { listen 127.0.0.1:{port}; nonsense on; }");
    program.signal(Signal::HUP);
    program.wait_for_log("error.log", "[emerg]");
    let line = program.wait_for_log("error.log", "unknown directive");
    assert!(
        line.contains("unknown directive \"nonsense\" in ") && line.contains("nginx.conf:"),
        "{line}"
    );
    assert_eq!(program.get("/text").text(), "1");
    reload(&program, 2, "");
}

#[test]
fn addresses_come_and_go() {
    let program = Program::start(&version(1, ""), |_| {});
    let second = program.address_of(1);
    assert!(TcpStream::connect(second).is_err());
    reload(&program, 2, "listen 127.0.0.1:{port2};");
    let request = b"GET /text HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_eq!(
        client::exchange(second, request, false)
            .expect("an answer")
            .text(),
        "2"
    );
    // A connection that was accepted is answered, even where its address is given up meanwhile.
    let mut early = client::connect(second).expect("a connection");
    assert_eq!(
        client::exchange(second, request, false)
            .expect("an answer")
            .text(),
        "2"
    );
    reload(&program, 3, "");
    until(PATIENCE, "the address is closed", || {
        TcpStream::connect(second).is_err()
    });
    std::io::Write::write_all(&mut early, request).expect("a request sent");
    let answer = client::read_answer(&mut early, false).expect("an answer");
    assert_eq!(
        (answer.text(), answer.header("Connection")),
        ("2".to_owned(), Some("close"))
    );
}

#[test]
fn a_file_without_a_server_waits_for_one() {
    let program = Program::start("", |_| {});
    let is_open = || TcpStream::connect(program.address()).is_ok();
    let load = |http: &str| {
        program.rewrite(http);
        program.signal(Signal::HUP);
    };
    assert!(!is_open());
    load(&version(1, ""));
    until(PATIENCE, "the address is open", is_open);
    assert_eq!(program.get("/text").text(), "1");
    load("");
    until(PATIENCE, "the address is closed", || !is_open());
    load(&version(2, ""));
    until(PATIENCE, "the address is open again", is_open);
    assert_eq!(program.get("/text").text(), "2");
}

#[test]
fn an_address_that_is_taken_changes_nothing() {
    let program = Program::start(&version(1, ""), |_| {});
    let taken = std::net::TcpListener::bind(program.address_of(1)).expect("a port");
    program.rewrite(&version(2, "listen 127.0.0.1:{port2};"));
    program.signal(Signal::HUP);
    program.wait_for_log("error.log", "bind() to ");
    let last = program.wait_for_log("error.log", "still could not bind()");
    assert!(!last.contains("nginx: "), "{last}");
    assert_eq!(program.get("/text").text(), "1");
    drop(taken);
    reload(&program, 2, "listen 127.0.0.1:{port2};");
}

#[test]
fn a_request_under_way_ends_as_it_began() {
    let program = Program::start(
        "client_body_timeout 20s; server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:{port2}; } }\n\
         server { listen 127.0.0.1:{port2}; return 200 old; }",
        |_| {},
    );
    let mut socket = client::connect(program.address()).expect("a connection");
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    std::io::Write::write_all(&mut socket, head).expect("a head sent");
    // The server asks for the body: it has the request.
    assert_eq!(
        client::read_head(&mut socket).expect("a head").status(),
        100
    );
    reload(&program, 7, "");
    std::io::Write::write_all(&mut socket, b"body").expect("a body sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    // Its location still proxies, though the port behind it is gone by now or will soon be.
    assert!(matches!(answer.status(), 200 | 502), "{answer:?}");
    assert_eq!(answer.header("X-Version"), None);
}
