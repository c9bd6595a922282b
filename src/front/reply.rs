//! What a content handler makes: an answer before the filters, and the other ways a phase can end.

use bytes::Bytes;

use crate::wire::answer::{BodyStream, OpenFile, PieceOf};

/// How a phase or a content handler ended (nginx's return codes, typed).
pub enum Flow {
    /// An answer, to go through the filters.
    Reply(Box<Reply>),
    /// A status without content: `error_page` or the standard page.
    Status(u16),
    /// Start again with another URI (`try_files`, `index`, `error_page`, `X-Accel-Redirect`); may carry `?args`.
    Internal(Bytes),
    /// The same with the arguments apart, so that a `?` in the URI is one of its bytes (`index`).
    InternalTo { uri: Bytes, args: Bytes },
    /// Go on in a `@named` location.
    Named(Bytes),
    /// Not this handler's: ask the next.
    Declined,
    /// Close without a byte; the status is for the log (444, 408, 499, 400).
    Silent(u16),
}

/// An answer before the filters: nginx's `headers_out` and the body.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    /// Code and reason as an upstream sent them.
    pub status_line: Option<Bytes>,
    /// Without a charset parameter that was parsed off.
    pub content_type: Bytes,
    /// Added to the type as `; charset=`.
    pub charset: Bytes,
    pub content_length: Option<u64>,
    /// Seconds since 1970; sent as `Last-Modified` and compared with conditions.
    pub last_modified: Option<i64>,
    /// `Last-Modified` stands in `headers` already (it came from an upstream).
    pub last_modified_in_headers: bool,
    /// With its quotes; stands in `headers` too.
    pub etag: Option<Bytes>,
    /// Sent as `Location`, made absolute where it begins with `/`.
    pub location: Option<Bytes>,
    /// Where a `Location` from an upstream stands in `headers`, if it may be made absolute.
    pub location_at: Option<usize>,
    /// `Server` and `Date` stand in `headers` (`proxy_pass_header`).
    pub has_server: bool,
    pub has_date: bool,
    /// All other fields, in the order they are sent.
    pub headers: Vec<(Bytes, Bytes)>,
    pub body: ReplyBody,
    /// `Range` applies (static files).
    pub allow_ranges: bool,
    /// Of several ranges none is sent: the body arrives once, in its order.
    pub single_range: bool,
    /// Conditions apply (static files, `return`; not proxied answers).
    pub conditional: bool,
    /// The status line and `error_page`'s status are final: filters that look at a 200 must not.
    pub upgrade: bool,
    /// A standard page.
    pub standard: bool,
}

/// Where the bytes come from.
#[derive(Default)]
pub enum ReplyBody {
    #[default]
    None,
    Bytes(Bytes),
    /// A whole file of this many bytes.
    File(OpenFile, u64),
    /// Pieces of a file with text between them (several ranges).
    Pieces(OpenFile, Vec<PieceOf>),
    Stream(Box<dyn BodyStream>),
}

impl Reply {
    /// An answer with this status and nothing else.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            conditional: true,
            ..Self::default()
        }
    }

    /// A text with its length.
    pub fn text(status: u16, content_type: Bytes, body: Bytes) -> Self {
        Self {
            content_type,
            content_length: Some(body.len() as u64),
            body: ReplyBody::Bytes(body),
            ..Self::new(status)
        }
    }

    pub fn into_flow(self) -> Flow {
        Flow::Reply(Box::new(self))
    }
}
