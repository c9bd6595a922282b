//! An answer's head as bytes: status line and fields, in nginx's order.

use std::cell::RefCell;
use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};

use crate::config::model::{ListenAddress, ServerTokens};
use crate::config::net;
use crate::config::written;
use crate::front::field_lines::{FieldLines, LineFeeds};
use crate::front::reply::Reply;
use crate::front::request::Request;
use crate::front::{pages, variables};
use crate::wire::date;
use crate::wire::digits::put_decimal;

/// A head, ready to be sent.
pub(super) struct Head {
    pub(super) bytes: Bytes,
    /// Where the fields begin that variables can read: behind the status line and our own `Server` and `Date`.
    fields_at: usize,
    feeds: LineFeeds,
}

impl Head {
    pub(super) fn fields(&self) -> FieldLines {
        self.feeds.of(&self.bytes, self.fields_at)
    }
}

/// How far a head came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Filters still look at it: a `Location` is what it was given, a type has no charset added.
    Filtered,
    /// As it is sent.
    Sent { chunked: bool },
}

/// Status line and fields in nginx's order.
pub(super) fn head_bytes(r: &Request, reply: &Reply, stage: Stage) -> Head {
    let mut out = BytesMut::with_capacity(256 + 48 * reply.headers.len());
    status_line(&mut out, reply);
    if !reply.has_server {
        field(&mut out, b"Server", product(r).as_bytes());
    }
    if !reply.has_date {
        date_field(&mut out);
    }
    let fields_at = out.len();
    let mut feeds = LineFeeds::default();
    content_fields(&mut out, &mut feeds, reply, stage);
    let location = location_value(reply);
    let absolute = location.filter(|l| {
        l.starts_with(b"/") && r.location.core.absolute_redirect && stage != Stage::Filtered
    });
    if let Some(path) = absolute {
        let start = out.len();
        absolute_location(&mut out, r, path);
        feeds.note(&out, start);
        // It stands before the list of fields now.
        r.location_is_second.set(false);
    }
    if stage == (Stage::Sent { chunked: true }) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    connection_fields(&mut out, r, reply);
    if r.location.filters.gzip.vary && r.accepts.get().vary {
        out.extend_from_slice(b"Vary: Accept-Encoding\r\n");
    }
    if absolute.is_none()
        && let Some(location) = &reply.location
    {
        let start = out.len();
        field(&mut out, b"Location", location);
        feeds.note(&out, start);
    }
    for (i, (name, value)) in reply.headers.iter().enumerate() {
        if absolute.is_some() && reply.location_at == Some(i) {
            continue;
        }
        let start = out.len();
        field(&mut out, name, value);
        feeds.note(&out, start);
    }
    out.extend_from_slice(b"\r\n");
    Head {
        bytes: out.freeze(),
        fields_at,
        feeds,
    }
}

fn status_line(out: &mut BytesMut, reply: &Reply) {
    out.extend_from_slice(b"HTTP/1.1 ");
    match (&reply.status_line, pages::status_line(reply.status)) {
        (Some(line), _) => out.extend_from_slice(line),
        (None, Some(line)) => out.extend_from_slice(line.as_bytes()),
        (None, None) => print(out, format_args!("{:03} ", reply.status)),
    }
    out.extend_from_slice(b"\r\n");
}

/// What the content is: its type, length and age.
fn content_fields(out: &mut BytesMut, feeds: &mut LineFeeds, reply: &Reply, stage: Stage) {
    if !reply.content_type.is_empty() {
        let start = out.len();
        out.extend_from_slice(b"Content-Type: ");
        match stage {
            Stage::Filtered => out.extend_from_slice(&reply.content_type),
            Stage::Sent { .. } => reply.put_type(out),
        }
        out.extend_from_slice(b"\r\n");
        feeds.note(out, start);
    }
    if let Some(length) = reply.content_length {
        out.extend_from_slice(b"Content-Length: ");
        put_decimal(out, length);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(time) = reply.last_modified
        && !reply.last_modified_in_headers
    {
        field(out, b"Last-Modified", date::http_time(time).as_bytes());
    }
}

fn location_value(reply: &Reply) -> Option<&Bytes> {
    reply.location.as_ref().or_else(|| {
        reply
            .headers
            .get(reply.location_at?)
            .map(|(_, value)| value)
    })
}

fn connection_fields(out: &mut BytesMut, r: &Request, reply: &Reply) {
    if reply.status == 101 {
        out.extend_from_slice(b"Connection: upgrade\r\n");
    } else if r.keep_alive {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
        if r.location.core.keepalive_header > 0 {
            print(
                out,
                format_args!(
                    "Keep-Alive: timeout={}\r\n",
                    r.location.core.keepalive_header
                ),
            );
        }
    } else {
        out.extend_from_slice(b"Connection: close\r\n");
    }
}

/// The product's name as `server_tokens` lets it be told.
pub fn product(r: &Request) -> &str {
    match r.location.core.server_tokens {
        ServerTokens::Off => &r.worker.product.short,
        ServerTokens::On | ServerTokens::Build => &r.worker.product.full,
    }
}

fn absolute_location(out: &mut BytesMut, r: &Request, path: &[u8]) {
    let core = &r.location.core;
    out.extend_from_slice(b"Location: http://");
    if core.server_name_in_redirect {
        out.extend_from_slice(&r.server.name);
    } else if !r.head.host.is_empty() {
        out.extend_from_slice(&r.head.host);
    } else if let Some(local) = r.connection.local {
        print(out, format_args!("{}", local.ip()));
    } else if let Some(listen) = r.listen() {
        out.extend_from_slice(&written::bytes(&net::text(&listen.address)));
    }
    let port = match r.listen().map(|l| &l.address) {
        Some(ListenAddress::Inet(address)) => address.port(),
        _ => 0,
    };
    if core.port_in_redirect && port != 80 && port != 0 {
        print(out, format_args!(":{port}"));
    }
    out.extend_from_slice(path);
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn print(out: &mut BytesMut, text: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = out.write_fmt(text);
}

/// `Date`, formatted once a second.
fn date_field(out: &mut BytesMut) {
    thread_local! {
        static CACHE: RefCell<(i64, Bytes)> = const { RefCell::new((-1, Bytes::new())) };
    }
    let now = variables::now();
    CACHE.with_borrow_mut(|(second, line)| {
        if *second != now {
            let mut text = BytesMut::new();
            field(&mut text, b"Date", date::http_time(now).as_bytes());
            (*second, *line) = (now, text.freeze());
        }
        out.extend_from_slice(line);
    });
}
