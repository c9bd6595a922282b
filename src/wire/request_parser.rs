//! Reads a request's head as nginx 1.22.1 does, as it comes: request line, fields, limits, and what is refused with which message.
//!
//! nginx reads into a first buffer (`client_header_buffer_size`) and, where a line does not fit, into up to N large
//! ones (`large_client_header_buffers`), moving the line that was begun. What is refused as too long (414, 494) depends on where the buffers end,
//! so their ends are reckoned here though nothing is stored in them.

use bytes::BytesMut;

use super::chars::{CR, LF};
use super::field_line::{FieldLine, LineStep, Rules};
use super::head::{BadHead, Piece, Reading, RequestHead};
use super::host::validate_host;
use super::request_fields::{Refusal, RequestFields};
use super::request_line::RequestLine;
use super::uri::normalise;

mod buffers;
mod refusals;
mod whole;

pub use buffers::{Behind, BodyEnd};
use buffers::{Left, Window};

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

/// Reads the heads of one connection, one after the other.
#[derive(Debug)]
pub struct HeadReader {
    /// `None` before the first byte.
    window: Option<Window>,
    /// What a pipelined request begins in.
    carried: Option<Window>,
    /// What the last head left of its buffer.
    left: Option<Left>,
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
            left: None,
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
    /// (but empty lines before the request line are dropped at once). On `Done` the head is split off and what
    /// follows stays; [`begin_next`](Self::begin_next) makes ready for the next head.
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

    /// Drops the empty lines before a request.
    fn skip_empty_lines(&mut self, buf: &mut BytesMut, limits: &HeadLimits) {
        let first = self.carried.take();
        let window = self
            .window
            .get_or_insert_with(|| first.unwrap_or_else(|| Window::first(limits)));
        let empty = buf.iter().take_while(|ch| matches!(**ch, CR | LF)).count();
        if empty > 0 {
            bytes::Buf::advance(buf, empty);
            window.drop_empty(empty);
        }
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
            return Some(self.done(buf, limits));
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

    /// The fields, and the empty line that ends them.
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
                    if let Some(step) = self.take_field(buf, limits, choose) {
                        return step;
                    }
                }
                LineStep::HeadDone => return self.end_fields(buf, limits),
                LineStep::Invalid => return self.refuse_field(buf),
            }
        }
    }

    /// A whole field. `None`: it is taken or ignored, others may follow.
    fn take_field(
        &mut self,
        buf: &mut BytesMut,
        limits: &mut HeadLimits,
        choose: &mut dyn FnMut(&[u8]) -> Option<HeadLimits>,
    ) -> Option<Step> {
        self.received += self.pos - self.field.name.start as usize;
        if self.field.invalid_name && limits.ignore_invalid_headers {
            self.fields.ignored.push(Piece {
                start: self.field.name.start,
                end: self.field.error_at,
            });
            return None;
        }
        if self.fields.list.len() >= limits.max_headers {
            let refusal = Refusal::new(494, "client sent too many header lines");
            return Some(self.refuse(buf, refusal, false, true));
        }
        let known_host = self.fields.host.is_some();
        if let Err(refusal) = self.fields.take(buf, self.field.name, self.field.value) {
            return Some(self.refuse(buf, refusal, false, false));
        }
        if !known_host
            && let Some(host) = self.fields.host
            && let Some(chosen) = choose(host.of(buf))
        {
            *limits = chosen;
        }
        None
    }

    /// The empty line behind the fields.
    fn end_fields(&mut self, buf: &mut BytesMut, limits: &HeadLimits) -> Step {
        self.received += self.pos - self.field.name.start as usize;
        let (version, method) = (self.line.version(), self.line.method);
        match self.fields.finish(buf, version, method) {
            Ok(()) => self.done(buf, limits),
            Err(refusal) => {
                let bad = self.bad(buf, refusal, false);
                self.refused(buf, BadHead { whole: true, ..bad })
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
        if !between && self.pos - start >= limits.large_buffers.1 {
            return false;
        }
        let begins = if between { self.pos } else { start };
        let window = self.window.as_mut();
        window.is_some_and(|window| window.go_on(begins, limits.large_buffers))
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
