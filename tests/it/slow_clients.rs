//! Many slow clients at once, and descriptors enough for them: the program raises its own limit, or says that it
//! cannot.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::client::{self, Answer};
use crate::support::program::Program;
use crate::support::upstream::{Upstream, read_request};

const CONFIGURATION: &str = r#"
server {
    listen 127.0.0.1:{port};
    location /api/ { proxy_pass http://{upstream}/; proxy_buffering off; }
}"#;

const CLIENTS: usize = 500;
/// More than sockets hold, so that a client that reads slowly holds the upstream.
const LARGE: usize = 20_000_000;
const ROUNDS: usize = 40;

/// `/large` is large, all else says `ok`.
fn serve(mut socket: TcpStream) -> io::Result<()> {
    let request = read_request(&mut socket)?;
    if request.head[0].starts_with("GET /large ") {
        write!(socket, "HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n")?;
        let block = [b'x'; 1 << 16];
        while socket.write_all(&block).is_ok() {}
        return Ok(());
    }
    socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
}

/// What a client is slow with.
#[derive(Clone, Copy)]
enum With {
    Head,
    Upload,
    Answer,
}

/// A client that does a little at each turn.
enum Slow {
    /// Sends one byte of these.
    Sends(TcpStream, Vec<u8>),
    /// Reads a few bytes.
    Reads(TcpStream),
}

impl Slow {
    fn start(program: &Program, with: With) -> Self {
        let mut socket = client::connect(program.address()).expect("a connection");
        let (at_once, slowly) = match with {
            With::Head => (
                "",
                "GET /api/head HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n",
            ),
            With::Upload => (
                "POST /api/body HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\nContent-Length: 45\r\n\r\n",
                "a body of 45 bytes, sent one after the other.",
            ),
            With::Answer => ("GET /api/large HTTP/1.1\r\nHost: h.test\r\n\r\n", ""),
        };
        socket.write_all(at_once.as_bytes()).expect("sent");
        if slowly.is_empty() {
            assert_eq!(
                client::read_head(&mut socket).expect("a head").status(),
                200
            );
            return Slow::Reads(socket);
        }
        Slow::Sends(socket, slowly.as_bytes().to_vec())
    }

    fn turn(&mut self) {
        match self {
            Slow::Sends(socket, bytes) => {
                let byte = bytes.remove(0);
                socket.write_all(&[byte]).expect("a byte sent");
            }
            Slow::Reads(socket) => socket.read_exact(&mut [0; 100]).expect("a few bytes"),
        }
    }

    /// The answer to what was sent slowly.
    fn end(self) -> Option<Answer> {
        match self {
            Slow::Sends(mut socket, rest) => {
                socket.write_all(&rest).expect("the rest sent");
                Some(client::read_answer(&mut socket, false).expect("an answer"))
            }
            Slow::Reads(_) => None,
        }
    }
}

/// The test itself needs a descriptor for each end of what it holds.
fn raise_own_limit() {
    let limit = getrlimit(Resource::Nofile);
    let maximum = limit.maximum;
    let raised = Rlimit {
        current: Some(maximum.map_or(8192, |most| most.min(8192))),
        maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("a limit raised");
}

/// Starts the program behind the shell's `limit`, in front of `upstream`; `prepare` fills its folder.
fn start(limit: &str, upstream: &Upstream, prepare: impl FnOnce(&Path)) -> Program {
    let configuration = CONFIGURATION.replace("{upstream}", &upstream.name());
    Program::start_under(limit, "worker_connections 2048;", &configuration, prepare)
}

#[test]
fn five_hundred_slow_clients_keep_nobody_waiting() {
    raise_own_limit();
    let upstream = Upstream::start(serve);
    let program = start("ulimit -Sn 256;", &upstream, |prefix| {
        fs::create_dir(prefix.join("html")).expect("a folder");
        fs::write(prefix.join("html/a.txt"), "a file\n").expect("a file");
    });
    let kinds = [With::Head, With::Upload, With::Answer];
    let kinds = kinds.into_iter().cycle().take(CLIENTS);
    let mut clients: Vec<_> = kinds.map(|with| Slow::start(&program, with)).collect();
    for _ in 0..ROUNDS {
        clients.iter_mut().for_each(Slow::turn);
        // Answered while all of them are under way: none goes on before.
        for (path, text) in [("/a.txt", "a file\n"), ("/api/x", "ok")] {
            assert_eq!(program.get(path).text(), text);
        }
    }
    // None of them was dropped.
    let ends = clients.into_iter().map(Slow::end);
    let answers: Vec<_> = ends.flatten().map(|answer| answer.text()).collect();
    assert_eq!(answers.len(), 334);
    assert!(answers.iter().all(|text| text == "ok"), "{answers:?}");
    let said = program.stop();
    assert_eq!(said, "", "it had enough descriptors");
}

#[test]
fn bytes_that_come_one_by_one_cost_no_more_than_others() {
    raise_own_limit();
    let upstream = Upstream::start(serve);
    let program = start("ulimit -Sn 256;", &upstream, |_| {});
    let mut clients: Vec<_> = (0..CLIENTS)
        .map(|_| Slow::start(&program, With::Upload))
        .collect();
    for _ in 0..ROUNDS {
        clients.iter_mut().for_each(Slow::turn);
        // The one worker has read them before it answers this one.
        assert_eq!(program.get("/none").status(), 404);
    }
    assert!(
        clients
            .into_iter()
            .filter_map(Slow::end)
            .all(|a| a.text() == "ok")
    );
    let peak = program.peak_memory();
    assert!(peak < 40 * 1024, "{peak} kB");
}

#[test]
fn a_limit_that_cannot_be_raised_is_said_and_survived() {
    raise_own_limit();
    let upstream = Upstream::start(serve);
    let program = start("ulimit -n 64;", &upstream, |_| {});
    assert_eq!(program.get("/api/x").text(), "ok");
    // More clients than descriptors: some wait; when the others leave, there is an answer for everyone.
    let held: Vec<_> = (0..100)
        .map(|_| client::connect(program.address()).expect("a connection"))
        .collect();
    let mut last = client::connect(program.address()).expect("a connection");
    last.write_all(b"GET /api/x HTTP/1.1\r\nHost: h.test\r\n\r\n")
        .expect("sent");
    drop(held);
    let answer = client::read_answer(&mut last, false).expect("an answer");
    assert_eq!(answer.text(), "ok");
    let said = program.stop();
    let wanted = "nginx: [warn] 2048 worker_connections exceed open file resource limit: 64\n";
    assert!(said.starts_with(wanted), "{said:?}");
}
