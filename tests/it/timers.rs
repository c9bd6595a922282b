//! Time-outs and those who go on, slowly: which of them begin anew with each byte, and which run on.
//!
//! Where one begins anew, whoever is slow takes longer than it altogether, and far less than it at each turn. Where one
//! runs on, whoever is slow would go on for much longer. With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of
//! nginx.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::support::client;
use crate::support::program::Program;
use crate::support::until;
use crate::support::upstream::{PATIENCE, Upstream, read_head, read_request};

/// `TIME` in the configurations: the time-out that a test is about.
const TIME: Duration = Duration::from_millis(1200);
/// What lies between two turns of somebody slow.
const PAUSE: Duration = Duration::from_millis(250);
/// As many turns as last longer than the time-out.
const TURNS: usize = 7;
/// Turns that nobody is to see the last of.
const MANY: usize = 60;

fn start(http: &str, upstream: &str) -> Program {
    let http = http.replace("TIME", &format!("{}ms", TIME.as_millis()));
    Program::start(&http.replace("{upstream}", upstream), |_| {})
}

/// Does something, pauses, does something, … as long as it can.
fn slowly<T>(turns: usize, mut something: impl FnMut(usize) -> io::Result<T>) -> io::Result<()> {
    for turn in 0..turns {
        if turn > 0 {
            std::thread::sleep(PAUSE);
        }
        something(turn)?;
    }
    Ok(())
}

/// A connection on which this was sent.
fn say(program: &Program, text: &str) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    socket.write_all(text.as_bytes()).expect("a request sent");
    socket
}

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

/// `lingering_time` is over whether bytes come or not.
#[test]
fn lingering_ends_in_time() {
    let program = start(
        "server { listen 127.0.0.1:{port}; client_max_body_size 1k; lingering_timeout 60s; lingering_time 2s; root html;
         location /kept { lingering_timeout 60s; lingering_time 2s; keepalive_timeout 0; return 200; }
         location /status { stub_status; } }",
        "",
    );
    // With a body that nobody wants, …
    let head = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
    let mut socket = say(&program, head);
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.status(), 413);
    socket.write_all(b"x").expect("a byte sent");
    let n = socket.read(&mut [0]).expect("an end");
    assert_eq!(n, 0);
    // … and with bytes behind the last request.
    let mut socket = say(&program, "GET /kept HTTP/1.1\r\nHost: h\r\n\r\nmore");
    let mut said = String::new();
    socket.read_to_string(&mut said).expect("an answer");
    socket.write_all(b"x").expect("a byte sent");
    let alone = "Active connections: 1 ";
    assert!(!program.get("/status").text().contains(alone));
    until(PATIENCE, "the connection ends", || {
        std::thread::sleep(PAUSE);
        program.get("/status").text().contains(alone)
    });
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
    let mut socket = crate::support::upstream::bounded(socket.into());
    write!(socket, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n").expect("a request sent");
    let head = client::read_head(&mut socket).expect("a head");
    assert_eq!(head.header("Content-Length"), Some("2000000"));
    let mut some = vec![0; 200_000];
    slowly(TURNS, |_| socket.read_exact(&mut some)).expect("a part of the body");
    let mut rest = Vec::new();
    socket.read_to_end_of(LARGE - TURNS * some.len(), &mut rest);
    assert_eq!(rest.len(), LARGE - TURNS * some.len());
}

trait ReadToEndOf {
    fn read_to_end_of(&mut self, bytes: usize, into: &mut Vec<u8>);
}

impl ReadToEndOf for TcpStream {
    /// Reads so many bytes, or what there is of them.
    fn read_to_end_of(&mut self, bytes: usize, into: &mut Vec<u8>) {
        let _ = self.take(bytes as u64).read_to_end(into);
    }
}

/// An upstream that says how long the request's body is.
fn counter() -> Upstream {
    Upstream::start(|mut socket| -> io::Result<()> {
        let received = read_request(&mut socket)?;
        write!(socket, "HTTP/1.0 200 OK\r\n\r\n{}", received.body.len())
    })
}

const PROXY: &str = "server { listen 127.0.0.1:{port};
    proxy_read_timeout TIME;
    location / { proxy_pass http://{upstream}; }
    location /as-it-comes { proxy_buffering off; proxy_pass http://{upstream}; }
    location /up { proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
                   proxy_pass http://{upstream}; } }";

/// The time of an upstream's body is that between two bytes.
#[test]
fn an_upstreams_body_that_goes_on_slowly_has_more_time() {
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: {TURNS}\r\nConnection: close\r\n\r\n"
        )?;
        slowly(TURNS, |_| socket.write_all(b"x"))
    });
    let program = start(PROXY, &upstream.name());
    let whole = |path: &str| assert_eq!(program.get(path).text().len(), TURNS, "{path}");
    std::thread::scope(|scope| {
        scope.spawn(|| whole("/as-it-comes"));
        whole("/");
    });
}

/// A body has a time of its own, whatever the head took.
#[test]
fn an_upstreams_body_may_begin_late() {
    let late = TIME * 3 / 2;
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        std::thread::sleep(late);
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")?;
        std::thread::sleep(late);
        socket.write_all(b"ok")
    });
    let time = (late * 5 / 3).as_millis();
    let program = start(
        &PROXY.replace("TIME", &format!("{time}ms")),
        &upstream.name(),
    );
    assert_eq!(program.get("/").text(), "ok");
}

/// The time of an upstream's head is that of the whole head.
#[test]
fn an_upstreams_head_that_goes_on_slowly_has_its_time() {
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        socket.write_all(b"HTTP/1.1 200 OK\r\nX: ")?;
        slowly(MANY, |_| socket.write_all(b"x"))
    });
    let program = start(PROXY, &upstream.name());
    let begun = Instant::now();
    assert_eq!(program.get("/").status(), 504);
    assert!(begun.elapsed() >= TIME, "{:?}", begun.elapsed());
    let late = program.wait_for_log("error.log", "upstream timed out");
    assert!(
        late.contains("while reading response header from upstream"),
        "{late}"
    );
}

/// The time to answer begins when the request was sent.
#[test]
fn an_answer_is_not_late_while_the_request_is_sent() {
    let upstream = counter();
    let program = start(
        "server { listen 127.0.0.1:{port}; proxy_read_timeout TIME; proxy_http_version 1.1; proxy_request_buffering off;
         location / { proxy_pass http://{upstream}; } }",
        &upstream.name(),
    );
    let head = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {TURNS}\r\n\r\n");
    let mut socket = say(&program, &head);
    slowly(TURNS, |_| socket.write_all(b"x")).expect("a body sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.text(), TURNS.to_string());
}

/// An upstream that reads a little of the request at each turn is not late.
#[test]
fn a_request_that_is_read_slowly_has_more_time() {
    const LARGE: usize = 30_000_000;
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        read_head(&mut socket)?;
        let mut some = vec![0; 1_000_000];
        slowly(TURNS, |_| socket.read_exact(&mut some))?;
        let mut rest = Vec::new();
        socket.read_to_end_of(LARGE - TURNS * some.len(), &mut rest);
        write!(socket, "HTTP/1.0 200 OK\r\n\r\n{}", rest.len())
    });
    let program = start(
        "server { listen 127.0.0.1:{port}; client_max_body_size 0; client_body_buffer_size 40m;
         location / { proxy_send_timeout TIME; proxy_pass http://{upstream}; } }",
        &upstream.name(),
    );
    let head = format!(
        "PUT / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {LARGE}\r\n\r\n"
    );
    let mut socket = say(&program, &head);
    socket.write_all(&vec![b'x'; LARGE]).expect("a body sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.text(), (LARGE - TURNS * 1_000_000).to_string());
}

/// What passes through a tunnel, either way, begins its time anew.
#[test]
fn a_tunnel_that_is_used_has_more_time() {
    // The upstream says nothing by itself, and tells how much came when the client has ended; or it talks, and the
    // client does not.
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        let request = read_request(&mut socket)?;
        socket.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        )?;
        if request.head[0].contains("/up/talks") {
            slowly(TURNS, |_| socket.write_all(b"x"))?;
            return socket.shutdown(Shutdown::Both);
        }
        let mut came = [0; TURNS];
        socket.read_exact(&mut came)?;
        socket.write_all(b"all of it")?;
        socket.shutdown(Shutdown::Both)
    });
    let program = start(PROXY, &upstream.name());
    let tunnel = |path: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
        let mut socket = say(&program, &request);
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status(), 101);
        socket
    };
    let talks = || {
        let mut said = String::new();
        let mut socket = tunnel("/up/talks");
        socket.read_to_string(&mut said).expect("an end");
        assert_eq!(said.len(), TURNS);
    };
    let listens = || {
        let mut said = String::new();
        let mut socket = tunnel("/up/listens");
        slowly(TURNS, |_| socket.write_all(b"x")).expect("bytes sent");
        socket.read_to_string(&mut said).expect("an end");
        assert_eq!(said, "all of it");
    };
    std::thread::scope(|scope| {
        scope.spawn(talks);
        listens();
    });
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

/// A connection to an upstream that nobody uses ends in time, whether another request comes or not.
#[test]
fn a_kept_connection_to_an_upstream_has_its_time() {
    let (sender, ended) = channel();
    let upstream = Upstream::start(move |mut socket| -> io::Result<()> {
        while read_request(&mut socket).is_ok() {
            socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        }
        sender.send(Instant::now()).map_err(io::Error::other)
    });
    let program = start(
        "upstream kept { server {upstream}; keepalive 4; keepalive_timeout TIME; }
         server { listen 127.0.0.1:{port}; proxy_http_version 1.1; proxy_set_header Connection ''; location / { proxy_pass http://kept; } }",
        &upstream.name(),
    );
    let mut asked = Instant::now();
    slowly(TURNS, |_| {
        asked = Instant::now();
        assert_eq!(program.get("/").text(), "ok");
        Ok(())
    })
    .expect("answers");
    assert!(ended.try_recv().is_err(), "it was used all the time");
    let end = ended.recv_timeout(PATIENCE).expect("an end");
    assert!(end >= asked + TIME);
}

/// Sent a failure, a peer is left out for as long as `fail_timeout` says, and asked again thereafter.
#[test]
fn a_peer_that_failed_is_asked_again_in_time() {
    let (sender, asked) = channel();
    let failing = Upstream::start(move |mut socket| -> io::Result<()> {
        let request = read_request(&mut socket)?;
        let _ = sender.send(request.head[0].clone());
        socket.write_all(b"HTTP/1.0 500 No\r\n\r\nno")
    });
    let other = Upstream::start(|mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        socket.write_all(b"HTTP/1.0 200 OK\r\n\r\nok")
    });
    let http = format!(
        "upstream both {{ server {} fail_timeout=2s max_fails=2; server {}; }}
         server {{ listen 127.0.0.1:{{port}}; location / {{ proxy_next_upstream http_500; proxy_pass http://both; }} }}",
        failing.name(),
        other.name()
    );
    let program = start(&http, "");
    let ask = |rounds: usize| -> Vec<String> {
        for _ in 0..rounds {
            assert_eq!(program.get("/").text(), "ok");
        }
        asked.try_iter().collect()
    };
    // Its second failure is one too many.
    let begun = Instant::now();
    let count = ask(8).len();
    let quick = begun.elapsed() < Duration::from_secs(1);
    assert!(count == 2 || !quick, "{count}");
    // Asked again within its time it is never; behind it, once: it fails again.
    asked_again(&program, &asked, begun);
    assert!(begun.elapsed() > Duration::from_secs(2));
}

/// Asks until the failing one was asked.
fn asked_again(program: &Program, asked: &Receiver<String>, begun: Instant) {
    while asked.try_recv().is_err() {
        assert!(begun.elapsed() < PATIENCE, "it is never asked again");
        assert_eq!(program.get("/").text(), "ok");
        std::thread::sleep(PAUSE / 3);
    }
}
