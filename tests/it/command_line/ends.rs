//! How the lab ends: after what is under way, within a bound, at once.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::client;
use crate::support::lab::{Folder, is_free};

/// A stream of events from the backend, whose head has come.
fn stream(folder: &Folder, query: &str) -> TcpStream {
    let mut socket = client::connect(folder.front_address()).expect("a connection");
    write!(
        socket,
        "GET /api/stream?{query} HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    .expect("a request sent");
    client::read_head(&mut socket).expect("a head");
    socket
}

#[test]
fn what_is_under_way_ends_before_the_lab_does() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = Folder::new();
        let mut lab = folder.start_both();
        let mut socket = stream(&folder, "n=2&every=0.3");
        // Nobody else may read the token that orders need.
        let note = std::fs::metadata(folder.path().join("lab/.running")).expect("a note");
        let mode = std::os::unix::fs::PermissionsExt::mode(&note.permissions());
        assert_eq!(mode & 0o777, 0o600);
        lab.signal(signal);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).expect("the rest");
        assert!(rest.contains("id: 2"), "{rest}");
        assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
        assert_eq!(lab.wait().code(), Some(0));
        assert!(is_free(folder.front_address()) && is_free(folder.backend_address()));
        assert!(!folder.path().join("lab/.running").exists());
    }
}

#[test]
fn the_end_is_bounded_and_a_second_signal_ends_at_once() {
    for second in [false, true] {
        let folder = Folder::new();
        let mut lab = folder.start_both();
        let _socket = stream(&folder, "n=9&every=60");
        lab.signal(Signal::INT);
        if second {
            // The first signal has been seen when the port is closed.
            while !is_free(folder.front_address()) {}
            let start = Instant::now();
            lab.signal(Signal::INT);
            assert_eq!(lab.wait().code(), Some(0));
            // Long before the bound of 10 seconds, on a busy machine too.
            assert!(start.elapsed() < Duration::from_secs(8));
        } else {
            assert_eq!(lab.wait().code(), Some(0));
        }
    }
}

#[test]
fn who_comes_while_the_lab_ends_is_refused() {
    let folder = Folder::new();
    let mut lab = folder.start_both();
    let mut socket = stream(&folder, "n=9&every=60");
    lab.signal(Signal::INT);
    while TcpStream::connect(folder.front_address()).is_ok() {}
    // The answer under way goes on meanwhile: events may be there, its end is not.
    socket.set_nonblocking(true).expect("a socket");
    let mut rest = Vec::new();
    let end = socket.read_to_end(&mut rest).map_err(|e| e.kind());
    assert_eq!(end, Err(ErrorKind::WouldBlock));
    lab.signal(Signal::INT);
    assert_eq!(lab.wait().code(), Some(0));
}
