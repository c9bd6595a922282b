//! The head of a request to an upstream, byte for byte as nginx writes it.

use bytes::{Bytes, BytesMut};

use crate::config::model::{Proxy, ProxyVersion, SetHeader};
use crate::front::request::Request;
use crate::front::trace::Origin;
use crate::front::variables;
use crate::wire::escape::{Escape, escape_uri};

use super::notes::Notes;

/// What the target of a `proxy_pass` is for one request.
pub struct Target {
    /// The URI part: `None` where there is none.
    pub uri: Option<Bytes>,
    /// How many bytes of the normalised URI it replaces.
    pub location_len: usize,
    /// It came from variables: used as it is.
    pub whole: bool,
}

/// Fields that nginx sets or drops itself, whatever the client sent; lower-case.
const OWN: [&[u8]; 8] = [
    b"host",
    b"connection",
    b"content-length",
    b"transfer-encoding",
    b"te",
    b"keep-alive",
    b"expect",
    b"upgrade",
];

/// A head ready to be sent, and the parts of it that logs name.
pub struct UpstreamHead {
    pub bytes: Bytes,
    /// The request target sent.
    pub uri: Bytes,
    pub is_head: bool,
}

impl UpstreamHead {
    /// `GET /users`: the request line without its version, for stories.
    pub fn shown(&self) -> String {
        let line = self.bytes.split(|&b| b == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        line.rsplit_once(' ')
            .map_or_else(|| line.to_string(), |(start, _)| start.to_owned())
    }
}

/// Writes the head; `body` is what follows it.
pub fn build(
    r: &Request,
    target: &Target,
    framing: BodyFraming,
    set_body: Option<&Bytes>,
) -> UpstreamHead {
    let proxy = &r.location.proxy;
    let mut notes = Notes::of(r);
    let mut out = BytesMut::with_capacity(r.head.raw.len() + 256);
    let method = match &proxy.method {
        Some(template) => variables::evaluate(template, r),
        None => r.method_name.clone(),
    };
    out.extend_from_slice(&method);
    out.extend_from_slice(b" ");
    let uri_at = out.len();
    request_target(r, target, &mut out);
    let uri_at = uri_at..out.len();
    out.extend_from_slice(match proxy.http_version {
        ProxyVersion::Http10 => b" HTTP/1.0\r\n",
        ProxyVersion::Http11 => b" HTTP/1.1\r\n",
    });
    notes.line(&out, 0, || Notes::pass(r));
    for header in proxy.set_headers.iter() {
        let start = out.len();
        set_header(&mut out, header, r);
        notes.line(&out, start, || Notes::set(r, header));
    }
    let start = out.len();
    body_field(&mut out, proxy, framing);
    notes.line(&out, start, || Origin::Body);
    if proxy.pass_request_headers {
        clients_fields(&mut out, r, &mut notes);
    }
    notes.finish(r, target, framing);
    out.extend_from_slice(b"\r\n");
    if let Some(body) = set_body {
        out.extend_from_slice(body);
    }
    let bytes = out.freeze();
    UpstreamHead {
        uri: bytes.slice(uri_at),
        bytes,
        is_head: method.eq_ignore_ascii_case(b"head"),
    }
}

/// What announces the body, but where the file says it otherwise.
fn body_field(out: &mut BytesMut, proxy: &Proxy, framing: BodyFraming) {
    let is_set = |name: &[u8]| proxy.set_headers.iter().any(|h| *h.lower == *name);
    match framing {
        BodyFraming::Length(n) if !is_set(b"content-length") => {
            out.extend_from_slice(format!("Content-Length: {n}\r\n").as_bytes());
        }
        BodyFraming::Chunked if !is_set(b"transfer-encoding") => {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        _ => {}
    }
}

/// The client's fields, but those that the file sets and those of the connection itself.
fn clients_fields(out: &mut BytesMut, r: &Request, notes: &mut Notes) {
    let set = &r.location.proxy.set_headers;
    for (name, value) in r.head.pairs() {
        if OWN.iter().any(|own| own.eq_ignore_ascii_case(name))
            || set.iter().any(|h| h.lower.eq_ignore_ascii_case(name))
        {
            notes.left_out(r, name);
            continue;
        }
        let start = out.len();
        out.extend_from_slice(name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        notes.line(out, start, || Origin::Client);
    }
}

/// How the body behind the head is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    None,
    Length(u64),
    Chunked,
}

fn set_header(out: &mut BytesMut, header: &SetHeader, r: &Request) {
    let start = out.len();
    out.extend_from_slice(&header.name);
    out.extend_from_slice(b": ");
    let value_at = out.len();
    variables::append(&header.value, r, out);
    if out.len() == value_at {
        // An empty value sends no such field.
        out.truncate(start);
        return;
    }
    out.extend_from_slice(b"\r\n");
}

/// The target sent: with a URI part the location's name is replaced by it; without one, and where the client's URI
/// was not changed, it goes on exactly as it came.
fn request_target(r: &Request, target: &Target, out: &mut BytesMut) {
    if let Some(uri) = target.uri.as_ref().filter(|_| target.whole) {
        out.extend_from_slice(uri);
        return;
    }
    let replacement = target.uri.as_ref().filter(|uri| !uri.is_empty());
    if replacement.is_none() && r.uri_as_received && r.head.valid_unparsed_uri {
        out.extend_from_slice(r.head.unparsed_uri.of(&r.head.raw));
        return;
    }
    let cut = match replacement {
        Some(uri) if r.valid_location => {
            out.extend_from_slice(uri);
            target.location_len.min(r.uri.len())
        }
        Some(_) => 0,
        None => 0,
    };
    let rest = r.uri.get(cut..).unwrap_or_default();
    if r.head.quoted_uri || r.internal {
        escape_uri(rest, out, Escape::Uri);
    } else {
        out.extend_from_slice(rest);
    }
    if !r.args.is_empty() {
        out.extend_from_slice(b"?");
        out.extend_from_slice(&r.args);
    }
}
