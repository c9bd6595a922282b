//! Upstreams that are not there, that break off, that are late, and that answer early.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;

use crate::support::client;
use crate::support::upstream::{Upstream, read_head};

use super::{about, ask, deaf, reset, start};

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
            let mut socket = ask(&program, &format!("GET /{place}/{i}"));
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
