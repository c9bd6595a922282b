//! Reads a request's head as nginx 1.22.1 does, as it comes: request line, fields, limits, and what is refused with which message.
//!
//! nginx reads into a first buffer (`client_header_buffer_size`) and, where a line does not fit, into up to N large
//! ones (`large_client_header_buffers`), moving the line that was begun. What is refused as too long (414, 494) depends on where the buffers end,
//! so their ends are reckoned here though nothing is stored in them.

use bytes::{Bytes, BytesMut};

use super::chars::{CR, LF};
use super::field_line::{FieldLine, LineStep, Rules};
use super::head::{BadHead, Piece, Reading, RequestHead};
use super::host::validate_host;
use super::request_fields::{Refusal, RequestFields};
use super::request_line::{LineError, RequestLine};
use super::uri::normalise;

/// The directives that concern a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// `client_header_buffer_size`, bytes.
    pub buffer_size: usize,
    /// `large_client_header_buffers`: number and bytes.
    pub large_buffers: (usize, usize),
    /// `ignore_invalid_headers`.
    pub ignore_invalid_headers: bool,
    /// `underscores_in_headers`.
    pub underscores: bool,
    /// `merge_slashes`.
    pub merge_slashes: bool,
    /// `max_headers`: how many fields a head may have, those with invalid names left out.
    pub max_headers: usize,
}

impl Default for HeadLimits {
    /// nginx's defaults.
    fn default() -> Self {
        HeadLimits {
            buffer_size: 1024,
            large_buffers: (4, 8192),
            ignore_invalid_headers: true,
            underscores: false,
            merge_slashes: true,
            max_headers: 1000,
        }
    }
}

/// What came of the bytes so far.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // made once a request and taken apart at once
pub enum Step {
    More,
    /// A whole head, or a malformed one (`head.bad`).
    Done(RequestHead),
}

/// nginx's current buffer, in offsets of the head.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// Where it ends.
    end: usize,
    /// Its size.
    size: usize,
    /// Large ones in use.
    large: usize,
}

/// Reads the heads of one connection, one after the other.
#[derive(Debug)]
pub struct HeadReader {
    /// `None` before the first byte.
    window: Option<Window>,
    /// What a pipelined request begins with.
    carried: Option<Window>,
    /// So many bytes of the head were read.
    pos: usize,
    line: RequestLine,
    line_done: bool,
    /// Where the bytes after the request line begin.
    fields_start: usize,
    field: FieldLine,
    fields: RequestFields,
    path: Option<Vec<u8>>,
    args: Piece,
    received: usize,
}

impl Default for HeadReader {
    fn default() -> Self {
        HeadReader::new()
    }
}

impl HeadReader {
    pub fn new() -> Self {
        HeadReader {
            window: None,
            carried: None,
            pos: 0,
            line: RequestLine::new(),
            line_done: false,
            fields_start: 0,
            field: FieldLine::new(),
            fields: RequestFields::default(),
            path: None,
            args: Piece::default(),
            received: 0,
        }
    }

    /// True once any byte of a request came, be it of an empty line before it: from then on nginx has a
    /// request to log, and its time-out is `client_header_timeout`.
    pub fn started(&self) -> bool {
        self.window.is_some()
    }

    /// Reads on. `buf` holds what arrived and was not consumed, from the same byte on until `Done`
    /// (but empty lines before the request line are dropped at once). On `Done` the head is split off, what
    /// follows stays, and the reader is ready for the next head.
    pub fn advance(&mut self, buf: &mut BytesMut, limits: &HeadLimits) -> Step {
        self.advance_with(buf, limits, &mut |_| None)
    }

    /// As [`advance`](Self::advance), for several virtual servers: once the host is known (validated; in any
    /// case), `choose` may give the limits of the server that it names, which apply from then on.
    pub fn advance_with(
        &mut self,
        buf: &mut BytesMut,
        limits: &HeadLimits,
        choose: &mut dyn FnMut(&[u8]) -> Option<HeadLimits>,
    ) -> Step {
        if buf.is_empty() {
            return Step::More;
        }
        let mut limits = *limits;
        if let Some(chosen) = self.fields.host.and_then(|host| choose(host.of(buf))) {
            limits = chosen;
        }
        if !self.line_done
            && let Some(step) = self.advance_line(buf, &mut limits, choose)
        {
            return step;
        }
        self.advance_fields(buf, &mut limits, choose)
    }

    /// Drops the empty lines before a request. A first buffer full of them is used again from its start.
    fn skip_empty_lines(&mut self, buf: &mut BytesMut, limits: &HeadLimits) {
        let window = self.window.get_or_insert_with(|| {
            self.carried.take().unwrap_or(Window {
                end: limits.buffer_size,
                size: limits.buffer_size,
                large: 0,
            })
        });
        let empty = buf.iter().take_while(|ch| matches!(**ch, CR | LF)).count();
        if empty == 0 {
            return;
        }
        bytes::Buf::advance(buf, empty);
        window.end = match empty.checked_sub(window.end) {
            None => window.end - empty,
            Some(over) => window.size - over % window.size.max(1),
        };
    }

    /// The request line. `None`: it is done, fields follow.
    fn advance_line(
        &mut self,
        buf: &mut BytesMut,
        limits: &mut HeadLimits,
        choose: &mut dyn FnMut(&[u8]) -> Option<HeadLimits>,
    ) -> Option<Step> {
        if self.pos == 0 {
            self.skip_empty_lines(buf, limits);
        }
        loop {
            let end = self.visible(buf);
            let data = buf.get(..end).unwrap_or_default();
            match self.line.advance(data, &mut self.pos) {
                None => {
                    if self.pos < self.window_end() {
                        return Some(Step::More);
                    }
                    if !self.next_buffer(0, false, limits) {
                        let refusal = Refusal::new(414, "client sent too long URI");
                        self.line.end = self.pos as u32;
                        self.line.forget_version();
                        return Some(self.refuse(buf, refusal, true, true));
                    }
                }
                Some(Err(error)) => return Some(self.refuse_line(buf, error)),
                Some(Ok(())) => break,
            }
        }
        self.line_done = true;
        self.fields_start = self.pos;
        self.received = self.pos;
        if let Err(refusal) = self.take_line(buf, limits) {
            let bad = BadHead {
                reading: Reading::RequestLine,
                ..self.bad(buf, refusal, false)
            };
            return Some(self.refused(buf, bad));
        }
        if self.line.version() < 1000 {
            return Some(self.done(buf));
        }
        if let Some(chosen) = self.fields.host.and_then(|host| choose(host.of(buf))) {
            *limits = chosen;
        }
        None
    }

    /// URI and authority of a whole request line.
    fn take_line(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<(), Refusal> {
        let line = &self.line;
        let uri = line.uri;
        if line.complex || line.quoted || line.empty_path {
            let found = normalise(uri.of(buf), line.empty_path, limits.merge_slashes)
                .map_err(|error| Refusal::new(400, &error.to_string()))?;
            self.line.quoted = found.quoted;
            self.path = Some(found.path);
            if let Some((start, end)) = found.args {
                self.args = Piece {
                    start: uri.start + start as u32,
                    end: uri.start + end as u32,
                };
            }
        } else if line.args_start != 0 {
            self.args = Piece {
                start: line.args_start,
                end: uri.end,
            };
        }
        if let Some(host) = self.line.host {
            let Some(name) = validate_host(host.of(buf)) else {
                return Err(Refusal::new(
                    400,
                    "client sent invalid host in request line",
                ));
            };
            self.fields.host = Some(Piece {
                start: host.start,
                end: host.start + name.len() as u32,
            });
        }
        Ok(())
    }

    fn advance_fields(
        &mut self,
        buf: &mut BytesMut,
        limits: &mut HeadLimits,
        choose: &mut dyn FnMut(&[u8]) -> Option<HeadLimits>,
    ) -> Step {
        loop {
            let end = self.visible(buf);
            let data = buf.get(..end).unwrap_or_default();
            let rules = Rules {
                underscores: limits.underscores,
                upstream: false,
            };
            match self.field.advance(data, &mut self.pos, rules) {
                LineStep::More => {
                    if self.pos < self.window_end() {
                        return Step::More;
                    }
                    let start = self.field.name.start as usize;
                    if !self.next_buffer(start, self.field.is_start(), limits) {
                        return self.refuse_long_field(buf);
                    }
                }
                LineStep::Field => {
                    self.received += self.pos - self.field.name.start as usize;
                    if self.field.invalid_name && limits.ignore_invalid_headers {
                        self.fields.ignored.push(Piece {
                            start: self.field.name.start,
                            end: self.field.error_at,
                        });
                        continue;
                    }
                    if self.fields.list.len() >= limits.max_headers {
                        let refusal = Refusal::new(494, "client sent too many header lines");
                        return self.refuse(buf, refusal, false, true);
                    }
                    let known_host = self.fields.host.is_some();
                    if let Err(refusal) = self.fields.take(buf, self.field.name, self.field.value) {
                        return self.refuse(buf, refusal, false, false);
                    }
                    if !known_host
                        && let Some(host) = self.fields.host
                        && let Some(chosen) = choose(host.of(buf))
                    {
                        *limits = chosen;
                    }
                }
                LineStep::HeadDone => {
                    self.received += self.pos - self.field.name.start as usize;
                    let (version, method) = (self.line.version(), self.line.method);
                    return match self.fields.finish(buf, version, method) {
                        Ok(()) => self.done(buf),
                        Err(refusal) => {
                            let bad = self.bad(buf, refusal, false);
                            self.refused(buf, BadHead { whole: true, ..bad })
                        }
                    };
                }
                LineStep::Invalid => return self.refuse_field(buf),
            }
        }
    }

    fn window_end(&self) -> usize {
        self.window.map_or(usize::MAX, |w| w.end)
    }

    /// As much of `buf` as nginx would have in its buffer.
    fn visible(&self, buf: &[u8]) -> usize {
        buf.len().min(self.window_end())
    }

    /// Goes to the next large buffer, with the line that began at `start` unless it is `between` two lines.
    /// False: there is none, or the line does not fit.
    fn next_buffer(&mut self, start: usize, between: bool, limits: &HeadLimits) -> bool {
        let (number, size) = limits.large_buffers;
        let Some(window) = &mut self.window else {
            return false;
        };
        if (!between && self.pos - start >= size) || window.large >= number {
            return false;
        }
        window.large += 1;
        window.size = size;
        window.end = size + if between { self.pos } else { start };
        true
    }

    /// A line that cannot be read. What nginx calls the request is what it has, up to a line's end.
    fn refuse_line(&mut self, buf: &mut BytesMut, error: LineError) -> Step {
        let status = match error {
            LineError::Version => 505,
            _ => 400,
        };
        // Of all these only the wrong method of HTTP/0.9 is noticed after the version was.
        if error != LineError::Method09 {
            self.line.forget_version();
        }
        let visible = self.visible(buf);
        let data = buf.get(..visible).unwrap_or_default();
        let end = memchr::memchr2(CR, LF, data).unwrap_or(visible);
        self.line.end = end as u32;
        self.pos = self.pos.max(end);
        self.refuse(buf, Refusal::new(status, &error.to_string()), true, true)
    }

    fn refuse_field(&mut self, buf: &mut BytesMut) -> Step {
        let shown = Piece {
            start: self.field.name.start,
            end: self.field.error_at,
        };
        let mut refusal = Refusal::new(400, "client sent invalid header line: \"");
        refusal.message.extend_from_slice(shown.of(buf));
        let wrong = buf.get(self.field.error_at as usize).copied();
        let wrong = format!("\\x{:02x}...\"", wrong.unwrap_or_default());
        refusal.message.extend_from_slice(wrong.as_bytes());
        self.pos = self.pos.max(self.field.error_at as usize + 1);
        self.refuse(buf, refusal, false, true)
    }

    fn refuse_long_field(&mut self, buf: &mut BytesMut) -> Step {
        // nginx's longest log line, less what surrounds this.
        const LONGEST: usize = 2048 - 300;
        let start = self.field.name.start as usize;
        let refusal = if start < self.fields_start {
            Refusal::new(494, "client sent too large request")
        } else {
            let end = self.pos.min(start + LONGEST);
            let mut refusal = Refusal::new(494, "client sent too long header line: \"");
            let mut shown = buf.get(start..end).unwrap_or_default().to_vec();
            self.mark_ends(&mut shown, start);
            refusal.message.append(&mut shown);
            refusal.message.extend_from_slice(b"...\"");
            refusal
        };
        self.refuse(buf, refusal, false, true)
    }

    /// Where it is the last whole field that is shown, nginx has already written a zero behind its name and its value.
    fn mark_ends(&self, shown: &mut [u8], start: usize) {
        let Some(last) = self.fields.list.last() else {
            return;
        };
        if self.field.is_start() && last.name.start as usize == start {
            for end in [last.name.end, last.value.end] {
                if let Some(byte) = shown.get_mut((end as usize).saturating_sub(start)) {
                    *byte = 0;
                }
            }
        }
    }

    fn refuse(
        &mut self,
        buf: &mut BytesMut,
        refusal: Refusal,
        in_request_line: bool,
        linger: bool,
    ) -> Step {
        let reading = match in_request_line {
            true => Reading::RequestLine,
            false => Reading::Fields,
        };
        let bad = BadHead {
            in_request_line,
            reading,
            ..self.bad(buf, refusal, linger)
        };
        self.refused(buf, bad)
    }

    fn bad(&self, buf: &BytesMut, refusal: Refusal, linger: bool) -> BadHead {
        BadHead {
            status: refusal.status,
            message: refusal.message,
            reading: Reading::Fields,
            in_request_line: false,
            whole: false,
            linger: linger || self.pos < buf.len(),
        }
    }

    fn refused(&mut self, buf: &mut BytesMut, bad: BadHead) -> Step {
        let raw = buf.split_to(self.pos.min(buf.len())).freeze();
        let reader = std::mem::take(self);
        Step::Done(reader.head(raw, Some(bad)))
    }

    fn done(&mut self, buf: &mut BytesMut) -> Step {
        let raw = buf.split_to(self.pos).freeze();
        let reader = std::mem::take(self);
        // A pipelined request goes on in the same buffer, if there is one already.
        if let Some(window) = reader.window
            && !buf.is_empty()
            && window.end > reader.pos
        {
            self.carried = Some(Window {
                end: window.end - reader.pos,
                size: window.size,
                large: window.large.min(1),
            });
        }
        Step::Done(reader.head(raw, None))
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
        let mut head = reader.head(raw, None);
        head.keep_alive = false;
        head
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

    fn head(self, raw: Bytes, bad: Option<BadHead>) -> RequestHead {
        let host = self.host(&raw);
        let whole = self.line_done;
        let line = self.line;
        // After a failed URI there is none; its method and its version are known.
        let has_uri =
            whole && !(self.path.is_none() && (line.complex || line.quoted || line.empty_path));
        let unparsed_uri = if has_uri { line.uri } else { Piece::default() };
        let path_end = if line.args_start != 0 {
            line.args_start - 1
        } else {
            unparsed_uri.end
        };
        let uri_rewritten = self.path.is_some();
        let uri = match self.path {
            Some(path) => Bytes::from(path),
            None if has_uri => Piece {
                start: unparsed_uri.start,
                end: path_end,
            }
            .share(&raw),
            None => Bytes::new(),
        };
        let version = line.version();
        RequestHead {
            method: line.method,
            method_name: Piece {
                start: 0,
                end: if whole { line.method_end } else { 0 },
            },
            line: Piece {
                start: 0,
                end: line.end,
            },
            version,
            protocol: Piece {
                start: line.protocol_start,
                end: if whole && line.protocol_start != 0 {
                    line.end
                } else {
                    line.protocol_start
                },
            },
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
            expect_continue: self.fields.expect_continue,
            browser: self.fields.browser,
            received: self.received,
            fields: self.fields.list,
            ignored: self.fields.ignored,
            bad,
            raw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &[u8]) -> (RequestHead, BytesMut) {
        let mut buf = BytesMut::from(text);
        match HeadReader::new().advance(&mut buf, &HeadLimits::default()) {
            Step::Done(head) => (head, buf),
            Step::More => panic!("incomplete: {}", text.escape_ascii()),
        }
    }

    #[test]
    fn common() {
        let (head, rest) = whole(b"\r\nGET /a%20b?x=1 HTTP/1.1\r\nHost: Localhost:3000\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\nnext");
        assert_eq!(head.bad, None);
        assert_eq!(&rest[..], b"next");
        assert_eq!(&head.uri[..], b"/a b");
        assert_eq!(head.args.of(&head.raw), b"x=1");
        assert_eq!(head.unparsed_uri.of(&head.raw), b"/a%20b?x=1");
        assert_eq!(head.line.of(&head.raw), b"GET /a%20b?x=1 HTTP/1.1");
        assert_eq!(&head.host[..], b"localhost");
        assert_eq!(head.version, 1001);
        assert!(head.keep_alive && head.quoted_uri && head.valid_unparsed_uri);
        assert_eq!(head.received, head.raw.len());
        assert_eq!(head.fields.len(), 3);
    }
}
