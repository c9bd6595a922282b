//! One connection to a backend, request by request: noted, then passed on, answered or cut.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::course::checks::Scripted;
use crate::course::message::{Kind, Message};

use super::{Arrived, PATIENCE, Part, Shared};

/// More requests at once than this, from the graded server to itself, are a loop.
const LOOP: usize = 20;

/// Serves one connection, request by request.
pub(super) fn serve(stream: &TcpStream, part: &Part, delay: Duration, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_nodelay(true);
    if let Part::Hop { to } = part {
        hop(stream, *to, shared);
        return;
    }
    let mut reader = BufReader::new(stream);
    while let Ok(request) = Message::read(&mut reader, Kind::Request) {
        let alive = request.keeps_alive();
        let head = request.request_line().0 == "HEAD";
        let (Part::Demo { name, .. } | Part::HangsUp { name } | Part::Scripted { name, .. }) = part
        else {
            return;
        };
        if !shared.deaf {
            shared.arrived().push(Arrived {
                backend: name.clone(),
                request: request.clone(),
            });
        }
        std::thread::sleep(delay);
        let goes_on = match part {
            Part::Demo { demo, .. } => pass_on(stream, *demo, &request, head),
            Part::Scripted { name, answer } => scripted(stream, name, answer, head, alive),
            Part::HangsUp { .. } | Part::Hop { .. } => return,
        };
        if !alive || !goes_on.unwrap_or(false) {
            return;
        }
    }
}

/// Asks the demo backend the same and gives its answer back; true if the connection may go on.
fn pass_on(
    mut to: &TcpStream,
    demo: SocketAddr,
    request: &Message,
    head: bool,
) -> io::Result<bool> {
    let mut demo = TcpStream::connect(demo)?;
    demo.set_read_timeout(Some(PATIENCE))?;
    demo.write_all(&[&request.raw_head[..], &request.raw_body].concat())?;
    let kind = if head {
        Kind::AnswerWithoutBody
    } else {
        Kind::Answer
    };
    let answer = Message::read(&mut BufReader::new(demo), kind).map_err(io::Error::other)?;
    to.write_all(&[&answer.raw_head[..], &answer.raw_body].concat())?;
    Ok(answer.keeps_alive())
}

fn scripted(
    mut to: &TcpStream,
    name: &str,
    answer: &Scripted,
    head: bool,
    alive: bool,
) -> io::Result<bool> {
    let connection = if alive { "keep-alive" } else { "close" };
    let mut text = format!(
        "HTTP/1.1 {} Scripted\r\nX-Backend: {name}\r\nContent-Length: {}\r\nConnection: {connection}\r\n",
        answer.status,
        answer.body.len()
    );
    for line in &answer.headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    if !head {
        text.push_str(&answer.body);
    }
    to.write_all(text.as_bytes())?;
    Ok(alive)
}

/// Bytes both ways, to the graded server itself; too many at once are cut, which unwinds the whole circle.
fn hop(from: &TcpStream, to: SocketAddr, shared: &Shared) {
    let under_way = shared.hops.fetch_add(1, Ordering::Relaxed);
    if under_way >= LOOP {
        shared.looped.store(true, Ordering::Relaxed);
    } else {
        let _ = both_ways(from, to);
    }
    shared.hops.fetch_sub(1, Ordering::Relaxed);
}

fn both_ways(from: &TcpStream, to: SocketAddr) -> io::Result<()> {
    let to = TcpStream::connect(to)?;
    to.set_read_timeout(Some(PATIENCE))?;
    let (mut up, mut upper) = (from.try_clone()?, to.try_clone()?);
    let upward = std::thread::spawn(move || {
        let _ = io::copy(&mut up, &mut upper);
        let _ = upper.shutdown(std::net::Shutdown::Write);
    });
    let (mut down, mut downer) = (&to, from);
    let _ = io::copy(&mut down, &mut downer);
    let _ = from.shutdown(std::net::Shutdown::Both);
    let _ = upward.join();
    Ok(())
}
