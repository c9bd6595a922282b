//! Bodies far larger than the memory that passes them on: every byte arrives, in each way of buffering, and who
//! takes a whole body takes it to a file.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use crate::support::client;
use crate::support::program::Program;
use crate::support::upstream::{PATIENCE, Upstream, read_head};

const CONFIGURATION: &str = r#"
client_max_body_size 400m;
proxy_http_version 1.1;
server {
    listen 127.0.0.1:{port};
    location /on-on/ { proxy_pass http://{upstream}/; }
    location /on-off/ { proxy_pass http://{upstream}/; proxy_buffering off; }
    location /off-on/ { proxy_pass http://{upstream}/; proxy_request_buffering off; }
    location /off-off/ { proxy_pass http://{upstream}/; proxy_request_buffering off; proxy_buffering off; }
}"#;

/// The request's body is taken whole before it is passed on, or not; then so for the answer's.
const WAYS: [&str; 4] = ["on-on", "on-off", "off-on", "off-off"];

const LARGE: u64 = 300_000_000;
/// More than the sockets' buffers hold between the three of them.
const MEDIUM: u64 = 50_000_000;
/// What the program may need at its worst, in kB.
const MEMORY: u64 = 40 * 1024;

/// Long pieces spare the test's own time; the prime length shows lost, doubled and swapped blocks of any usual size.
const PERIOD: usize = 999_983;

/// The content of every body, twice over: what begins anywhere in the first half goes on for one period.
fn pattern() -> &'static [u8] {
    static PATTERN: OnceLock<Vec<u8>> = OnceLock::new();
    PATTERN.get_or_init(|| {
        let lines = (0..).flat_map(|n: u32| format!("{n:07}\n").into_bytes());
        let once: Vec<_> = lines.take(PERIOD).collect();
        [&once[..], &once[..]].concat()
    })
}

/// What stands at `at` of a body, as long as it can be given in one piece.
fn content(at: u64) -> &'static [u8] {
    let start = usize::try_from(at % PERIOD as u64).expect("less than the period");
    &pattern()[start..start + PERIOD]
}

fn write_body(to: &mut impl Write, length: u64) -> io::Result<()> {
    let mut at = 0;
    while at < length {
        let left = usize::try_from(length - at).unwrap_or(usize::MAX);
        let piece = content(at);
        let piece = &piece[..piece.len().min(left)];
        to.write_all(piece)?;
        at += piece.len() as u64;
    }
    Ok(())
}

/// Reads a body from `at` to `length`; an error where it ends before, or is another.
fn read_body(from: &mut impl Read, mut at: u64, length: u64) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    while at < length {
        let most = buffer
            .len()
            .min(usize::try_from(length - at).unwrap_or(usize::MAX));
        let n = from.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::Error::other(format!("it ends after {at} bytes")));
        }
        if buffer[..n] != content(at)[..n] {
            return Err(io::Error::other(format!("it is another after {at} bytes")));
        }
        at += n as u64;
    }
    Ok(())
}

fn start(upstream: &Upstream) -> Program {
    Program::start(
        &CONFIGURATION.replace("{upstream}", &upstream.name()),
        |_| {},
    )
}

fn announced(head: &[String]) -> u64 {
    let length = head.iter().find_map(|l| l.strip_prefix("Content-Length: "));
    length.map_or(0, |length| length.parse().expect("a length"))
}

/// Sends the head of an upload of `length` bytes.
fn post(program: &Program, path: &str, length: u64) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(
        socket,
        "POST {path} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
    .expect("a head sent");
    socket
}

fn get(program: &Program, path: &str) -> TcpStream {
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    socket
}

fn check_memory(program: &Program, what: &str) {
    let peak = program.peak_memory();
    assert!(peak < MEMORY, "{what}: {peak} kB");
}

/// Reads the upload, checks it, and answers with as much; the answer tells by its status whether it was right.
fn takes_and_gives(mut socket: TcpStream) -> io::Result<()> {
    let length = announced(&read_head(&mut socket)?);
    let status = match read_body(&mut socket, 0, length) {
        Ok(()) => "200 OK".to_owned(),
        Err(error) => format!("500 {error}"),
    };
    write!(
        socket,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n"
    )?;
    write_body(&mut socket, length)
}

#[test]
fn large_bodies_up_and_down_need_no_memory() {
    let upstream = Upstream::start(takes_and_gives);
    let program = start(&upstream);
    for way in WAYS {
        let mut socket = post(&program, &format!("/{way}/x"), LARGE);
        write_body(&mut socket, LARGE).expect("the upload sent");
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status_line, "HTTP/1.1 200 OK", "{way}");
        assert_eq!(head.header("Content-Length"), Some("300000000"));
        read_body(&mut socket, 0, LARGE).unwrap_or_else(|error| panic!("{way}: {error}"));
        check_memory(&program, way);
    }
}

#[test]
fn a_large_chunked_upload_is_passed_on_as_it_comes() {
    // The upstream checks the chunks' content and tells its length.
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        let head = read_head(&mut socket)?;
        assert!(
            head.contains(&"Transfer-Encoding: chunked".to_owned()),
            "{head:?}"
        );
        let mut reader = io::BufReader::with_capacity(1 << 18, &socket);
        let mut at = 0;
        loop {
            let size = client::read_line(&mut reader)?;
            let size = u64::from_str_radix(&size, 16).map_err(io::Error::other)?;
            read_body(&mut reader, at, at + size)?;
            client::read_line(&mut reader)?;
            at += size;
            if size == 0 {
                break;
            }
        }
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{at:08}"
        )
    });
    let program = start(&upstream);
    let mut socket = client::connect(program.address()).expect("a connection");
    write!(
        socket,
        "POST /off-on/x HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    .expect("a head sent");
    let mut at = 0;
    while at < MEDIUM {
        let piece = &content(at)[..500_000];
        let chunk = [b"7a120\r\n", piece, b"\r\n"].concat();
        socket.write_all(&chunk).expect("a chunk sent");
        at += 500_000;
    }
    socket.write_all(b"0\r\n\r\n").expect("the end sent");
    let answer = client::read_answer(&mut socket, false).expect("an answer");
    assert_eq!(answer.text(), "50000000");
    check_memory(&program, "chunked");
}

/// Here the lab does more than nginx, which stalls: once an answer's head has passed, it no longer waits to write to
/// a full upstream.
#[test]
fn up_and_down_at_the_same_time() {
    let upstream = Upstream::start(|mut socket| -> io::Result<()> {
        let length = announced(&read_head(&mut socket)?);
        write!(
            socket,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
        )?;
        let mut back = socket.try_clone()?;
        io::copy(&mut socket.take(length), &mut back)?;
        Ok(())
    });
    let program = start(&upstream);
    for way in ["off-off", "off-on"] {
        let mut socket = post(&program, &format!("/{way}/x"), MEDIUM);
        let mut up = socket.try_clone().expect("another handle");
        let sending = std::thread::spawn(move || write_body(&mut up, MEDIUM));
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status(), 200);
        read_body(&mut socket, 0, MEDIUM).unwrap_or_else(|error| panic!("{way}: {error}"));
        sending.join().expect("a thread").expect("the upload sent");
        check_memory(&program, way);
    }
}

/// Sends an answer of `MEDIUM` bytes, and says when it has got rid of it, or once that it cannot for half a second.
fn says_when_free(mut socket: TcpStream, said: &Sender<&'static str>) -> io::Result<()> {
    read_head(&mut socket)?;
    write!(
        socket,
        "HTTP/1.1 200 OK\r\nContent-Length: {MEDIUM}\r\n\r\n"
    )?;
    socket.set_write_timeout(Some(Duration::from_millis(500)))?;
    let (mut at, mut held) = (0, false);
    while at < MEDIUM {
        let left = usize::try_from(MEDIUM - at).unwrap_or(usize::MAX);
        let piece = content(at);
        match socket.write(&piece[..piece.len().min(left)]) {
            Ok(n) => at += n as u64,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if !held {
                    let _ = said.send("held back");
                }
                held = true;
            }
            Err(error) => return Err(error),
        }
    }
    let _ = said.send("free");
    Ok(())
}

#[test]
fn a_client_that_reads_nothing_keeps_no_upstream_busy() {
    let (said, events) = channel();
    let upstream = Upstream::start(move |socket| says_when_free(socket, &said));
    let program = start(&upstream);
    for (way, expected) in [("on-on", "free"), ("on-off", "held back")] {
        let mut socket = get(&program, &format!("/{way}/x"));
        assert_eq!(events.recv_timeout(PATIENCE), Ok(expected), "{way}");
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status(), 200);
        read_body(&mut socket, 0, MEDIUM).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert_eq!(socket.read(&mut [0]).expect("an end"), 0, "{way}");
        check_memory(&program, way);
    }
}

#[test]
fn an_upstream_that_reads_nothing_holds_back_a_client_that_is_passed_through() {
    let (go, gone) = channel::<()>();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(gone));
    let upstream = Upstream::start(move |socket| {
        let _ = gone.lock().expect("a lock").recv_timeout(PATIENCE);
        takes_and_gives(socket)
    });
    let program = start(&upstream);
    for (way, expected) in [("on-on", false), ("off-on", true)] {
        let mut socket = post(&program, &format!("/{way}/x"), MEDIUM);
        socket
            .set_write_timeout(Some(Duration::from_millis(500)))
            .expect("a time-out");
        let (mut at, mut held) = (0, false);
        while at < MEDIUM {
            let left = usize::try_from(MEDIUM - at).unwrap_or(usize::MAX);
            let piece = content(at);
            match socket.write(&piece[..piece.len().min(left)]) {
                Ok(n) => at += n as u64,
                Err(error) => {
                    let blocked =
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    assert!(blocked && !held, "{way}: {error}");
                    held = true;
                    go.send(()).expect("an upstream");
                }
            }
        }
        assert_eq!(held, expected, "{way}");
        if !held {
            go.send(()).expect("an upstream");
        }
        let head = client::read_head(&mut socket).expect("a head");
        assert_eq!(head.status_line, "HTTP/1.1 200 OK", "{way}");
        read_body(&mut socket, 0, MEDIUM).unwrap_or_else(|error| panic!("{way}: {error}"));
        check_memory(&program, way);
    }
}
