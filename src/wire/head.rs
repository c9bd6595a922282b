//! The head of a request as it was received: every byte kept, every field a range into it.
//!
//! A malformed head is a request too (`bad` says what is wrong), so that `error_page`, the log and the story apply.

use bytes::Bytes;

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

/// Header fields that the server itself reads, found once while parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[rustfmt::skip]
pub enum Known {
    Other, Host, Connection, KeepAlive, ContentLength, ContentType, TransferEncoding, Te, Expect, Upgrade, Trailer,
    IfModifiedSince, IfUnmodifiedSince, IfMatch, IfNoneMatch, IfRange, Range, UserAgent, Referer, Accept, AcceptEncoding,
    Authorization, XForwardedFor, Cookie, ProxyConnection,
    // of answers
    Server, Date, Location, Refresh, LastModified, Etag, Expires, CacheControl, SetCookie, WwwAuthenticate,
    ContentEncoding, ContentRange, AcceptRanges, Vary, Link, XPad, XAccelRedirect, XAccelBuffering, XAccelLimitRate,
    XAccelExpires, XAccelCharset, Status,
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
    /// HTTP version as 1000 × major + minor: 9 (a 0.9 request), 1000, 1001.
    pub version: u16,
    /// `$request_uri`: path and query as received, without scheme and authority.
    pub unparsed_uri: Piece,
    /// `$args`: after the first `?`, without a fragment.
    pub args: Piece,
    /// `$uri`: decoded and normalised (`%2e`, `//` where `merge_slashes`, `.` and `..`).
    pub uri: Bytes,
    /// True where `unparsed_uri` may be sent to an upstream as it is (nginx's `valid_unparsed_uri`).
    pub valid_unparsed_uri: bool,
    /// nginx's `quoted_uri`/`complex_uri`/`space_in_uri`-like facts live with the parser; this one says
    /// that the URI as received differs from `uri` + `args` (so that a proxied URI must be escaped again).
    pub uri_rewritten: bool,
    /// In the order received; fields that nginx ignores (invalid names) are left out.
    pub fields: Vec<Field>,
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
    /// Number of bytes of head and request line: `$request_length` starts with it.
    pub received: usize,
    /// What is wrong, if anything: such a request gets `status` and nothing else.
    pub bad: Option<BadHead>,
}

/// A malformed head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHead {
    /// 400, 405, 414, 494, 501, 505.
    pub status: u16,
    /// nginx's message in the error log (level info), without its context.
    pub message: String,
    /// True where not even the request line could be read: nginx then answers as HTTP/0.9 or 1.0 would be, see the parser.
    pub in_request_line: bool,
}

impl RequestHead {
    pub fn method_bytes(&self) -> &[u8] {
        self.method_name.of(&self.raw)
    }

    /// The first field of a kind.
    pub fn field(&self, known: Known) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|f| f.known == known)
            .map(|f| f.value.of(&self.raw))
    }

    /// Name and value of each field, in the order received.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|f| (f.name.of(&self.raw), f.value.of(&self.raw)))
    }
}

/// The head of an upstream's answer.
#[derive(Debug, Clone)]
pub struct AnswerHead {
    pub raw: Bytes,
    /// 1000 or 1001 (nginx's: 1.0 where the version is lower, see the parser).
    pub version: u16,
    /// 100 to 999.
    pub status: u16,
    /// After the version: `404 Not Found`, as nginx passes it on (code and reason).
    pub status_line: Piece,
    pub fields: Vec<Field>,
}

impl AnswerHead {
    pub fn field(&self, known: Known) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|f| f.known == known)
            .map(|f| f.value.of(&self.raw))
    }

    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|f| (f.name.of(&self.raw), f.value.of(&self.raw)))
    }
}
