//! A client for tests: raw bytes out, one answer in, nothing interpreted but the head's end and
//! the framing. Every read and write is bounded in time, so that no test hangs.
#![allow(dead_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long any single read or write may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer, its head as text and its body as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status line without its line end.
    pub status_line: String,
    /// Names and values in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// The body; chunks are joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// The number in the status line.
    pub fn status(&self) -> u16 {
        let number = self.status_line.split(' ').nth(1);
        number.and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// The first value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, value)| &**value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Connects with bounded reads and writes.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&address, PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Sends `request` on a connection of its own and reads the answer; `head` says that it has no
/// body whatever its head announces.
pub fn exchange(address: SocketAddr, request: &[u8], head: bool) -> io::Result<Answer> {
    let mut socket = connect(address)?;
    socket.write_all(request)?;
    read_answer(&mut socket, head)
}

/// Reads the head and the body of one answer.
pub fn read_answer(socket: &mut impl Read, head: bool) -> io::Result<Answer> {
    let mut answer = read_head(socket)?;
    let bodyless = head || matches!(answer.status(), 204 | 304);
    let chunked = answer.header("Transfer-Encoding") == Some("chunked");
    let length = answer.header("Content-Length").map(str::parse::<usize>);
    if bodyless {
    } else if chunked {
        answer.body = read_chunks(socket)?;
    } else if let Some(length) = length {
        answer.body = vec![0; length.map_err(io::Error::other)?];
        socket.read_exact(&mut answer.body)?;
    } else {
        socket.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

/// Reads a head and nothing behind it.
pub fn read_head(socket: &mut impl Read) -> io::Result<Answer> {
    let status_line = read_line(socket)?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(socket)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((&line, ""));
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(Answer {
        status_line,
        headers,
        body: Vec::new(),
    })
}

/// Reads one line ended by CR LF, bytes above 127 as Latin-1.
pub fn read_line(socket: &mut impl Read) -> io::Result<String> {
    let mut line = String::new();
    let mut byte = [0];
    loop {
        socket.read_exact(&mut byte)?;
        line.push(char::from(byte[0]));
        if line.ends_with("\r\n") {
            line.truncate(line.len() - 2);
            return Ok(line);
        }
    }
}

fn read_chunks(socket: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&read_line(socket)?, 16).map_err(io::Error::other)?;
        let start = body.len();
        body.resize(start + size, 0);
        socket.read_exact(&mut body[start..])?;
        read_line(socket)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
