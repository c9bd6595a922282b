//! Time-outs and those who go on, slowly: which of them begin anew with each byte, and which run on.
//!
//! Where one begins anew, whoever is slow takes longer than it altogether, and far less than it at each turn. Where one
//! runs on, whoever is slow would go on for much longer. With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of
//! nginx.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::client;
use crate::support::program::Program;
use crate::support::upstream::{Upstream, read_request};

mod clients;
mod upstreams;

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

/// Reads so many bytes, or what there is of them; gives their number.
fn read_all(socket: &mut TcpStream, bytes: usize) -> io::Result<usize> {
    io::copy(&mut socket.take(bytes as u64), &mut io::sink()).map(|n| n as usize)
}

/// An upstream that says how long the request's body is.
fn counter() -> Upstream {
    Upstream::start(|mut socket| -> io::Result<()> {
        let received = read_request(&mut socket)?;
        write!(socket, "HTTP/1.0 200 OK\r\n\r\n{}", received.body.len())
    })
}
