//! Connections that are kept, and what the upstream does to them meanwhile.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use crate::support::client;
use crate::support::upstream::{PATIENCE, Upstream, read_request};

use super::{reset, start};

/// An upstream with kept connections. On the first it answers `alone` requests and then does `last` to the next one;
/// on others it answers all. Counts connections, and keeps the request lines.
fn fickle(alone: usize, last: fn(TcpStream)) -> (Upstream, Receiver<(usize, String)>) {
    let (sender, lines) = channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        let number = connections.fetch_add(1, Ordering::SeqCst);
        for count in 0.. {
            if number == 0 && count == alone && alone == 0 {
                break;
            }
            let request = read_request(&mut socket)?;
            let _ = sender.send((number, request.head[0].clone()));
            if number == 0 && count == alone {
                last(socket);
                break;
            }
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        }
        Ok(())
    });
    (upstream, lines)
}

fn next(lines: &Receiver<(usize, String)>) -> (usize, String) {
    lines.recv_timeout(PATIENCE).expect("a request")
}

#[test]
fn a_kept_connection_that_the_upstream_closed_is_replaced() {
    for last in [drop, reset] {
        let (upstream, lines) = fickle(1, last);
        let program = start(&upstream.name());
        assert_eq!(program.get("/pool/1").text(), "ok");
        assert_eq!(next(&lines), (0, "GET /1 HTTP/1.1".to_owned()));
        // The request arrives on the kept connection, which ends; it is sent again on a new one.
        assert_eq!(program.get("/pool/2").text(), "ok");
        assert_eq!(next(&lines), (0, "GET /2 HTTP/1.1".to_owned()));
        assert_eq!(next(&lines), (1, "GET /2 HTTP/1.1".to_owned()));
        assert_eq!(program.get("/pool/3").text(), "ok");
        assert_eq!(next(&lines), (1, "GET /3 HTTP/1.1".to_owned()));
    }
}

#[test]
fn a_post_is_not_sent_twice() {
    let (upstream, lines) = fickle(1, drop);
    let program = start(&upstream.name());
    assert_eq!(program.get("/pool/1").text(), "ok");
    next(&lines);
    let post = b"POST /pool/2 HTTP/1.1\r\nHost: h.test\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(program.send(post).status(), 502);
    assert_eq!(next(&lines), (0, "POST /2 HTTP/1.1".to_owned()));
    assert_eq!(program.get("/pool/3").text(), "ok");
    assert_eq!(next(&lines), (1, "GET /3 HTTP/1.1".to_owned()));
}

/// A POST is not sent twice: a connection that is not quiet must not be taken for it.
#[test]
fn a_kept_connection_that_is_not_quiet_is_not_taken() {
    for disturb in [
        |socket: &TcpStream| socket.shutdown(Shutdown::Write),
        |mut socket: &TcpStream| socket.write_all(b"x"),
    ] {
        let (sender, connections) = channel();
        let upstream = Upstream::start(move |socket| sender.send(socket));
        let program = start(&upstream.name());
        // Each request comes on a connection of its own, which is kept.
        let asked = |request: &[u8], line: &str| {
            let mut client = client::connect(program.address()).expect("a connection");
            client.write_all(request).expect("a request sent");
            let new = connections.recv_timeout(PATIENCE);
            let mut socket: TcpStream = new.expect("a new connection");
            let received = read_request(&mut socket).expect("a request");
            assert_eq!(received.head[0], line);
            socket
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .expect("an answer sent");
            let answer = client::read_answer(&mut client, false).expect("an answer");
            assert_eq!(answer.text(), "ok");
            socket
        };
        let get = b"GET /pool/1 HTTP/1.1\r\nHost: h\r\n\r\n";
        let kept = asked(get, "GET /1 HTTP/1.1");
        // The one worker keeps the connection before it answers another client.
        assert_eq!(program.get("/none").status(), 404);
        disturb(&kept).expect("something on the kept connection");
        let post = b"POST /pool/2 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
        asked(post, "POST /2 HTTP/1.1");
    }
}

#[test]
fn a_new_connection_that_ends_is_not_tried_again() {
    // The only peer was asked, and no connection was kept: that is its answer.
    let (upstream, _lines) = fickle(0, drop);
    let program = start(&upstream.name());
    assert_eq!(program.get("/pool/1").status(), 502);
    assert_eq!(program.get("/pool/2").text(), "ok");
}

/// The one that was used last stays, as in nginx.
#[test]
fn no_more_connections_idle_than_keepalive_says() {
    let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let program = start(&upstream.local_addr().expect("an address").to_string());
    let mut both = [1, 2].map(|n| {
        let mut client = client::connect(program.address()).expect("a connection");
        let request = format!("GET /narrow/{n} HTTP/1.1\r\nHost: h\r\n\r\n");
        client
            .write_all(request.as_bytes())
            .expect("a request sent");
        let (socket, _) = upstream.accept().expect("a connection of its own");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        (client, socket)
    });
    for (client, socket) in &mut both {
        read_request(socket).expect("a request");
        socket
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            .expect("an answer sent");
        let answer = client::read_answer(client, false).expect("an answer");
        assert_eq!(answer.status(), 200);
    }
    let [(_, first), (mut client, mut second)] = both;
    assert_eq!((&first).read(&mut [0]).expect("an end"), 0);
    let again = b"GET /narrow/3 HTTP/1.1\r\nHost: h\r\n\r\n";
    client.write_all(again).expect("a request sent");
    let received = read_request(&mut second).expect("a request on the same connection");
    assert_eq!(received.head[0], "GET /3 HTTP/1.1");
}

/// Of those that idle, the one used last is taken first, and the one unused for longest has to go.
#[test]
fn idle_connections_are_a_pile() {
    let (sender, connections) = channel();
    let upstream = Upstream::start(move |socket| sender.send(socket));
    let program = start(&upstream.name());
    let ask = |n: usize| {
        let mut client = client::connect(program.address()).expect("a connection");
        let request = format!("GET /two/{n} HTTP/1.1\r\nHost: h\r\n\r\n");
        client
            .write_all(request.as_bytes())
            .expect("a request sent");
        client
    };
    let read = |socket: &mut TcpStream| read_request(socket).expect("a request").head[0].clone();
    let answer = |socket: &mut TcpStream, client: &mut TcpStream| {
        socket
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            .expect("an answer sent");
        let answer = client::read_answer(client, false).expect("an answer");
        assert_eq!(answer.text(), "ok");
        // The one worker keeps the connection before it answers another client.
        assert_eq!(program.get("/none").status(), 404);
    };
    let mut all = [1, 2, 3].map(|n| {
        let client = ask(n);
        let new = connections.recv_timeout(PATIENCE);
        let mut socket: TcpStream = new.expect("a new connection");
        assert_eq!(read(&mut socket), format!("GET /{n} HTTP/1.1"));
        (client, socket)
    });
    for (client, socket) in &mut all {
        answer(socket, client);
    }
    let [(_, mut first), (_, mut second), (_, mut third)] = all;
    assert_eq!(first.read(&mut [0]).expect("an end"), 0);
    let mut client = ask(4);
    assert_eq!(read(&mut third), "GET /4 HTTP/1.1");
    let mut other = ask(5);
    assert_eq!(read(&mut second), "GET /5 HTTP/1.1");
    answer(&mut third, &mut client);
    answer(&mut second, &mut other);
    let _last = ask(6);
    assert_eq!(read(&mut second), "GET /6 HTTP/1.1");
}
