//! What was read of a head, put together: of a whole one, of one that is refused, and of one whose client is gone.

use bytes::{Bytes, BytesMut};

use crate::wire::chars::{CR, LF};
use crate::wire::head::{BadHead, Piece, RequestHead};
use crate::wire::request_line::RequestLine;

use super::{Behind, HeadLimits, HeadReader, Left, Step};

impl HeadReader {
    pub(super) fn done(&mut self, buf: &mut BytesMut, limits: &HeadLimits) -> Step {
        let raw = buf.split_to(self.pos).freeze();
        let reader = std::mem::take(self);
        let left = reader
            .window
            .map(|window| Left::behind(window, reader.pos, buf.len(), limits));
        let mut head = reader.head(raw, None);
        if let Some((left, behind)) = left {
            self.left = Some(left);
            head.behind = behind;
        }
        Step::Done(head)
    }

    /// What is known so far, for the log line of a client that closes or takes too long (400, 408).
    pub fn partial(&self, buf: &BytesMut) -> RequestHead {
        let raw = Bytes::copy_from_slice(buf);
        let mut line = self.line.clone();
        if !self.line_done {
            let end = memchr::memchr2(CR, LF, &raw).unwrap_or(raw.len());
            line.end = end as u32;
            line.forget_version();
        }
        let reader = HeadReader {
            line,
            fields: self.fields.clone(),
            path: self.path.clone(),
            line_done: self.line_done,
            args: self.args,
            received: self.received,
            ..HeadReader::new()
        };
        reader.head(raw, None)
    }

    fn host(&self, raw: &Bytes) -> Bytes {
        match self.fields.host {
            None => Bytes::new(),
            Some(host) if host.of(raw).iter().any(u8::is_ascii_uppercase) => {
                Bytes::from(host.of(raw).to_ascii_lowercase())
            }
            Some(host) => host.share(raw),
        }
    }

    pub(super) fn head(self, raw: Bytes, bad: Option<BadHead>) -> RequestHead {
        let host = self.host(&raw);
        let whole = self.line_done;
        let line = self.line;
        // After a failed URI there is none; its method and its version are known.
        let has_uri =
            whole && !(self.path.is_none() && (line.complex || line.quoted || line.empty_path));
        let unparsed_uri = if has_uri { line.uri } else { Piece::default() };
        let uri_rewritten = self.path.is_some();
        let uri = match self.path {
            Some(path) => Bytes::from(path),
            None if has_uri => path_of(&line).share(&raw),
            None => Bytes::new(),
        };
        let method_end = if whole { line.method_end } else { 0 };
        let protocol_end = if whole && line.protocol_start != 0 {
            line.end
        } else {
            line.protocol_start
        };
        let version = line.version();
        RequestHead {
            method: line.method,
            method_name: piece(0, method_end),
            line: piece(0, line.end),
            version,
            protocol: piece(line.protocol_start, protocol_end),
            unparsed_uri,
            args: self.args,
            uri,
            valid_unparsed_uri: has_uri && !line.empty_path,
            uri_rewritten,
            quoted_uri: line.quoted,
            has_host: self.fields.host.is_some(),
            host,
            content_length: self.fields.content_length,
            chunked: self.fields.chunked,
            keep_alive: bad.is_none() && self.fields.keep_alive.unwrap_or(version > 1000),
            expect_continue: self.fields.expects_continue(&raw, version),
            browser: self.fields.browser,
            received: self.received,
            fields: self.fields.list,
            ignored: self.fields.ignored,
            behind: Behind::default(),
            bad,
            raw,
        }
    }
}

fn piece(start: u32, end: u32) -> Piece {
    Piece { start, end }
}

/// The path of a request line that needs no decoding: the URI up to its arguments.
fn path_of(line: &RequestLine) -> Piece {
    let end = match line.args_start {
        0 => line.uri.end,
        args => args - 1,
    };
    piece(line.uri.start, end)
}
