//! HTTP/1 messages as the grader reads them: on its own, so that a fault of the server's reader cannot hide itself.

use std::io::{self, BufRead, Read};

/// Most bytes of a head, and of a body, that are kept.
const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: u64 = 4 * 1024 * 1024;

/// A request or an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// In their order, names as they were sent.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The bytes of the head, as they came.
    pub raw_head: Vec<u8>,
    /// The bytes of the body, with their chunks.
    pub raw_body: Vec<u8>,
    /// The body ends with the connection.
    pub until_close: bool,
}

/// A message that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The connection ended before the first byte.
    #[error("the connection was closed without a byte")]
    Nothing,
    #[error("the message broke off: {0}")]
    Cut(&'static str),
    #[error("nothing came in time")]
    TimedOut,
    #[error("the message is too large to be graded")]
    TooLarge,
    #[error("{0}")]
    Io(io::Error),
}

impl From<io::Error> for MessageError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::UnexpectedEof => Self::Cut("the connection was closed early"),
            io::ErrorKind::ConnectionReset => Self::Cut("the connection was reset"),
            _ => Self::Io(error),
        }
    }
}

/// Which message is read: it says where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Answer,
    /// The answer to a HEAD.
    AnswerWithoutBody,
}

impl Message {
    /// Reads one message.
    ///
    /// # Errors
    /// What [`MessageError`] lists.
    pub fn read(from: &mut impl BufRead, kind: Kind) -> Result<Self, MessageError> {
        loop {
            let message = Self::read_one(from, kind)?;
            let interim = kind != Kind::Request && (100..200).contains(&message.status());
            if !interim || message.status() == 101 {
                return Ok(message);
            }
        }
    }

    fn read_one(from: &mut impl BufRead, kind: Kind) -> Result<Self, MessageError> {
        let mut message = Self::default();
        message.read_head(from)?;
        let chunked = message
            .header("Transfer-Encoding")
            .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
        let bodyless = kind == Kind::AnswerWithoutBody
            || (kind == Kind::Answer && matches!(message.status(), 100..=199 | 204 | 304));
        let length = message
            .header("Content-Length")
            .and_then(|v| v.parse().ok());
        match length {
            _ if bodyless => {}
            _ if chunked => message.read_chunks(from)?,
            Some(length) => message.read_length(from, length)?,
            None if kind == Kind::Answer => message.read_rest(from)?,
            None => {}
        }
        Ok(message)
    }

    fn read_head(&mut self, from: &mut impl BufRead) -> Result<(), MessageError> {
        loop {
            let line = line(from, MAX_HEAD)?;
            if line.is_empty() {
                let nothing = self.raw_head.is_empty();
                let cut = MessageError::Cut("the head has no end");
                return Err(if nothing { MessageError::Nothing } else { cut });
            }
            self.raw_head.extend_from_slice(&line);
            if self.raw_head.len() > MAX_HEAD {
                return Err(MessageError::TooLarge);
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            if self.start.is_empty() {
                self.start = text.to_owned();
            } else if text.is_empty() {
                return Ok(());
            } else if let Some((name, value)) = text.split_once(':') {
                let value = value.trim().to_owned();
                self.headers.push((name.to_owned(), value));
            }
        }
    }

    fn read_length(&mut self, from: &mut impl BufRead, length: u64) -> Result<(), MessageError> {
        if length > MAX_BODY {
            return Err(MessageError::TooLarge);
        }
        let read = from.take(length).read_to_end(&mut self.body)?;
        self.raw_body.clone_from(&self.body);
        if read as u64 == length {
            Ok(())
        } else {
            Err(MessageError::Cut("the body is shorter than it says"))
        }
    }

    fn read_rest(&mut self, from: &mut impl BufRead) -> Result<(), MessageError> {
        self.until_close = true;
        from.take(MAX_BODY + 1).read_to_end(&mut self.body)?;
        if self.body.len() as u64 > MAX_BODY {
            return Err(MessageError::TooLarge);
        }
        self.raw_body.clone_from(&self.body);
        Ok(())
    }

    fn read_chunks(&mut self, from: &mut impl BufRead) -> Result<(), MessageError> {
        const CUT: MessageError = MessageError::Cut("the body has no last chunk");
        loop {
            let head = line(from, 1024)?;
            let text = String::from_utf8_lossy(&head).into_owned();
            let size = text.trim().split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).map_err(|_| CUT)?;
            if self.body.len() as u64 + size > MAX_BODY {
                return Err(MessageError::TooLarge);
            }
            self.raw_body.extend_from_slice(&head);
            if size == 0 {
                break;
            }
            let mut chunk = Vec::new();
            // Two more: the line's end.
            let read = from.take(size + 2).read_to_end(&mut chunk)?;
            if read as u64 != size + 2 {
                return Err(CUT);
            }
            self.raw_body.extend_from_slice(&chunk);
            chunk.truncate(chunk.len() - 2);
            self.body.extend_from_slice(&chunk);
        }
        loop {
            let trailer = line(from, MAX_HEAD)?;
            self.raw_body.extend_from_slice(&trailer);
            match &trailer[..] {
                b"\r\n" | b"\n" => return Ok(()),
                b"" => return Err(CUT),
                _ => {}
            }
        }
    }

    /// All values of a header, joined by a comma; `None` where it is not there.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The status of an answer; 0 where there is none.
    pub fn status(&self) -> u16 {
        let code = self
            .start
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        code.unwrap_or(0)
    }

    /// Method and target of a request.
    pub fn request_line(&self) -> (&str, &str) {
        let mut parts = self.start.split(' ');
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
    }

    /// Whether another message may follow on the connection.
    pub fn keeps_alive(&self) -> bool {
        let connection = self.header("Connection").unwrap_or_default();
        let says = |word: &str| connection.to_ascii_lowercase().contains(word);
        let newer = self.start.contains("HTTP/1.1");
        !self.until_close && ((newer && !says("close")) || says("keep-alive"))
    }
}

/// A line with its end; empty at the end of the connection.
fn line(from: &mut impl BufRead, most: usize) -> Result<Vec<u8>, MessageError> {
    let mut line = Vec::new();
    from.take(most as u64).read_until(b'\n', &mut line)?;
    if line.len() == most {
        return Err(MessageError::TooLarge);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, kind: Kind) -> Result<Message, MessageError> {
        Message::read(&mut io::BufReader::new(text.as_bytes()), kind)
    }

    #[test]
    fn bodies_by_length_chunks_and_close() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhixx";
        assert_eq!(read(length, Kind::Answer).unwrap().body, b"hi");
        let chunks =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n";
        let chunks = read(chunks, Kind::Answer).unwrap();
        assert_eq!(chunks.body, b"hi!");
        assert_eq!(chunks.raw_body, b"2\r\nhi\r\n1;x\r\n!\r\n0\r\n\r\n");
        let close = read("HTTP/1.0 200 OK\r\n\r\nall", Kind::Answer).unwrap();
        assert_eq!((&close.body[..], close.until_close), (&b"all"[..], true));
        assert_eq!(
            read("GET / HTTP/1.1\r\nHost: x\r\n\r\nnext", Kind::Request)
                .unwrap()
                .body,
            b""
        );
        assert_eq!(
            read(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                Kind::AnswerWithoutBody
            )
            .unwrap()
            .body,
            b""
        );
    }

    #[test]
    fn what_is_cut_is_no_message() {
        let cut = |text, kind| matches!(read(text, kind), Err(MessageError::Cut(_)));
        assert!(cut(
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
            Kind::Answer
        ));
        assert!(cut(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
            Kind::Answer
        ));
        assert!(cut("HTTP/1.1 200 OK\r\nA: b\r\n", Kind::Answer));
        assert!(matches!(read("", Kind::Answer), Err(MessageError::Nothing)));
    }

    #[test]
    fn interim_answers_are_passed_over_and_values_joined() {
        let text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\nA: 1\r\na: 2\r\n\r\n";
        let message = read(text, Kind::Answer).unwrap();
        assert_eq!(message.status(), 204);
        assert_eq!(message.header("A").as_deref(), Some("1, 2"));
    }
}
