//! An upstream's answer as the client will see it: fields passed, hidden, rewritten; the body at its own pace.

use std::task::{Context, Poll};

use awc::ClientResponse;
use bytes::Bytes;
use futures::Stream;

use crate::config::model::{ProxyRedirect, RedirectFrom};
use crate::front::choose::Matched;
use crate::front::reply::{Reply, ReplyBody};
use crate::front::request::Request;
use crate::front::variables;
use crate::wire::answer::{BodyStream, ReadAhead, StreamCut};
use crate::wire::date::parse_http_time;
use crate::wire::head::{AnswerHead, Field, Known};

use super::cookies;
use super::pieces::{Coming, Pieces};
use super::replaced::Value;
use super::transport::Shared;

/// The head of the reply (nginx's `ngx_http_upstream_process_headers`).
pub fn reply(r: &mut Request, head: &AnswerHead) -> Reply {
    let mut reply = Reply {
        conditional: false,
        ..Reply::new(head.status)
    };
    reply.status_line = Some(head.status_line.share(&head.raw));
    let location = r.location.clone();
    let force_ranges = location.proxy.force_ranges;
    reply.allow_ranges = force_ranges;
    reply.single_range = force_ranges;
    let hidden = &location.proxy.hide_headers;
    for field in &head.fields {
        let name = field.name.of(&head.raw);
        if hidden.iter().any(|h| h.eq_ignore_ascii_case(name)) {
            continue;
        }
        let value = field.value.share(&head.raw);
        let name = field.name.share(&head.raw);
        match field.known {
            // Of the connection with the upstream, or said anew by the header filter.
            Known::Connection
            | Known::KeepAlive
            | Known::TransferEncoding
            | Known::ContentLength => {}
            Known::ContentType => content_type(&mut reply, value),
            Known::AcceptRanges if force_ranges => {}
            Known::Etag => {
                reply.etag = Some(value.clone());
                reply.headers.push((name, value));
            }
            Known::LastModified => {
                reply.last_modified = parse_http_time(&value);
                reply.last_modified_in_headers = true;
                reply.headers.push((name, value));
            }
            Known::Location => redirected(r, &mut reply, name, &at(field, value)),
            Known::SetCookie => {
                let value = cookies::rewrite(r, &at(field, value));
                reply.headers.push((name, value));
            }
            Known::Refresh => {
                let value = refresh(r, &at(field, value));
                reply.headers.push((name, value));
            }
            Known::Server => {
                reply.has_server = true;
                reply.headers.push((name, value));
            }
            Known::Date => {
                reply.has_date = true;
                reply.headers.push((name, value));
            }
            _ => reply.headers.push((name, value)),
        }
    }
    // A `Server` or `Date` that may pass and does not come is no reason to say our own.
    let passes = |name: &[u8]| !hidden.iter().any(|h| h.eq_ignore_ascii_case(name));
    reply.has_server = reply.has_server || passes(b"server");
    reply.has_date = reply.has_date || passes(b"date");
    reply
}

/// Keeps the fields that stay with whatever an `X-Accel-Redirect` leads to.
pub fn carry(r: &mut Request, head: &AnswerHead) {
    let mut parsed = Reply::new(0);
    for field in &head.fields {
        let value = field.value.share(&head.raw);
        let value = match field.known {
            Known::ContentType => {
                content_type(&mut parsed, value);
                let carried = (
                    parsed.content_type.clone(),
                    parsed.type_len,
                    parsed.charset.clone(),
                );
                r.carried_type = Some(Box::new(carried));
                continue;
            }
            Known::SetCookie => cookies::rewrite(r, &at(field, value)),
            Known::AcceptRanges if r.location.proxy.force_ranges => continue,
            Known::ContentDisposition
            | Known::CacheControl
            | Known::Expires
            | Known::AcceptRanges => value,
            _ => continue,
        };
        r.carried.push((field.name.share(&head.raw), value));
    }
}

/// The type; a `charset` parameter is found as nginx does. The one of an earlier such field stays where this has none.
fn content_type(reply: &mut Reply, value: Bytes) {
    reply.type_len = None;
    reply.content_type = value.clone();
    let mut at = 0;
    while let Some(semicolon) = value
        .get(at..)
        .and_then(|v| v.iter().position(|&b| b == b';'))
    {
        let semicolon = at + semicolon;
        at = semicolon + 1;
        while value.get(at) == Some(&b' ') {
            at += 1;
        }
        let Some(parameter) = value.get(at..) else {
            return;
        };
        if !parameter
            .get(..8)
            .is_some_and(|p| p.eq_ignore_ascii_case(b"charset="))
        {
            continue;
        }
        let start = at + 8;
        let start = if value.get(start) == Some(&b'"') {
            start + 1
        } else {
            start
        };
        let end = if value.last() == Some(&b'"') {
            value.len() - 1
        } else {
            value.len()
        };
        reply.type_len = Some(semicolon);
        if start < end {
            reply.charset = value.slice(start..end);
        }
        return;
    }
}

/// A field's value with its place.
fn at(field: &Field, bytes: Bytes) -> Value {
    Value {
        bytes,
        start: field.value.start as usize,
        behind: 0,
    }
}

fn redirected(r: &mut Request, reply: &mut Reply, name: Bytes, value: &Value) {
    let rewritten = rewrite(r, value, 0);
    // It is the header filter's if a rule rewrote it; where there are no rules, if it is no path.
    let rules = !r.location.proxy.redirect.is_empty();
    if rewritten.is_some() || !rules && !value.bytes.starts_with(b"/") {
        reply.location_at = Some(reply.headers.len());
    }
    let value = rewritten.unwrap_or_else(|| value.bytes.clone());
    reply.headers.push((name, value));
}

/// `Refresh: 5; url=…` is rewritten like `Location`.
fn refresh(r: &mut Request, value: &Value) -> Bytes {
    let at = value
        .bytes
        .windows(4)
        .position(|w| w.eq_ignore_ascii_case(b"url="));
    at.and_then(|at| rewrite(r, value, at + 4))
        .unwrap_or_else(|| value.bytes.clone())
}

/// `proxy_redirect`: the first rule that matches the value behind `prefix`.
fn rewrite(r: &mut Request, value: &Value, prefix: usize) -> Option<Bytes> {
    let location = r.location.clone();
    location
        .proxy
        .redirect
        .iter()
        .find_map(|rule| apply(r, rule, value, prefix))
}

fn apply(r: &mut Request, rule: &ProxyRedirect, value: &Value, prefix: usize) -> Option<Bytes> {
    let all = value.bytes.len();
    let subject = value.bytes.slice(prefix.min(all)..);
    let end = match &rule.from {
        RedirectFrom::Prefix(template) => {
            let pattern = variables::evaluate(template, r);
            subject
                .starts_with(&pattern)
                .then_some(prefix + pattern.len())?
        }
        // Whatever it matched, the whole is replaced.
        RedirectFrom::Regex(regex) => {
            let captures = regex.captures(&subject).ok().flatten()?;
            r.set_captures(Matched {
                regex: regex.clone(),
                captures,
                subject: subject.clone(),
            });
            all
        }
    };
    let to = variables::evaluate(&rule.to, r);
    value.replaced(prefix..end, &to, &r.upstreams)
}

/// Told once how an exchange ended: whether its body came whole.
pub type Finish = Box<dyn FnOnce(&Shared, bool)>;

/// The body of a proxied answer.
pub struct ProxiedBody {
    pub exchange: Shared,
    /// `None` once it was read to its end.
    pub response: Option<ClientResponse>,
    pub ahead: ReadAhead,
    /// `proxy_buffering on`.
    pub buffering: bool,
    pub watch_client: bool,
    /// Called once, when part of the body had to wait in a file.
    pub spilled: Option<Box<dyn FnOnce(u64)>>,
    /// Called once, with whether the body came whole, when no more of it will be read.
    pub finish: Option<Finish>,
    pub pieces: Pieces,
    /// Some of it was asked for.
    pub begun: bool,
    /// The source ended: properly, or by a cut.
    pub over: Option<Option<StreamCut>>,
}

/// A body that nobody reads (a filter answers in its place) ends its exchange too.
impl Drop for ProxiedBody {
    fn drop(&mut self) {
        self.end(false);
    }
}

impl ProxiedBody {
    fn end(&mut self, whole: bool) {
        if let Some(finish) = self.finish.take() {
            finish(&self.exchange, whole);
        }
    }

    /// A piece of what came so far.
    fn next_piece(&mut self, coming: Coming) -> Option<Bytes> {
        let mut exchange = self.exchange.borrow_mut();
        self.pieces.next(coming, exchange.layout())
    }

    /// Bytes from awc, as they come.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        let Some(response) = &mut self.response else {
            return Poll::Ready(None);
        };
        self.exchange.borrow_mut().make_room(&mut self.pieces);
        match std::pin::Pin::new(response).poll_next(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(bytes))),
            Poll::Ready(Some(Err(_))) => {
                let invalid = self.exchange.borrow().is_invalid();
                Poll::Ready(Some(Err(if invalid {
                    StreamCut::Invalid
                } else {
                    StreamCut::Closed
                })))
            }
            Poll::Ready(None) => Poll::Ready(None),
        }
    }
}

impl BodyStream for ProxiedBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        if !std::mem::replace(&mut self.begun, true) {
            self.exchange.borrow_mut().begin_body();
        }
        loop {
            let coming = match self.over {
                Some(_) => Coming::Nothing,
                None => Coming::Maybe,
            };
            if let Some(piece) = self.next_piece(coming) {
                return Poll::Ready(Some(Ok(piece)));
            }
            if let Some(end) = self.over {
                let whole = end.is_none();
                self.end(whole);
                return Poll::Ready(end.map(Err));
            }
            match self.poll_bytes(cx) {
                Poll::Pending => {
                    return match self.next_piece(Coming::Later) {
                        Some(piece) => Poll::Ready(Some(Ok(piece))),
                        None => Poll::Pending,
                    };
                }
                Poll::Ready(Some(Ok(bytes))) => {
                    if let Some(piece) = self.pieces.take(bytes) {
                        return Poll::Ready(Some(Ok(piece)));
                    }
                }
                Poll::Ready(end) => {
                    // First what came, then the end or the cut; where no more can come, or after chunks that are none,
                    // nothing that was held back.
                    self.over = Some(end.and_then(Result::err));
                    // What awc holds for it goes at once.
                    self.response = None;
                    let exchange = self.exchange.borrow();
                    if exchange.is_lost() || exchange.is_invalid() {
                        self.pieces.forget();
                    }
                }
            }
        }
    }

    fn poll_pump(&mut self, cx: &mut Context<'_>) {
        if let Ok(mut exchange) = self.exchange.try_borrow_mut() {
            exchange.poll_pump(cx);
        }
    }

    fn ahead(&self) -> ReadAhead {
        self.ahead.clone()
    }

    fn eager(&self) -> bool {
        !self.buffering
    }

    fn apart(&self) -> bool {
        self.pieces.apart()
    }

    fn take_ends(&mut self) -> Vec<usize> {
        self.pieces.take_ends()
    }

    fn is_over(&self) -> bool {
        self.over.is_some()
    }

    fn watches_client(&self) -> bool {
        self.watch_client
    }

    fn spilled(&mut self, number: u64) {
        if let Some(spilled) = self.spilled.take() {
            spilled(number);
        }
    }

    fn abandon(&mut self) {
        self.exchange.borrow_mut().abandon();
        self.end(false);
    }
}

/// Attaches the body to its reply.
pub fn attach(reply: &mut Reply, body: ProxiedBody) {
    reply.body = ReplyBody::Stream(Box::new(body));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charset_is_found() {
        let mut reply = Reply::new(200);
        content_type(
            &mut reply,
            Bytes::from_static(b"text/html;charset=\"utf-8\""),
        );
        assert_eq!(
            (reply.bare_type(), &reply.charset[..]),
            (&b"text/html"[..], &b"utf-8"[..])
        );
        content_type(
            &mut reply,
            Bytes::from_static(b"multipart/form-data; boundary=x"),
        );
        assert_eq!(
            (reply.bare_type(), &reply.charset[..]),
            (&b"multipart/form-data; boundary=x"[..], &b"utf-8"[..]),
            "the charset of an earlier field stays"
        );
        let mut reply = Reply::new(200);
        content_type(
            &mut reply,
            Bytes::from_static(b"multipart/form-data; boundary=x"),
        );
        assert_eq!(
            (reply.bare_type(), &reply.charset[..]),
            (&b"multipart/form-data; boundary=x"[..], &b""[..])
        );
    }
}
