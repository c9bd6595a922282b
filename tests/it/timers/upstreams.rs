//! Upstreams that are slow: with heads, with bodies, with reading, in tunnels; kept ones, and those that failed.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::support::client;
use crate::support::upstream::{PATIENCE, Upstream, read_head, read_request};

use super::{MANY, PAUSE, TIME, TURNS, counter, read_all, say, slowly, start};

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
        let rest = read_all(&mut socket, LARGE - TURNS * some.len())?;
        write!(socket, "HTTP/1.0 200 OK\r\n\r\n{rest}")
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

/// A peer that failed too often is left out for as long as `fail_timeout` says, and then asked again; where it does well
/// then, what was is forgotten.
#[test]
fn a_peer_that_failed_is_asked_again_in_time() {
    const STATUSES: [u16; 4] = [500, 500, 200, 500];
    let count = Arc::new(AtomicUsize::new(0));
    let asked = count.clone();
    let failing = Upstream::start(move |mut socket| -> io::Result<()> {
        read_request(&mut socket)?;
        let n = asked.fetch_add(1, Ordering::SeqCst);
        let status = STATUSES.get(n).unwrap_or(&200);
        write!(socket, "HTTP/1.0 {status} It\r\n\r\nok")
    });
    let http = format!(
        "upstream both {{ server {} fail_timeout=2s max_fails=2; server {}; }}
         server {{ listen 127.0.0.1:{{port}}; location / {{ proxy_next_upstream http_500; proxy_pass http://both; }} }}",
        failing.name(),
        counter().name()
    );
    let program = start(&http, "");
    let asked_in = |rounds: usize| {
        let before = count.load(Ordering::SeqCst);
        for _ in 0..rounds {
            assert_eq!(program.get("/").status(), 200);
        }
        count.load(Ordering::SeqCst) - before
    };
    // Its second failure is one too many.
    let begun = Instant::now();
    let at_first = asked_in(8);
    let was_quick = begun.elapsed() < Duration::from_secs(1);
    assert!(at_first == 2 || !was_quick, "{at_first}");
    // Its time is over.
    while asked_in(1) == 0 {
        assert!(begun.elapsed() < PATIENCE, "it is never asked again");
        std::thread::sleep(PAUSE / 3);
    }
    assert!(begun.elapsed() > Duration::from_secs(2));
    // It did well, and then failed for the first time: it is asked on.
    assert_eq!(asked_in(6), 3);
}
