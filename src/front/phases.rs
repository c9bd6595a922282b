//! A request's way through the front, top to bottom: choose, rewrite, access, content, filters.

use std::future::Future;
use std::task::Poll;

use bytes::{Bytes, BytesMut};

use crate::config::model::{ErrorPage, Location, LocationKind, LogLevel, Overwrite};
use crate::wire::answer::Answer;
use crate::wire::escape::{Escape, escape_uri};
use crate::wire::head::{Method, Reading};
use crate::wire::serve::Gone;

use super::choose::{self, Chosen, Matched};
use super::reply::{Flow, Reply, ReplyBody};
use super::request::Request;
use super::rewrite::{self, Rewritten};
use super::trace::{self, LocationSearch, Step};
use super::{access, files, filter, log, pages, proxy, variables};

/// Answers a request: the phases again and again until one gives an answer.
pub async fn run(r: &mut Request) -> Answer {
    // nginx then has no server that could answer, not even with an error.
    if let Some(error) = r.unchosen.take() {
        let message = format!("pcre2_match() failed: {error}{}", Reading::Fields.context());
        log::error(r, LogLevel::Alert, &message);
        return silent(r, 500);
    }
    let mut flow = match &r.head.bad {
        Some(bad) => {
            let (status, linger) = (bad.status, bad.linger);
            let reading = bad.reading.of(r.connection.pipelined.get());
            let message = [&bad.message, reading.context().as_bytes()].concat();
            log::error_bytes(r, LogLevel::Info, &message);
            r.lingering = linger;
            Flow::Status(status)
        }
        None => {
            log_ignored_fields(r);
            from_the_start(r).await
        }
    };
    loop {
        flow = match flow {
            Flow::Reply(reply) => match discard_body(r, &reply) {
                Err(status) => special(r, status),
                Ok(()) => match filter::apply(r, *reply) {
                    Ok(answer) => return answer,
                    Err(filter::Instead::Status(status)) => special(r, status),
                    Err(filter::Instead::Silence(status)) => Flow::Silent(status),
                },
            },
            // nginx ends these without a page, whatever made them.
            Flow::Status(status @ (408 | 444 | 499)) => Flow::Silent(status),
            Flow::Status(status) => special(r, status),
            Flow::Internal(target) => {
                let (uri, args) = split_args(target);
                Flow::InternalTo { uri, args }
            }
            Flow::InternalTo { uri, args } => match internal_redirect(r, uri, args) {
                // Boxed, so that the future of every request has room for one way through the phases, not for more.
                Ok(()) => Box::pin(from_the_start(r)).await,
                Err(status) => Flow::Status(status),
            },
            Flow::Named(name) => match named_location(r, &name) {
                Ok(()) => Box::pin(in_location(r)).await,
                Err(status) => Flow::Status(status),
            },
            // Content never declines at last; if it did, nothing is here.
            Flow::Declined => Flow::Status(404),
            Flow::Silent(status) => return silent(r, status),
            Flow::Unanswered => {
                return Answer {
                    silent: false,
                    keep_alive: r.keep_alive,
                    policy: filter::policy(r),
                    ..Answer::nothing()
                };
            }
        };
    }
}

/// Fields with invalid names were left out; the log says which.
fn log_ignored_fields(r: &Request) {
    for piece in &r.head.ignored {
        let mut message = b"client sent invalid header line: \"".to_vec();
        message.extend_from_slice(piece.of(&r.head.raw));
        message.push(b'"');
        message.extend_from_slice(Reading::Fields.context().as_bytes());
        log::error_bytes(r, LogLevel::Info, &message);
    }
}

/// A client that left, or took too long, before its head was complete: nothing is sent, the logs say it.
pub fn gone(r: &mut Request, gone: Gone) -> Answer {
    let (status, what) = match gone {
        Gone::TimedOut => (408, "client timed out (110: Connection timed out)"),
        Gone::Closed => (400, "client prematurely closed connection"),
    };
    let reading = match r.head.method_name.is_empty() {
        true => Reading::RequestLine.of(r.connection.pipelined.get()),
        false => Reading::Fields,
    };
    log::error(r, LogLevel::Info, &format!("{what}{}", reading.context()));
    silent(r, status)
}

/// An answer that did not read the body throws away what arrived of it; malformed chunks spoil the answer.
fn discard_body(r: &mut Request, reply: &Reply) -> Result<(), u16> {
    if r.body.is_done()
        || !matches!(
            reply.body,
            ReplyBody::None | ReplyBody::Bytes(_) | ReplyBody::File(..)
        )
    {
        return Ok(());
    }
    if !reply.standard {
        return discard(r);
    }
    if discard(r).is_err() {
        r.keep_alive = false;
    }
    Ok(())
}

/// Throws away what arrived of the body; a client that asks before it sends one is told to.
///
/// # Errors
/// 400 for malformed chunks.
pub fn discard(r: &Request) -> Result<(), u16> {
    r.promise_continue();
    if r.body.is_done() || r.body.has_failed() {
        return Ok(());
    }
    r.body.discard_arrived().map_err(|error| {
        log::error(r, LogLevel::Error, &error.to_string());
        400
    })
}

/// From the server's own rewrite phase on.
async fn from_the_start(r: &mut Request) -> Flow {
    r.location = r.server.scope.clone();
    match rewrite::run(r) {
        Ok(_) => {}
        Err(end) => return end,
    }
    if let Some(end) = unless_declined(find_location(r)) {
        return end;
    }
    in_location(r).await
}

/// What a phase ended with, if it did: nothing of it is kept where the request goes on.
fn unless_declined(flow: Flow) -> Option<Flow> {
    (!matches!(flow, Flow::Declined)).then_some(flow)
}

/// From the chosen location's rewrite phase on.
async fn in_location(r: &mut Request) -> Flow {
    loop {
        // A server's own level was rewritten before.
        if matches!(r.location.kind, LocationKind::Server) {
            break;
        }
        match rewrite::run(r) {
            Ok(Rewritten::Stays) => break,
            Ok(Rewritten::SearchAgain) => {
                r.location = r.server.scope.clone();
                match find_location(r) {
                    Flow::Declined => {}
                    end => return end,
                }
            }
            Err(end) => return end,
        }
    }
    if let Err(end) = access::check(r) {
        return end;
    }
    if let Some(end) = unless_declined(files::try_files(r)) {
        return end;
    }
    if r.is_proxied {
        return match r.filter_finalized {
            true => at_once(r).await,
            false => proxy::content(r).await,
        };
    }
    files::content(r)
}

/// An upstream's answer in the place of one that a filter refused: nginx cannot wait for it any more. It is begun, and ends
/// with the connection.
async fn at_once(r: &mut Request) -> Flow {
    let answered = {
        let mut content = std::pin::pin!(proxy::content(r));
        std::future::poll_fn(|cx| Poll::Ready(content.as_mut().poll(cx))).await
    };
    match answered {
        Poll::Ready(flow) => flow,
        Poll::Pending => {
            r.upstreams.give_up();
            Flow::Silent(r.err_status)
        }
    }
}

/// Chooses the location and checks what can be known then.
fn find_location(r: &mut Request) -> Flow {
    r.uri_changed = false;
    r.is_proxied = false;
    let mut matched: Option<Matched> = None;
    let scope = r.server.scope.clone();
    let found = match r.worker.effects.trace() {
        None => choose::location(&scope, &r.uri, &mut matched, &mut ()),
        Some(trace) => {
            let mut search = LocationSearch::default();
            let found = choose::location(&scope, &r.uri, &mut matched, &mut search);
            if let Ok(chosen) = &found {
                trace.push(search.step(r, chosen));
            }
            found
        }
    };
    let chosen = match found {
        Ok(chosen) => chosen,
        Err(error) => {
            log::error(
                r,
                LogLevel::Alert,
                &format!("pcre2_match() failed: {error}"),
            );
            return Flow::Status(500);
        }
    };
    if let Some(matched) = matched {
        r.set_captures(matched);
    }
    let slash = match chosen {
        Chosen::Final(location) | Chosen::Prefix(location) => {
            r.location = location;
            None
        }
        Chosen::AddSlash(location) => {
            r.location = location.clone();
            Some(location)
        }
        Chosen::None => None,
    };
    if !r.internal && r.location.core.internal {
        r.note(|| Step::Refused {
            directive: trace::place(&r.model, r.location.span),
            reason: "is `internal`, no client is answered from it".to_owned(),
            status: 404,
        });
        return Flow::Status(404);
    }
    r.apply_location_limits();
    let limit = r.location.core.client_max_body_size;
    if let Some(length) = r
        .head
        .content_length
        .filter(|&n| limit > 0 && n > limit && !r.discarding)
    {
        r.note(|| Step::Refused {
            directive: trace::place(&r.model, r.location.span),
            reason: format!(
                "the body has {length} bytes, and `client_max_body_size` is {limit} bytes here"
            ),
            status: 413,
        });
        log::error(
            r,
            LogLevel::Error,
            &format!("client intended to send too large body: {length} bytes"),
        );
        r.body.forget_expect();
        r.discarding = true;
        return Flow::Status(413);
    }
    match slash {
        Some(location) => add_slash(r, &location),
        None => Flow::Declined,
    }
}

/// `/api` → `/api/`, where the latter is proxied.
fn add_slash(r: &mut Request, location: &Location) -> Flow {
    let mut target = BytesMut::new();
    escape_uri(&location.name, &mut target, Escape::Uri);
    if !r.args.is_empty() {
        target.extend_from_slice(b"?");
        target.extend_from_slice(&r.args);
    }
    redirect(r, 301, target.freeze())
}

/// A redirect with its standard page.
pub fn redirect(r: &mut Request, status: u16, location: Bytes) -> Flow {
    r.redirect_to = Some(location);
    Flow::Status(status)
}

/// The URI and what stands behind its first `?` (nginx's `ngx_http_split_args`).
fn split_args(target: Bytes) -> (Bytes, Bytes) {
    match target.iter().position(|&b| b == b'?') {
        Some(at) => (target.slice(..at), target.slice(at + 1..)),
        None => (target, Bytes::new()),
    }
}

/// Another URI from the start (nginx's `ngx_http_internal_redirect`).
fn internal_redirect(r: &mut Request, uri: Bytes, args: Bytes) -> Result<(), u16> {
    r.uri_changes -= 1;
    if r.uri_changes == 0 {
        let message = format!(
            "rewrite or internal redirection cycle while internally redirecting to \"{}\"",
            text(&uri)
        );
        log::error(r, LogLevel::Error, &message);
        return Err(500);
    }
    r.note(|| Step::Internal {
        uri: trace::text(&uri),
        args: trace::text(&args),
    });
    r.uri = uri;
    r.args = args;
    r.internal = true;
    r.uri_as_received = false;
    r.action.set(None);
    r.accepts.take();
    r.valid_location = true;
    r.uri_changed = false;
    r.add_uri_to_alias = false;
    r.forget_contexts();
    // The server's own level counts here, if only for what it says about connections.
    r.location = r.server.scope.clone();
    r.apply_location_limits();
    Ok(())
}

fn named_location(r: &mut Request, name: &Bytes) -> Result<(), u16> {
    r.uri_changes -= 1;
    if r.uri_changes == 0 {
        let message = format!(
            "rewrite or internal redirection cycle while redirect to named location \"{}\"",
            text(name)
        );
        log::error(r, LogLevel::Error, &message);
        return Err(500);
    }
    let Some(location) = r.server.named.get(name).cloned() else {
        log::error(
            r,
            LogLevel::Error,
            &format!("could not find named location \"{}\"", text(name)),
        );
        return Err(500);
    };
    r.note(|| Step::Named {
        location: trace::text(name),
        place: trace::place(&r.model, location.span),
    });
    r.internal = true;
    r.is_proxied = false;
    r.forget_contexts();
    r.location = location;
    r.apply_location_limits();
    Ok(())
}

/// A status without content: the `error_page` for it, or the standard page.
fn special(r: &mut Request, status: u16) -> Flow {
    // Another error on the way to a page counts instead of the first.
    r.err_status = status;
    r.carried_type = None;
    if matches!(status, 400 | 413 | 414 | 497 | 495 | 496 | 500 | 501) {
        r.keep_alive = false;
    }
    if matches!(status, 400 | 495 | 496 | 497) {
        r.lingering = false;
    }
    let pages = r.location.core.error_pages.clone();
    if !r.error_page
        && r.uri_changes != 0
        && let Some(page) = pages.iter().find(|page| page.status == status)
    {
        r.error_page = !r.location.core.recursive_error_pages;
        return error_page(r, page);
    }
    r.body.forget_expect();
    standard_page(r, status)
}

/// Follows an `error_page`: inside, to a named location, or by a redirect.
fn error_page(r: &mut Request, page: &ErrorPage) -> Flow {
    match page.overwrite {
        Overwrite::Keep => {}
        Overwrite::FromTarget => r.err_status = 0,
        Overwrite::Status(other) => r.err_status = other,
    }
    if !matches!(
        page.overwrite,
        Overwrite::FromTarget | Overwrite::Status(200)
    ) {
        r.body.forget_expect();
    }
    let target = variables::evaluate(&page.target, r);
    r.note(|| Step::ErrorPage {
        status: page.status,
        directive: trace::place(&r.model, page.span),
        target: trace::text(&target),
    });
    if target.starts_with(b"/") {
        if r.method != Method::Head {
            r.method = Method::Get;
            r.method_name = Bytes::from_static(b"GET");
        }
        return Flow::Internal(target);
    }
    if target.starts_with(b"@") {
        return Flow::Named(target);
    }
    r.body.forget_expect();
    if !matches!(
        page.overwrite,
        Overwrite::Status(301 | 302 | 303 | 307 | 308)
    ) {
        r.err_status = 302;
    }
    r.redirect_to = Some(target);
    standard_page(r, r.err_status)
}

/// A redirect as a page that sends the browser on (nginx's `ngx_http_send_refresh`, for `msie_refresh`).
fn refresh_page(r: &mut Request) -> Flow {
    let location = r.redirect_to.take().unwrap_or_default();
    let mut body = BytesMut::with_capacity(location.len() + 96);
    body.extend_from_slice(b"<html><head><meta http-equiv=\"Refresh\" content=\"0; URL=");
    escape_uri(&location, &mut body, Escape::Refresh);
    body.extend_from_slice(b"\"></head><body></body></html>\r\n");
    r.err_status = 200;
    let content_type = Bytes::from_static(b"text/html");
    Reply::text(200, content_type, body.freeze()).into_flow()
}

/// The small page of a status (nginx's `ngx_http_send_special_response`).
fn standard_page(r: &mut Request, status: u16) -> Flow {
    if r.location.filters.browsers.msie_refresh
        && r.head.browser.msie
        && r.redirect_to.is_some()
        && (matches!(status, 301 | 302) || r.error_page)
    {
        return refresh_page(r);
    }
    let shown = match status {
        494..=497 => 400,
        other => other,
    };
    r.err_status = shown;
    let padded = r.location.core.msie_padding
        && r.head.version >= 1000
        && (r.head.browser.msie || r.head.browser.chrome);
    let body = pages::standard(status, filter::product(r), padded);
    let content_type = if body.is_empty() {
        Bytes::new()
    } else {
        Bytes::from_static(b"text/html")
    };
    // The page is not the file whose tag and time were noted before a 416.
    for of_file in [&b"etag"[..], b"last-modified", b"accept-ranges"] {
        let same = |(name, _): &(Bytes, Bytes)| name.eq_ignore_ascii_case(of_file);
        if let Some(at) = r.carried.iter().rposition(same) {
            r.carried.remove(at);
        }
    }
    let mut reply = Reply::text(shown, content_type, body);
    reply.standard = true;
    if reply.content_length == Some(0) {
        reply.body = ReplyBody::None;
    }
    reply.into_flow()
}

/// Nothing is sent, the connection ends.
pub fn silent(r: &mut Request, status: u16) -> Answer {
    r.status.set(status);
    r.terminated = true;
    r.keep_alive = false;
    let interim = if r.continues.get() {
        filter::interim(r)
    } else {
        Bytes::new()
    };
    Answer {
        interim,
        policy: filter::policy(r),
        reset: matches!(status, 408 | 444) && r.location.core.reset_timedout_connection,
        ..Answer::nothing()
    }
}

pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
