//! Clients that leave while their request is under way.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::support::client;
use crate::support::upstream::{PATIENCE, Upstream, read_request};

use super::{about, ask, reset, start};

/// An upstream that takes requests, says so, and says how the connection then ended. To `/part` it sends a part of a
/// head before.
fn silent() -> (Upstream, Receiver<&'static str>) {
    let (sender, events) = channel();
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        let request = read_request(&mut socket)?;
        if request.head[0].starts_with("GET /part ") {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-")?;
        }
        let _ = sender.send("asked");
        let _ = sender.send(end_of(&mut socket));
        Ok(())
    });
    (upstream, events)
}

/// An upstream that takes a request, says so, answers once it is told to, and says how the connection then ended.
fn told(status: &'static str) -> (Upstream, Receiver<&'static str>, Sender<()>) {
    let (said, events) = channel();
    let (go, gone) = channel();
    let gone = Arc::new(Mutex::new(gone));
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        let _ = said.send("asked");
        let _ = gone.lock().expect("a lock").recv_timeout(PATIENCE);
        write!(socket, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nok")?;
        let _ = said.send(end_of(&mut socket));
        Ok(())
    });
    (upstream, events, go)
}

fn end_of(socket: &mut impl Read) -> &'static str {
    match socket.read(&mut [0]) {
        Ok(0) => "closed",
        _ => "other",
    }
}

#[test]
fn a_client_that_leaves_ends_the_request_to_the_upstream() {
    let (upstream, events) = silent();
    let program = start(&upstream.name());
    for (place, path, stage) in [
        ("buffered", "/x", "sending request to upstream"),
        ("unbuffered", "/x", "sending request to upstream"),
        ("pool", "/x", "sending request to upstream"),
        ("buffered", "/part", "reading response header from upstream"),
    ] {
        let line = format!("GET /{place}{path}");
        let socket = ask(&program, &line);
        assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"), "{line}");
        // The one worker answers another client after it has got what the upstream sent.
        assert_eq!(program.get("/none").status(), 404);
        drop(socket);
        assert_eq!(events.recv_timeout(PATIENCE), Ok("closed"), "{line}");
        program.wait_for_log("access.log", &format!("\"{line} HTTP/1.1\" 499 0 "));
        let wanted = format!(
            "epoll_wait() reported that client prematurely closed connection, \
             so upstream connection is closed too while {stage}{}",
            about(&line, &upstream.name(), path)
        );
        program.wait_for_log("error.log", &wanted);
    }
}

#[test]
fn with_ignore_client_abort_the_upstream_may_finish() {
    let (upstream, events, go) = told("200 OK");
    let program = start(&upstream.name());
    let socket = ask(&program, "GET /stays/x");
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    drop(socket);
    // The one worker answers another client after the first has left.
    assert_eq!(program.get("/none").status(), 404);
    go.send(()).expect("an upstream");
    assert_eq!(events.recv_timeout(PATIENCE), Ok("closed"));
    program.wait_for_log("access.log", "\"GET /stays/x HTTP/1.1\" 200 ");
}

#[test]
fn a_write_that_fails_is_told_and_leaves_the_status() {
    let (upstream, events, go) = told("203 Fine");
    let program = start(&upstream.name());
    let line = "GET /stays/x";
    let client = ask(&program, line);
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    reset(client);
    go.send(()).expect("an upstream");
    program.wait_for_log("access.log", &format!("\"{line} HTTP/1.1\" 203 0 "));
    let wanted = "writev() failed (104: Connection reset by peer) while sending to client"
        .to_owned()
        + &about(line, &upstream.name(), "/x");
    program.wait_for_log("error.log", &wanted);
}

/// Where a client's going away ends the request, its log line says so, and that it was not completed.
#[test]
fn a_client_that_resets_its_connection_is_a_499() {
    let (upstream, events) = silent();
    let program = start(&upstream.name());
    let client = ask(&program, "GET /buffered/x");
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    reset(client);
    program.wait_for_log("access.log", "\"GET /buffered/x HTTP/1.1\" 499 0 ");
    program.wait_for_log("completion.log", "/buffered/x []");
    let wanted = "so upstream connection is closed too (104: Connection reset by peer) \
                  while sending request to upstream"
        .to_owned()
        + &about("GET /buffered/x", &upstream.name(), "/x");
    program.wait_for_log("error.log", &wanted);
}

#[test]
fn a_client_that_leaves_within_an_answer_stops_it() {
    let (sender, events) = channel();
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000000\r\n\r\n")?;
        let block = vec![b'x'; 1 << 16];
        while socket.write_all(&block).is_ok() {}
        let _ = sender.send("stopped");
        Ok(())
    });
    let program = start(&upstream.name());
    for place in ["unbuffered", "unread"] {
        let mut socket = ask(&program, &format!("GET /{place}/x"));
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status(), 200);
        socket.read_exact(&mut [0; 100_000]).expect("a part");
        drop(socket);
        assert_eq!(events.recv_timeout(PATIENCE), Ok("stopped"), "{place}");
        program.wait_for_log("access.log", &format!("\"GET /{place}/x HTTP/1.1\" 200 "));
    }
}

#[test]
fn a_client_that_leaves_within_its_upload_is_a_400() {
    let (upstream, events) = silent();
    let program = start(&upstream.name());
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(
        socket,
        "POST /buffered/x HTTP/1.1\r\nHost: h.test\r\nContent-Length: 9\r\n\r\nfour"
    )
    .expect("sent");
    socket.shutdown(Shutdown::Write).expect("half closed");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an end");
    assert_eq!(answer, b"");
    program.wait_for_log("access.log", "\"POST /buffered/x HTTP/1.1\" 400 0 ");
    program.wait_for_log("error.log", "client prematurely closed connection");
    // The upstream never heard of it.
    assert!(events.try_recv().is_err());
}
