//! What a content handler makes: an answer before the filters, and the other ways a phase can end.

use bytes::{Bytes, BytesMut};

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
    /// Nothing is sent, and the connection goes on (`try_files … =200`).
    Unanswered,
    /// Close without a byte; the status is for the log (444, 408, 499, 400).
    Silent(u16),
}

/// An answer before the filters: nginx's `headers_out` and the body.
#[derive(Default)]
pub struct Reply {
    pub status: u16,
    /// Code and reason as an upstream sent them.
    pub status_line: Option<Bytes>,
    /// As it is sent, but for [`Reply::charset`].
    pub content_type: Bytes,
    /// Where its charset parameter begins, if it came with one: nginx's `content_type_len`.
    pub type_len: Option<usize>,
    /// Added to the type as `; charset=`, or parsed from it.
    pub charset: Bytes,
    /// `X-Accel-Charset`: stands for whatever `charset` says.
    pub override_charset: Option<Bytes>,
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

    /// The type as lists of types know it: without its charset.
    pub fn bare_type(&self) -> &[u8] {
        let len = self.type_len.unwrap_or(self.content_type.len());
        self.content_type.get(..len).unwrap_or_default()
    }

    /// The charset that is written behind the type; empty where there is none, or where the type has it already.
    pub fn charset_to_add(&self) -> &[u8] {
        if self.type_len.is_some() {
            return &[];
        }
        &self.charset
    }

    /// Writes the type, with the charset behind it.
    pub fn put_type(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.content_type);
        let charset = self.charset_to_add();
        if !charset.is_empty() {
            out.extend_from_slice(b"; charset=");
            out.extend_from_slice(charset);
        }
    }

    /// The first field of a name.
    pub fn header(&self, name: &[u8]) -> Option<&Bytes> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Takes the fields of a name away, but the first `keep`.
    pub fn remove_headers(&mut self, name: &[u8], mut keep: usize) {
        let mut at = 0;
        while let Some((known, _)) = self.headers.get(at) {
            if !known.eq_ignore_ascii_case(name) {
                at += 1;
            } else if keep > 0 {
                keep -= 1;
                at += 1;
            } else {
                self.remove_header_at(at);
            }
        }
    }

    /// Takes the field at a place away.
    pub fn remove_header_at(&mut self, at: usize) {
        self.headers.remove(at);
        self.location_at = match self.location_at {
            Some(place) if place == at => None,
            Some(place) if place > at => Some(place - 1),
            place => place,
        };
    }

    /// A tag of bytes that are changed on the way is weak; one that cannot be is none.
    pub fn weaken_etag(&mut self) {
        let is_tag = |(name, _): &&mut (Bytes, Bytes)| name.eq_ignore_ascii_case(b"etag");
        let Some((_, tag)) = self.headers.iter_mut().find(is_tag) else {
            return;
        };
        if tag.starts_with(b"W/") && tag.len() > 2 {
            return;
        }
        if !tag.starts_with(b"\"") {
            self.remove_headers(b"etag", 0);
            self.etag = None;
            return;
        }
        *tag = [b"W/", &tag[..]].concat().into();
        self.etag = Some(tag.clone());
    }

    /// The body is not what a range could be cut from.
    pub fn clear_accept_ranges(&mut self) {
        self.allow_ranges = false;
        self.remove_headers(b"accept-ranges", 0);
    }

    pub fn into_flow(self) -> Flow {
        Flow::Reply(Box::new(self))
    }
}
