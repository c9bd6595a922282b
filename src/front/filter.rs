//! The filters an answer passes on its way out: conditions, added headers, ranges, chunks, and at last the head's bytes.

use bytes::Bytes;

use crate::config::template::{Part, Template};
use crate::config::variables::Var;
use crate::wire::answer::{Answer, Body, PieceOf};
use crate::wire::body::CONTINUE;
use crate::wire::date;
use crate::wire::head::Method;

use super::filters::body::{BodyFilter, Filtered, Source};
use super::filters::{self, Plan};
use super::reply::{Reply, ReplyBody};
use super::request::{Remains, Request};
use super::{conditional, ranges, user_id, variables};

mod head;
mod policy;

pub use head::product;
use head::{Stage, head_bytes};
pub use policy::policy;

/// What a filter puts in the place of a reply.
pub enum Instead {
    /// A status: 412, 416.
    Status(u16),
    /// Nothing: the connection ends, and the log has this status.
    Silence(u16),
}

/// Turns a reply into an answer, in nginx's order of filters.
///
/// # Errors
/// What takes the reply's place.
pub fn apply(r: &mut Request, mut reply: Reply) -> Result<Answer, Instead> {
    carry_over(r, &mut reply);
    r.status.set(reply.status);
    if let Err(status) = conditional::apply(r, &mut reply) {
        r.filter_finalized = true;
        // nginx forgets all that it knew of the answer.
        r.override_charset = None;
        r.user_id.take();
        r.body.promise_continue();
        return Err(Instead::Status(status));
    }
    r.status.set(reply.status);
    let mut plan = Plan {
        trailers: r.expects_trailers.get(),
        ..Plan::default()
    };
    let active = r.location.filters.active || reply.override_charset.is_some();
    let before = active.then(|| filters::before_headers(r, &mut reply));
    add_headers(r, &mut reply);
    user_id::apply(r, &mut reply).map_err(|filters::GivenUp| given_up(r, &reply))?;
    if let Some(before) = before {
        plan = filters::after_headers(r, before, &mut reply)
            .map_err(|filters::GivenUp| given_up(r, &reply))?;
    }
    if let Err(status) = ranges::apply(r, &mut reply) {
        r.user_id.take();
        // What the answer was to say stays, and the body was thrown away for it.
        r.redirect_to = reply.location.take();
        r.remains = Remains {
            charset: std::mem::take(&mut reply.charset),
            allow_ranges: reply.allow_ranges,
            single_range: reply.single_range,
            last_modified: reply.last_modified,
            last_modified_in_headers: reply.last_modified_in_headers,
            location_first: r.redirect_to.is_some(),
        };
        (r.carries_server, r.carries_date) = (reply.has_server, reply.has_date);
        r.body.promise_continue();
        return Err(Instead::Status(status));
    }
    Ok(finish(r, reply, plan))
}

/// What was set before the reply was made, by a redirect inside or an answer that another one replaces, stays with it.
fn carry_over(r: &mut Request, reply: &mut Reply) {
    let is_proxied = reply.status_line.is_some();
    if r.err_status != 0 {
        reply.status = r.err_status;
        reply.status_line = None;
    }
    // It stays with whatever answers in the end, be it an `error_page`.
    if let Some(earlier) = r.redirect_to.take() {
        if reply.location_at.is_none() {
            reply.location = Some(earlier);
        } else {
            r.carried.push((Bytes::from_static(b"Location"), earlier));
            r.location_is_second.set(true);
        }
    }
    if !r.carried.is_empty() {
        let mut headers = std::mem::take(&mut r.carried);
        if let Some(at) = &mut reply.location_at {
            *at += headers.len();
        }
        // A redirect's came after them, unless they are what a 416 left behind it.
        if let Some(location) = reply.location.take() {
            let at = match r.remains.location_first {
                true => 0,
                false => headers.len(),
            };
            reply.location_at = Some(at);
            headers.insert(at, (Bytes::from_static(b"Location"), location));
        }
        headers.append(&mut reply.headers);
        reply.headers = headers;
    }
    if let Some((content_type, len, charset)) = r.carried_type.take().map(|carried| *carried) {
        if reply.content_type == content_type || is_proxied && reply.content_type.is_empty() {
            (reply.content_type, reply.type_len, reply.charset) = (content_type, len, charset);
        } else if content_type.is_empty() {
            // A type that is empty gives way; the charset of one before it stays.
            reply.charset = charset;
        }
    }
    let remains = std::mem::take(&mut r.remains);
    if reply.charset.is_empty() {
        reply.charset = remains.charset;
    }
    // The standard page is no part of the file.
    if !reply.standard {
        reply.allow_ranges |= remains.allow_ranges;
        reply.single_range |= remains.single_range;
        reply.last_modified = reply.last_modified.or(remains.last_modified);
        reply.last_modified_in_headers |= remains.last_modified_in_headers;
    }
    reply.has_server |= r.carries_server;
    reply.has_date |= r.carries_date;
    reply.override_charset = r.override_charset.clone();
}

/// The log tells of the head as far as it was made.
fn given_up(r: &Request, reply: &Reply) -> Instead {
    *r.sent_fields.borrow_mut() = head_bytes(r, reply, Stage::Filtered).fields();
    r.body.promise_continue();
    Instead::Silence(reply.status)
}

/// The `100 Continue` that is still owed.
pub fn interim(r: &Request) -> Bytes {
    match r.body.take_continue() {
        true => Bytes::from_static(CONTINUE),
        false => Bytes::new(),
    }
}

/// Statuses whose answers get headers and trailers without `always`.
pub fn is_safe(status: u16) -> bool {
    matches!(
        status,
        200 | 201 | 204 | 206 | 301 | 302 | 303 | 304 | 307 | 308
    )
}

/// `add_header`: for these statuses only, but where `always` is given.
fn add_headers(r: &Request, reply: &mut Reply) {
    if r.location.core.add_headers.is_empty() {
        return;
    }
    let safe = is_safe(reply.status);
    for header in r
        .location
        .core
        .add_headers
        .iter()
        .filter(|h| safe || h.always)
    {
        note_sent_fields(r, reply, &header.value);
        let value = variables::evaluate(&header.value, r);
        // These two stand for the answer's own field of that name, be it by having none.
        let is_time = header.name.eq_ignore_ascii_case(b"last-modified");
        if is_time {
            // Later filters (`If-Range`) compare with this one.
            reply.last_modified = date::parse_http_time(&value);
            reply.last_modified_in_headers = true;
        }
        let replaces = is_time || header.name.eq_ignore_ascii_case(b"etag");
        let same = |(name, _): &(Bytes, Bytes)| name.eq_ignore_ascii_case(&header.name);
        let old = reply.headers.iter().rposition(same);
        match old.filter(|_| replaces) {
            Some(at) if value.is_empty() => reply.remove_header_at(at),
            Some(at) => reply.headers[at] = (header.name.clone(), value),
            None if value.is_empty() => {}
            None => reply.headers.push((header.name.clone(), value)),
        }
    }
}

/// A value that reads `$sent_http_…`, by itself or by a map, sees the fields that are set so far.
pub fn note_sent_fields(r: &Request, reply: &Reply, value: &Template) {
    let is_mapped = |part: &Part| matches!(part, Part::Variable(Var::Slot(_)));
    let by_map = r.model.maps_read_sent && value.parts.iter().any(is_mapped);
    if by_map || value.reads_sent() {
        *r.sent_fields.borrow_mut() = head_bytes(r, reply, Stage::Filtered).fields();
    }
}

/// Framing, the connection's fate, and the head.
fn finish(r: &mut Request, mut reply: Reply, mut plan: Plan) -> Answer {
    // A 204 of our own has no fields of a body; one of an upstream's is passed on with what it says.
    if reply.status == 204 && reply.status_line.is_none() {
        reply.content_type = Bytes::new();
        reply.content_length = None;
        reply.last_modified = None;
    }
    // HTTP/0.9 has no head; the log's `$sent_http_…` has its fields all the same.
    let headless = r.head.version < 1000 || r.answer_bare;
    // An upstream's answer that has no body goes through the filters all the same, which may refuse it.
    let runs_empty = reply.status_line.is_some() && !plan.filters.is_empty();
    let head_only =
        !headless && r.method == Method::Head || matches!(reply.status, 204 | 304) && !runs_empty;
    if !matches!(reply.status, 200 | 206 | 304) {
        reply.last_modified = None;
    }
    let chunked = chooses_chunked(r, &mut reply, plan.trailers);
    r.status.set(reply.status);
    let stage = match headless {
        true => Stage::Filtered,
        false => Stage::Sent { chunked },
    };
    let head = head_bytes(r, &reply, stage);
    *r.sent_fields.borrow_mut() = head.fields();
    if !headless {
        r.head_sent.set(head.bytes.len() as u64);
    }
    for filter in &mut plan.filters {
        filter.head_made(r);
    }
    let mut framed = chunked && !head_only;
    let has_trailers = framed && plan.trailers;
    let body = match head_only && !must_run(&reply) {
        true => Body::None,
        false => body_of(
            r,
            (reply.status, reply.body),
            plan,
            has_trailers,
            &mut framed,
        ),
    };
    let interim = interim(r);
    Answer {
        head: match headless {
            true => Bytes::new(),
            false => head.bytes,
        },
        interim,
        body,
        chunked: framed,
        trailers: None,
        has_trailers,
        keep_alive: r.keep_alive && !r.filter_finalized,
        policy: policy(r),
        done: None,
        silent: false,
        reset: false,
    }
}

/// A connection that was handed over runs on without a body, too.
fn must_run(reply: &Reply) -> bool {
    matches!(reply.body, ReplyBody::Stream(_)) && reply.upgrade
}

/// The body as it is sent; `framed` is taken back where it comes with its own chunk around it.
fn body_of(
    r: &Request,
    (status, content): (u16, ReplyBody),
    plan: Plan,
    has_trailers: bool,
    framed: &mut bool,
) -> Body {
    if has_trailers && plan.filters.is_empty() && r.location.core.sendfile {
        return match content {
            ReplyBody::File(..) | ReplyBody::Pieces(..) => {
                *framed = false;
                in_one_chunk(body(content), &filters::trailers(r, status))
            }
            other => body(other),
        };
    }
    if plan.filters.is_empty() && !has_trailers {
        return body(content);
    }
    filtered(r, content, plan.filters)
}

/// A body of unknown length goes in chunks to HTTP/1.1, and to the end of the connection for others.
fn chooses_chunked(r: &mut Request, reply: &mut Reply, trailers: bool) -> bool {
    if matches!(reply.status, 204 | 304) || reply.status < 200 || r.method == Method::Head {
        return false;
    }
    if reply.content_length.is_some() && !trailers {
        return false;
    }
    if r.head.version < 1001 || !r.location.core.chunked_transfer_encoding {
        if reply.content_length.is_none() {
            r.keep_alive = false;
        }
        return false;
    }
    // Trailers stand behind the last chunk.
    reply.content_length = None;
    true
}

/// A body whose bytes go through filters, or in portions that end with trailers.
fn filtered(r: &Request, body: ReplyBody, filters: Vec<Box<dyn BodyFilter>>) -> Body {
    let (number, size) = r.location.filters.output_buffers;
    let size = size as u64;
    let in_portions = |file, pieces: Vec<PieceOf>| Source::File {
        file,
        // nginx makes its only buffer a little larger for what then fits as a whole (`ngx_output_chain_get_buf`), if it is
        // not one of several ranges.
        size: match pieces[..] {
            [PieceOf::File(_, len)] if number == 1 && len < size + size / 4 => size.max(len),
            _ => size,
        },
        pieces: pieces.into(),
    };
    let source = match body {
        ReplyBody::None => Source::Empty,
        ReplyBody::Bytes(bytes) => Source::Memory(bytes),
        ReplyBody::File(file, len) => in_portions(file, vec![PieceOf::File(0, len)]),
        ReplyBody::Pieces(file, pieces) => in_portions(file, pieces),
        ReplyBody::Stream(stream) if filters.is_empty() => return Body::Stream(stream),
        ReplyBody::Stream(stream) => Source::Stream(stream),
    };
    Body::Stream(Box::new(Filtered::new(source, filters)))
}

/// Pieces of a file as one chunk, so that they can still leave by `sendfile`.
fn in_one_chunk(body: Body, trailers: &Bytes) -> Body {
    let Body::Pieces { file, mut pieces } = body else {
        return body;
    };
    let total: u64 = pieces
        .iter()
        .map(|piece| match piece {
            PieceOf::Memory(bytes) => bytes.len() as u64,
            PieceOf::File(_, len) => *len,
        })
        .sum();
    let size = Bytes::from(format!("{total:x}\r\n"));
    pieces.insert(0, PieceOf::Memory(size));
    let end = [b"\r\n0\r\n", &trailers[..], b"\r\n"].concat();
    pieces.push(PieceOf::Memory(Bytes::from(end)));
    Body::Pieces { file, pieces }
}

fn body(body: ReplyBody) -> Body {
    match body {
        ReplyBody::None => Body::None,
        ReplyBody::Bytes(bytes) => Body::Bytes(bytes),
        ReplyBody::File(file, len) => Body::Pieces {
            file: Some(file),
            pieces: vec![PieceOf::File(0, len)],
        },
        ReplyBody::Pieces(file, pieces) => Body::Pieces {
            file: Some(file),
            pieces,
        },
        ReplyBody::Stream(stream) => Body::Stream(stream),
    }
}
