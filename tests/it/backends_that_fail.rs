//! Upstreams that are not there, that break off, that are late, that answer early; and clients that leave.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use socket2::{Domain, SockRef, Socket, Type};

use crate::support::client;
use crate::support::program::Program;
use crate::support::upstream::{PATIENCE, Upstream, read_head, read_request};

const CONFIGURATION: &str = r#"
upstream pool { server {upstream}; keepalive 4; }
upstream narrow { server {upstream}; keepalive 1; }
proxy_http_version 1.1;
proxy_set_header Connection "";
client_max_body_size 100m;
log_format completion "$request_uri [$request_completion]";
server {
    listen 127.0.0.1:{port};
    access_log {dir}/access.log;
    access_log {dir}/completion.log completion;
    location /buffered/ { proxy_pass http://{upstream}/; }
    location /unbuffered/ { proxy_pass http://{upstream}/; proxy_buffering off; }
    location /to-old/ { proxy_pass http://{upstream}/; proxy_http_version 1.0; }
    location /pool/ { proxy_pass http://pool/; }
    location /narrow/ { proxy_pass http://narrow/; }
    location /early/ { proxy_pass http://{upstream}/; proxy_request_buffering off; }
    location /stays/ { proxy_pass http://{upstream}/; proxy_ignore_client_abort on; }
    location /unread/ { proxy_pass http://{upstream}/; proxy_max_temp_file_size 0; }
    location /impatient/ {
        proxy_pass http://{upstream}/;
        proxy_connect_timeout 300ms;
        proxy_send_timeout 300ms;
        proxy_read_timeout 300ms;
    }
}"#;

fn start(upstream: &str) -> Program {
    Program::start(&CONFIGURATION.replace("{upstream}", upstream), |_| {})
}

/// The end of an error log's line about a request.
fn about(line: &str, upstream: &str, path: &str) -> String {
    format!(
        ", client: 127.0.0.1, server: , request: \"{line} HTTP/1.1\", upstream: \"http://{upstream}{path}\", host: \"h.test\""
    )
}

/// Makes the socket's end a reset rather than an orderly close.
fn reset(socket: TcpStream) {
    SockRef::from(&socket)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("an option");
}

/// A port that is taken and that nobody listens on.
fn deaf() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a free port");
    let address = socket.local_addr().expect("its address");
    (socket, address.as_socket().expect("an address of IPv4"))
}

#[test]
fn nobody_listens() {
    let (_taken, address) = deaf();
    let program = start(&address.to_string());
    let answer = program.get("/buffered/x?y");
    assert_eq!(answer.status_line, "HTTP/1.1 502 Bad Gateway");
    let line = program.wait_for_log("error.log", "connect() failed");
    let wanted = "connect() failed (111: Connection refused) while connecting to upstream"
        .to_owned()
        + &about("GET /buffered/x?y", &address.to_string(), "/x?y");
    assert!(line.ends_with(&wanted), "{line}");
    assert!(line.contains(" [error] "), "{line}");
    program.wait_for_log("access.log", "\"GET /buffered/x?y HTTP/1.1\" 502 157 ");
}

#[test]
fn a_head_that_breaks_off_is_a_502() {
    const HEADS: [&str; 4] = [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    ];
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        let head = read_head(&mut socket)?;
        socket.write_all(HEADS[number_in(&head[0])].as_bytes())
    });
    let program = start(&upstream.name());
    for place in ["buffered", "unbuffered"] {
        for (i, head) in HEADS.iter().enumerate() {
            let answer = program.get(&format!("/{place}/{i}"));
            assert_eq!(answer.status(), 502, "{place}, {head:?}");
            let wanted =
                "upstream prematurely closed connection while reading response header from upstream"
                    .to_owned()
                    + &about(
                        &format!("GET /{place}/{i}"),
                        &upstream.name(),
                        &format!("/{i}"),
                    );
            program.wait_for_log("error.log", &wanted);
        }
    }
}

/// The number in `GET /7 HTTP/1.1`.
fn number_in(line: &str) -> usize {
    let path = line.split(' ').nth(1).unwrap_or_default();
    path.trim_start_matches('/').parse().expect("a number")
}

/// An answer that breaks off.
struct Cut {
    head: &'static str,
    /// What is sent of the body, as it stands on the wire.
    sent: Vec<u8>,
    /// What that is without chunks.
    content: Vec<u8>,
    reset: bool,
}

fn cuts() -> Vec<Cut> {
    let by_length = "HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let until_close = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let mut cuts = Vec::new();
    for size in [0, 5, 1_500_000] {
        let content = vec![b'x'; size];
        // The chunk ends, or breaks off within.
        for announced in [size, size + 9] {
            let mut sent = format!("{announced:x}\r\n").into_bytes();
            sent.extend_from_slice(&content);
            if announced == 0 {
                sent.clear();
            } else if announced == size {
                sent.extend_from_slice(b"\r\n");
            }
            cuts.push(Cut {
                head: chunked,
                sent,
                content: content.clone(),
                reset: false,
            });
        }
        for (head, reset) in [(by_length, false), (by_length, true), (until_close, true)] {
            cuts.push(Cut {
                head,
                sent: content.clone(),
                content: content.clone(),
                reset,
            });
        }
    }
    // The last chunk is there, the empty line behind it is not.
    cuts.push(Cut {
        head: chunked,
        sent: b"5\r\nhello\r\n0\r\n".to_vec(),
        content: b"hello".to_vec(),
        reset: false,
    });
    cuts
}

#[test]
fn a_body_that_breaks_off_breaks_off_for_the_client() {
    let served = Arc::new(cuts());
    let upstream = {
        let served = served.clone();
        Upstream::start(move |mut socket| -> io::Result<()> {
            let cut = &served[number_in(&read_head(&mut socket)?[0])];
            socket.write_all(cut.head.as_bytes())?;
            socket.write_all(&cut.sent)?;
            if cut.reset {
                reset(socket);
            }
            Ok(())
        })
    };
    let program = start(&upstream.name());
    for place in ["buffered", "unbuffered", "to-old"] {
        for (i, cut) in served.iter().enumerate() {
            let what = format!(
                "{place} {i}: {:?}, {} bytes, reset: {}",
                cut.head,
                cut.content.len(),
                cut.reset
            );
            let mut socket = client::connect(program.address()).expect("a connection");
            write!(socket, "GET /{place}/{i} HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
            let head = client::read_head(&mut socket).expect("a head");
            if cut.reset && head.status() == 502 {
                // The reset overtook the head.
                continue;
            }
            assert_eq!(head.status(), 200, "{what}");
            let mut wire = Vec::new();
            // The connection ends; it does not wait for another request.
            socket.read_to_end(&mut wire).expect("an end");
            let content = match head.header("Content-Length") {
                Some(_) => wire,
                None => {
                    assert_eq!(head.header("Transfer-Encoding"), Some("chunked"), "{what}");
                    unchunk_open(&wire, &what)
                }
            };
            if cut.reset {
                assert!(cut.content.starts_with(&content), "{what}");
            } else {
                assert!(cut.content == content, "{what}: {} came", content.len());
            }
            program.wait_for_log("access.log", &format!("\"GET /{place}/{i} HTTP/1.1\" 200 "));
        }
    }
}

/// The content of a chunked body that has no last chunk.
fn unchunk_open(mut wire: &[u8], what: &str) -> Vec<u8> {
    let mut content = Vec::new();
    while !wire.is_empty() {
        let size = client::read_line(&mut wire).expect("a size");
        let size = usize::from_str_radix(&size, 16).expect("a size in hex");
        assert!(size > 0, "{what}: ended as if whole");
        let here = size.min(wire.len());
        content.extend_from_slice(&wire[..here]);
        wire = wire.get(size + 2..).unwrap_or_default();
    }
    content
}

#[test]
fn a_late_answer_is_a_504() {
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        read_head(&mut socket)?;
        // Until the program has enough of it.
        socket.read_to_end(&mut Vec::new()).map(|_| ())
    });
    let program = start(&upstream.name());
    let answer = program.get("/impatient/x");
    assert_eq!(answer.status_line, "HTTP/1.1 504 Gateway Time-out");
    let wanted =
        "upstream timed out (110: Connection timed out) while reading response header from upstream"
            .to_owned() + &about("GET /impatient/x", &upstream.name(), "/x");
    program.wait_for_log("error.log", &wanted);
    program.wait_for_log("access.log", "\"GET /impatient/x HTTP/1.1\" 504 ");
}

#[test]
fn an_upstream_that_reads_nothing_of_an_upload_is_a_504() {
    // Takes the connection and no byte of it.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let upstream = listener.local_addr().expect("its address").to_string();
    let program = start(&upstream);
    let head = "POST /impatient/x HTTP/1.1\r\nHost: h.test\r\nContent-Length: 30000000\r\n\r\n";
    let request = [head.as_bytes(), &vec![b'x'; 30_000_000]].concat();
    assert_eq!(program.send(&request).status(), 504);
    let wanted = "upstream timed out (110: Connection timed out) while sending request to upstream"
        .to_owned()
        + &about("POST /impatient/x", &upstream, "/x");
    program.wait_for_log("error.log", &wanted);
}

#[cfg(target_os = "linux")]
#[test]
fn an_upstream_that_does_not_take_the_connection_is_a_504() {
    // Linux drops what exceeds the backlog: connecting takes as long as one waits.
    let (socket, address) = deaf();
    socket.listen(0).expect("a listener");
    let mut waiting = Vec::new();
    let short = std::time::Duration::from_millis(100);
    while let Ok(held) = TcpStream::connect_timeout(&address, short) {
        waiting.push(held);
    }
    let program = start(&address.to_string());
    assert_eq!(program.get("/impatient/x").status(), 504);
    let wanted = "upstream timed out (110: Connection timed out) while connecting to upstream"
        .to_owned()
        + &about("GET /impatient/x", &address.to_string(), "/x");
    program.wait_for_log("error.log", &wanted);
}

#[test]
fn an_answer_before_the_end_of_an_upload_is_delivered() {
    const LENGTH: usize = 2_000_000;
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        read_head(&mut socket)?;
        socket.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\nearly")?;
        let _ = io::copy(&mut socket, &mut io::sink());
        Ok(())
    });
    let program = start(&upstream.name());
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(
        socket,
        "POST /early/x HTTP/1.1\r\nHost: h.test\r\nContent-Length: {LENGTH}\r\n\r\nthe first"
    )
    .expect("sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!((answer.status(), &*answer.text()), (403, "early"));
    program.wait_for_log("access.log", "\"POST /early/x HTTP/1.1\" 403 5 ");
}

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
        let end = socket.read(&mut [0]);
        let closed = matches!(end, Ok(0));
        let _ = sender.send(if closed { "closed" } else { "other" });
        Ok(())
    });
    (upstream, events)
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
        let mut socket = client::connect(program.address()).expect("a connection");
        write!(socket, "{line} HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
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
    let (said, events) = channel();
    let (go, gone): (Sender<()>, Receiver<()>) = channel();
    let gone = Arc::new(std::sync::Mutex::new(gone));
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        let _ = said.send("asked");
        let _ = gone.lock().expect("a lock").recv_timeout(PATIENCE);
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        let end = socket.read(&mut [0]);
        let _ = said.send(if matches!(end, Ok(0)) {
            "closed"
        } else {
            "other"
        });
        Ok(())
    });
    let program = start(&upstream.name());
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(socket, "GET /stays/x HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
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
    let (said, events) = channel();
    let (go, gone): (Sender<()>, Receiver<()>) = channel();
    let gone = Arc::new(std::sync::Mutex::new(gone));
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        let _ = said.send("asked");
        let _ = gone.lock().expect("a lock").recv_timeout(PATIENCE);
        socket.write_all(b"HTTP/1.1 203 Fine\r\nContent-Length: 2\r\n\r\nok")
    });
    let program = start(&upstream.name());
    let mut client = client::connect(program.address()).expect("a connection");
    write!(client, "GET /stays/x HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    reset(client);
    go.send(()).expect("an upstream");
    let line = "GET /stays/x";
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
    let mut client = client::connect(program.address()).expect("a connection");
    write!(client, "GET /buffered/x HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
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
        let mut socket = client::connect(program.address()).expect("a connection");
        write!(socket, "GET /{place}/x HTTP/1.1\r\nHost: h.test\r\n\r\n").expect("sent");
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
