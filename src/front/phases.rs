//! A request's way through the front, top to bottom: choose, rewrite, access, content, filters.

use std::future::Future;
use std::task::Poll;

use bytes::{Bytes, BytesMut};

use crate::config::model::{Handler, Location, LocationKind, LogLevel};
use crate::config::regex::MatchError;
use crate::wire::answer::Answer;
use crate::wire::escape::{Escape, escape_uri};
use crate::wire::head::Reading;
use crate::wire::serve::Gone;

use super::choose::{self, Chosen, Matched};
use super::reply::{Flow, Reply, ReplyBody};
use super::request::Request;
use super::rewrite::{self, Rewritten};
use super::trace::{self, LocationSearch, Step};
use super::{access, empty_gif, files, filter, log, proxy, status};

mod inside;
mod special;

use inside::{internal_redirect, named_location, split_args};
use special::special;

/// Answers a request: the phases again and again until one gives an answer.
pub async fn run(r: &mut Request) -> Answer {
    // nginx then has no server that could answer, not even with an error.
    if let Some(error) = r.unchosen.take() {
        let message = format!("pcre2_match() failed: {error}{}", Reading::Fields.context());
        log::error(r, LogLevel::Alert, &message);
        return silent(r, 500);
    }
    let mut flow = match refused_head(r) {
        Some(status) => Flow::Status(status),
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

/// The status for a head that cannot be served.
fn refused_head(r: &mut Request) -> Option<u16> {
    let bad = r.head.bad.as_ref()?;
    let (status, linger) = (bad.status, bad.linger);
    let reading = bad.reading.of(r.connection.pipelined.get());
    let message = [&bad.message, reading.context().as_bytes()].concat();
    log::error_bytes(r, LogLevel::Info, &message);
    r.lingering = linger;
    Some(status)
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
        Gone::TimedOut => (
            408,
            "client timed out (110: Connection timed out)".to_owned(),
        ),
        Gone::Closed => (400, "client prematurely closed connection".to_owned()),
        Gone::Failed(code) => {
            let reason = log::os_error(&std::io::Error::from_raw_os_error(code));
            (400, format!("recv() failed ({reason})"))
        }
    };
    let reading = match r.head.method_name.is_empty() {
        true => Reading::RequestLine.of(r.connection.pipelined.get()),
        false => Reading::Fields,
    };
    log::error(r, LogLevel::Info, &format!("{what}{}", reading.context()));
    r.keep_alive = false;
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
    r.body.promise_continue();
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
    match r.handler {
        None => files::content(r),
        Some(Handler::StubStatus) => status::content(r),
        Some(Handler::Proxy) if r.filter_finalized => at_once(r).await,
        Some(Handler::Proxy) => proxy::content(r).await,
        Some(Handler::EmptyGif) => empty_gif::content(r),
    }
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
    r.handler = None;
    let chosen = match search_location(r) {
        Ok(chosen) => chosen,
        Err(error) => {
            let message = format!("pcre2_match() failed: {error}");
            log::error(r, LogLevel::Alert, &message);
            return Flow::Status(500);
        }
    };
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
    if is_too_large(r) {
        return Flow::Status(413);
    }
    match slash {
        Some(location) => add_slash(r, &location),
        None => Flow::Declined,
    }
}

/// Searches for the location of the URI; where it is a regex, its groups are kept.
fn search_location(r: &mut Request) -> Result<Chosen, MatchError> {
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
    if found.is_ok()
        && let Some(matched) = matched
    {
        r.set_captures(matched);
    }
    found
}

/// `client_max_body_size`, as far as the head announces the body.
fn is_too_large(r: &mut Request) -> bool {
    let limit = r.location.core.client_max_body_size;
    let announced = r.head.content_length;
    let Some(length) = announced.filter(|&n| limit > 0 && n > limit && !r.discarding) else {
        return false;
    };
    r.note(|| Step::Refused {
        directive: trace::place(&r.model, r.location.span),
        reason: format!(
            "the body has {length} bytes, and `client_max_body_size` is {limit} bytes here"
        ),
        status: 413,
    });
    let message = format!("client intended to send too large body: {length} bytes");
    log::error(r, LogLevel::Error, &message);
    r.body.forget_expect();
    r.discarding = true;
    // Chunks cannot be wrong: a length was said.
    let _ = discard(r);
    true
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

/// Nothing is sent, the connection ends.
pub fn silent(r: &mut Request, status: u16) -> Answer {
    r.status.set(status);
    r.terminated = true;
    let interim = if r.body.is_promised() {
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

/// For messages.
pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
