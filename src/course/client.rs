//! Sends a request as curl would, over a socket, and reads the answer.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::message::{Kind, Message, MessageError};

/// A request that is ready to go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub method: String,
    pub target: String,
    /// The port, as the file names it.
    pub port: u16,
    /// All of the request.
    pub bytes: Vec<u8>,
    /// A command that sends the same.
    pub shown: String,
}

/// What is sent, its placeholders filled in.
#[derive(Debug, Clone)]
pub struct Parts<'a> {
    pub method: &'a str,
    pub target: &'a str,
    pub port: u16,
    pub host: Option<&'a str>,
    pub headers: &'a [(String, String)],
    pub body: Option<&'a str>,
}

impl Outgoing {
    pub fn new(parts: &Parts<'_>) -> Self {
        let own = format!("localhost:{}", parts.port);
        let host = parts.host.unwrap_or(&own);
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: proxy-lab-check\r\nAccept: */*\r\n",
            parts.method, parts.target
        );
        let mut shown = String::from("curl -i");
        if parts.method == "HEAD" {
            shown = String::from("curl -I");
        } else if parts.method != "GET" && !(parts.method == "POST" && parts.body.is_some()) {
            shown.push_str(&format!(" -X {}", parts.method));
        }
        if host != own {
            shown.push_str(&format!(" -H {}", quoted(&format!("Host: {host}"))));
        }
        for (name, value) in parts.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
            shown.push_str(&format!(" -H {}", quoted(&format!("{name}: {value}"))));
        }
        if let Some(body) = parts.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            shown.push_str(&format!(" -d {}", quoted(&shortened(body))));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(parts.body.unwrap_or_default().as_bytes());
        shown.push_str(&format!(" {}", quoted(&format!("{own}{}", parts.target))));
        Self {
            method: parts.method.to_owned(),
            target: parts.target.to_owned(),
            port: parts.port,
            bytes,
            shown,
        }
    }

    /// A request written out by hand; its lines may end in a bare line feed.
    pub fn raw(text: &str, port: u16) -> Self {
        let bytes = text
            .replace("\r\n", "\n")
            .replace('\n', "\r\n")
            .into_bytes();
        let first = text.lines().next().unwrap_or_default();
        let mut words = first.split(' ').map(str::to_owned);
        Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            port,
            bytes,
            shown: format!("{first} (to port {port}, written out by hand)"),
        }
    }

    /// Sends it to `real` from `client` and waits for the whole answer.
    ///
    /// # Errors
    /// There is no whole answer in time.
    pub fn send(
        &self,
        real: SocketAddr,
        client: Ipv4Addr,
        patience: Duration,
    ) -> Result<Message, MessageError> {
        let mut stream = connect(real, client, patience)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        // A server may answer before it has read all: what it says counts.
        let sent = stream.write_all(&self.bytes);
        let kind = match self.method.as_str() {
            "HEAD" => Kind::AnswerWithoutBody,
            _ => Kind::Answer,
        };
        let read = Message::read(&mut BufReader::new(stream), kind);
        match (read, sent) {
            (Ok(answer), _) => Ok(answer),
            (Err(MessageError::Nothing), Err(error)) => Err(error.into()),
            (Err(error), _) => Err(error),
        }
    }
}

fn connect(
    real: SocketAddr,
    client: Ipv4Addr,
    patience: Duration,
) -> Result<TcpStream, MessageError> {
    let socket = Socket::new(Domain::for_address(real), Type::STREAM, None)?;
    if real.is_ipv4() {
        socket.bind(&SocketAddr::from((client, 0)).into())?;
    }
    socket.connect_timeout(&real.into(), patience)?;
    Ok(socket.into())
}

/// A word as a shell reads it.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// At most some 60 characters.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let line: String = text.chars().take(MOST).collect();
    if line.len() < text.len() {
        return format!("{line}…");
    }
    line
}
