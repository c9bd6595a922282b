//! Clients that are slow: with heads, with bodies, with reading, with their next request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::client;
use crate::support::program::Program;
use crate::support::upstream::{PATIENCE, bounded};

use super::{MANY, PAUSE, TIME, TURNS, counter, read_all, say, slowly, start};

/// Sends a byte at each turn until the other side has ended, and what it had said until then.
fn send_until_it_ends(mut socket: TcpStream) -> (Vec<u8>, Duration) {
    let begun = Instant::now();
    let mut reader = socket.try_clone().expect("a socket");
    let (sender, end) = channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        // A reset is an end, too.
        while let Ok(n @ 1..) = reader.read(&mut buffer) {
            said.extend_from_slice(&buffer[..n]);
        }
        let _ = sender.send((said, begun.elapsed()));
    });
    for _ in 0..MANY {
        if let Ok(ended) = end.recv_timeout(PAUSE) {
            return ended;
        }
        let _ = socket.write_all(b"x");
    }
    panic!("it never ends");
}

/// The time is that of the whole head.
#[test]
fn a_head_that_goes_on_slowly_has_its_time() {
    let program = start(
        "server { listen 127.0.0.1:{port}; client_header_timeout TIME; access_log {dir}/access.log; return 204; }",
        "",
    );
    let socket = say(&program, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    let (said, elapsed) = send_until_it_ends(socket);
    assert_eq!(String::from_utf8_lossy(&said), "");
    assert!(elapsed >= TIME, "{elapsed:?}");
    program.wait_for_log("access.log", "\"GET / HTTP/1.1\" 408 0");
}

/// The time of a connection's first head is the connection's, too.
#[test]
fn a_head_that_begins_late_has_the_rest_of_the_time() {
    let program = start(
        "server { listen 127.0.0.1:{port}; client_header_timeout TIME; return 204; }",
        "",
    );
    let (sender, ended) = channel();
    let end_of = |name: &'static str, mut socket: TcpStream| {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let _ = socket.read(&mut [0]);
            let _ = sender.send(name);
        });
    };
    let mut first = say(&program, "");
    end_of("first", first.try_clone().expect("a socket"));
    std::thread::sleep(TIME / 3);
    end_of("second", say(&program, "G"));
    std::thread::sleep(TIME / 3);
    first.write_all(b"G").expect("a byte sent");
    assert_eq!(ended.recv_timeout(PATIENCE), Ok("first"));
    assert_eq!(ended.recv_timeout(PATIENCE), Ok("second"));
}

/// The time is that between two bytes.
#[test]
fn a_body_that_goes_on_slowly_has_more_time() {
    let upstream = counter();
    let program = start(
        "server { listen 127.0.0.1:{port}; client_body_timeout TIME;
         location / { proxy_pass http://{upstream}; }
         location /as-it-comes { proxy_http_version 1.1; proxy_request_buffering off; proxy_pass http://{upstream}; } }",
        &upstream.name(),
    );
    let upload = |head: &str, rest: &str| {
        let mut socket = say(&program, head);
        slowly(TURNS, |_| socket.write_all(b"x")).expect("a part of a body sent");
        socket.write_all(rest.as_bytes()).expect("the rest sent");
        client::read_answer(&mut socket, false).expect("an answer")
    };
    let by_length = |path: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {TURNS}\r\n\r\n");
        assert_eq!(upload(&head, "").text(), TURNS.to_string(), "{path}");
    };
    // Bytes that are no content count, too.
    let chunked = || {
        let head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;";
        assert_eq!(upload(head, "\r\nok\r\n0\r\n\r\n").text(), "2");
    };
    std::thread::scope(|scope| {
        scope.spawn(|| by_length("/as-it-comes"));
        scope.spawn(chunked);
        by_length("/");
    });
}

/// So is that of a body which nobody wants, as long as `lingering_time` lasts.
#[test]
fn a_body_that_nobody_wants_has_more_time() {
    let program = start(
        "server { listen 127.0.0.1:{port}; client_max_body_size 1k; lingering_timeout TIME; lingering_time 3s;
         access_log {dir}/access.log; root html; }",
        "",
    );
    let mut socket = say(
        &program,
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n",
    );
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status(), 413);
    let (said, elapsed) = send_until_it_ends(socket);
    assert_eq!(said, b"");
    // The seconds of `lingering_time` are whole ones: two of them it lasts at least.
    assert!(elapsed >= TIME * 3 / 2, "{elapsed:?}");
}

/// A client that reads a little at each turn is not late.
#[test]
fn an_answer_that_is_read_slowly_has_more_time() {
    const LARGE: usize = 2_000_000;
    let program = Program::start(
        &format!(
            "server {{ listen 127.0.0.1:{{port}} sndbuf=32k; root {{dir}}; send_timeout {}ms; }}",
            TIME.as_millis()
        ),
        |folder| std::fs::write(folder.join("large"), vec![b'x'; LARGE]).expect("a file"),
    );
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(32 << 10).expect("an option");
    socket
        .connect(&program.address().into())
        .expect("a connection");
    let mut socket = bounded(socket.into());
    write!(socket, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n").expect("a request sent");
    let head = client::read_head(&mut socket).expect("a head");
    assert_eq!(head.header("Content-Length"), Some("2000000"));
    let mut some = vec![0; 200_000];
    slowly(TURNS, |_| socket.read_exact(&mut some)).expect("a part of the body");
    let left = LARGE - TURNS * some.len();
    assert_eq!(read_all(&mut socket, left).expect("the rest"), left);
}

/// `keepalive_timeout` is that of one pause; another one begins it anew.
#[test]
fn each_pause_between_requests_has_its_own_time() {
    let program = start(
        "server { listen 127.0.0.1:{port}; keepalive_timeout TIME; client_header_timeout 100ms; return 200 \"$connection_requests\"; }",
        "",
    );
    let mut socket = client::connect(program.address()).expect("a connection");
    let mut count = String::new();
    slowly(TURNS, |_| {
        socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")?;
        count = client::read_answer(&mut socket, false)?.text();
        Ok(())
    })
    .expect("answers");
    assert_eq!(count, TURNS.to_string());
}

/// A head that begins within that time has its own.
#[test]
fn a_later_head_has_a_time_of_its_own() {
    let program = start(
        "server { listen 127.0.0.1:{port}; keepalive_timeout TIME; return 204; }",
        "",
    );
    let mut socket = say(&program, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status(), 204);
    socket.write_all(b"GET / HT").expect("half a head sent");
    std::thread::sleep(TIME * 3 / 2);
    socket
        .write_all(b"TP/1.1\r\nHost: h\r\n\r\n")
        .expect("the rest sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status(), 204);
}
