//! The head of a request as it was received: every byte kept, every field a range into it.
//!
//! A malformed head is a request too (`bad` says what is wrong), so that `error_page`, the log and the story apply.

use bytes::Bytes;

use super::request_parser::Behind;

/// Where a piece of a head lies in its raw bytes (offsets, end exclusive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Piece {
    pub start: u32,
    pub end: u32,
}

impl Piece {
    /// The bytes of this piece; empty where it does not lie in `raw`.
    pub fn of<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        raw.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// The same, sharing the buffer.
    pub fn share(&self, raw: &Bytes) -> Bytes {
        if self.start >= self.end || self.end as usize > raw.len() {
            return Bytes::new();
        }
        raw.slice(self.start as usize..self.end as usize)
    }

    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }
}

/// Methods that nginx knows; the bytes are in [`RequestHead::method_bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Mkcol,
    Copy,
    Move,
    Options,
    Propfind,
    Proppatch,
    Lock,
    Unlock,
    Patch,
    Trace,
    Connect,
    /// Well-formed, but not one of these.
    Unknown,
}

impl Method {
    /// One of the two that ask for content and change nothing.
    pub fn is_get_or_head(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// Header fields that the server itself reads, found once while parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[rustfmt::skip]
pub enum Known {
    Other, Host, Connection, KeepAlive, ContentLength, ContentType, TransferEncoding, Te, Expect, Upgrade, Trailer,
    IfModifiedSince, IfUnmodifiedSince, IfMatch, IfNoneMatch, IfRange, Range, UserAgent, Referer, Accept, AcceptEncoding,
    Authorization, XForwardedFor, XRealIp, AcceptLanguage, Via, Cookie, ProxyConnection,
    // of answers
    Server, Date, Location, Refresh, LastModified, Etag, Expires, CacheControl, SetCookie, WwwAuthenticate,
    ContentEncoding, ContentRange, AcceptRanges, Vary, Link, XPad, XAccelRedirect, XAccelBuffering, XAccelLimitRate,
    XAccelExpires, XAccelCharset, Status, ContentDisposition,
}

/// One header field, in the order received.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: Piece,
    /// Without the spaces around it.
    pub value: Piece,
    pub known: Known,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// Everything received up to and with the empty line (for a malformed head: up to where reading stopped).
    pub raw: Bytes,
    pub method: Method,
    pub method_name: Piece,
    /// `$request`: the request line without its end (and without empty lines before it).
    pub line: Piece,
    /// HTTP version as 1000 × major + minor: 9 (a 0.9 request), 1000 to 1999. 1000 where the line failed before it was known.
    ///
    /// At 9 nginx writes a bare body: no status line, no fields, also for errors.
    pub version: u16,
    /// `$server_protocol`: the version as received, with spaces after it; empty in a 0.9 request.
    pub protocol: Piece,
    /// `$request_uri`: path and query as received, without scheme and authority.
    pub unparsed_uri: Piece,
    /// `$args`: after the first `?`, without a fragment.
    pub args: Piece,
    /// `$uri`: decoded and normalised (`%2e`, `//` where `merge_slashes`, `.` and `..`).
    pub uri: Bytes,
    /// True where `unparsed_uri` may be sent to an upstream as it is (nginx's `valid_unparsed_uri`).
    pub valid_unparsed_uri: bool,
    /// The path was decoded or resolved: `uri` need not be what was received.
    pub uri_rewritten: bool,
    /// nginx's `quoted_uri`: a `%` was decoded, so that a path built from `uri` must be escaped for an upstream.
    pub quoted_uri: bool,
    /// In the order received; fields that nginx ignores (invalid names) are left out.
    pub fields: Vec<Field>,
    /// Lines left out because of their names: each is worth `client sent invalid header line: "..."` (info).
    pub ignored: Vec<Piece>,
    /// The validated host, lower-case, without its port, from the request line or `Host`; empty where there is none.
    pub host: Bytes,
    /// True if there was a `Host` or an authority in the request line (so that `$host` is `host` even if empty).
    pub has_host: bool,
    pub content_length: Option<u64>,
    /// `Transfer-Encoding: chunked`.
    pub chunked: bool,
    /// What the client wants of the connection, `Connection` and version considered: nginx's `r->keepalive` before limits.
    pub keep_alive: bool,
    /// An `Expect: 100-continue` that the server answers.
    pub expect_continue: bool,
    /// What `User-Agent` says, as far as nginx treats browsers differently.
    pub browser: Browser,
    /// Bytes of whole lines (request line, fields, empty line) with their ends: `$request_length` starts with it.
    /// A line that is too long or that no parser could read does not count.
    pub received: usize,
    pub behind: Behind,
    /// What is wrong, if anything: such a request gets `status` and nothing else.
    pub bad: Option<BadHead>,
}

/// A malformed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHead {
    /// 400, 405, 414, 494, 501, 505.
    pub status: u16,
    /// nginx's message in the error log (level info), without its context; holds bytes of the client's.
    pub message: Vec<u8>,
    /// What nginx was reading: the log says so behind the message.
    pub reading: Reading,
    /// True where not even the request line could be read: `$request_method`, `$uri` and `$request_uri` are unset (`-` in
    /// a log). `method` may be known, so that a `HEAD` gets no body.
    pub in_request_line: bool,
    /// True where the whole head was read, so that nginx has chosen a server by it even if it names no host.
    pub whole: bool,
    /// nginx has unread bytes, or says so: it closes lingering (in `lingering_close on`); the connection is never kept.
    pub linger: bool,
}

/// A part of a request's head, as nginx's error log calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    RequestLine,
    /// A request line that came before the last request was answered.
    PipelinedLine,
    Fields,
}

impl Reading {
    /// The same on a connection whose request was `pipelined`.
    #[must_use]
    pub fn of(self, pipelined: bool) -> Self {
        match self {
            Reading::RequestLine if pipelined => Reading::PipelinedLine,
            other => other,
        }
    }

    /// ` while reading client request line`, or `… headers`.
    pub fn context(self) -> &'static str {
        match self {
            Reading::RequestLine => " while reading client request line",
            Reading::PipelinedLine => " while reading client pipelined request line",
            Reading::Fields => " while reading client request headers",
        }
    }
}

/// Browsers that nginx recognises by `User-Agent` (`ngx_http_process_user_agent`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Browser {
    /// Pads small error pages (`msie_padding`, with `chrome`), refreshes instead of redirecting (`msie_refresh`).
    pub msie: bool,
    /// Internet Explorer 4 to 6 (without SV1): no keep-alive after a POST (`keepalive_disable msie6`).
    pub msie6: bool,
    pub chrome: bool,
    /// On macOS (`keepalive_disable safari`).
    pub safari: bool,
}

impl RequestHead {
    /// A body follows, be it an empty one (RFC 9112, 6).
    pub fn announces_body(&self) -> bool {
        self.content_length.is_some() || self.chunked
    }

    pub fn method_bytes(&self) -> &[u8] {
        self.method_name.of(&self.raw)
    }

    /// The first field of a kind.
    pub fn field(&self, known: Known) -> Option<&[u8]> {
        first_of(&self.fields, &self.raw, known)
    }

    /// Name and value of each field, in the order received.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        pairs_of(&self.fields, &self.raw)
    }
}

fn first_of<'a>(fields: &[Field], raw: &'a Bytes, known: Known) -> Option<&'a [u8]> {
    let field = fields.iter().find(|field| field.known == known)?;
    Some(field.value.of(raw))
}

fn pairs_of<'a>(fields: &'a [Field], raw: &'a Bytes) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    fields
        .iter()
        .map(|field| (field.name.of(raw), field.value.of(raw)))
}

/// The head of an upstream's answer.
#[derive(Debug, Clone)]
pub struct AnswerHead {
    pub raw: Bytes,
    /// 1000 × major + minor, from 1000.
    pub version: u32,
    /// Three digits: 0 to 999.
    pub status: u16,
    /// After the version: `404 Not Found`, as nginx passes it on (code and reason).
    pub status_line: Piece,
    pub fields: Vec<Field>,
    /// Of the last `Content-Length`; `None` where there is none, where it is no number, or with `chunked`.
    pub content_length: Option<u64>,
    /// A `Transfer-Encoding` that holds the word `chunked`.
    pub chunked: bool,
    /// The connection cannot be kept: a version below 1.1, or `Connection` with the word `close`.
    pub connection_close: bool,
}

impl AnswerHead {
    pub fn field(&self, known: Known) -> Option<&[u8]> {
        first_of(&self.fields, &self.raw, known)
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        pairs_of(&self.fields, &self.raw)
    }
}
