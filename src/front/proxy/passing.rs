//! Passes an upstream's answer on: its head through the rules, its body as a stream, its connection back to the pool.

use awc::ClientResponse;
use bytes::{Bytes, BytesMut};

use crate::config::model::LogLevel;
use crate::front::reply::{Flow, Reply, ReplyBody};
use crate::front::request::Request;
use crate::front::{log, temporary};
use crate::wire::answer::ReadAhead;
use crate::wire::head::{AnswerHead, Known, Method};

use super::accel;
use super::answer::{self, ProxiedBody};
use super::exchange::Exchange;
use super::groups::Groups;
use super::peers::Choice;
use super::pieces::{Hold, Pieces};
use super::transport::Shared;
use super::tries::{Attempt, Fault};
use super::tunnel::Tunnel;

/// What is done until the answer's head went through the filters.
const READING_HEAD: &str = "reading response header from upstream";
/// And what from then on.
const SENDING: &str = "sending to client";

/// The answer is ready to be sent: an upstream's head has been through the filters.
pub fn sending(r: &Request) {
    if r.action.get() == Some(READING_HEAD) {
        r.action.set(Some(SENDING));
    }
}

/// What became of an answer.
pub enum Answered {
    Flow(Flow),
    Next,
}

/// A head arrived: pass it on, hand it to `error_page`, or try the next peer.
pub fn answered(
    r: &mut Request,
    attempt: &Attempt,
    choice: &mut Choice,
    response: ClientResponse,
) -> Answered {
    let Some(head) = attempt.exchange.borrow().answer() else {
        choice.report(false);
        return Answered::Flow(bare(r, attempt, response));
    };
    r.action.set(Some(READING_HEAD));
    accel::charset(r, &head);
    if head.status >= 300 {
        if choice.tries > 1 && attempt.may_retry(r, choice, Fault::Status(head.status)) {
            let failed = !matches!(head.status, 403 | 404);
            if choice.report(failed) {
                attempt.disabled(r, "reading response header from upstream");
            }
            match failed {
                true => _ = attempt.exchange.borrow_mut().ended(),
                false => release_empty(r, attempt),
            }
            return Answered::Next;
        }
        if r.location.proxy.intercept_errors
            && r.location
                .core
                .error_pages
                .iter()
                .any(|p| p.status == head.status)
        {
            choice.report(false);
            release_empty(r, attempt);
            if head.status == 401 {
                carry_challenge(r, &head);
            }
            r.action.set(Some(SENDING));
            return Answered::Flow(Flow::Status(head.status));
        }
    }
    choice.report(false);
    if let Some(flow) = accel::redirect(r, &head) {
        release_empty(r, attempt);
        return Answered::Flow(flow);
    }
    accel::limit_rate(r, &head);
    r.unlimited = !accel::buffering(r, &head);
    if head.status == 101 && r.head.field(Known::Upgrade).is_some() {
        return Answered::Flow(tunnel(r, attempt, &head));
    }
    let body = body_of(r, attempt, &head, response);
    Answered::Flow(reply_with(r, &head, body))
}

/// A 401 of the upstream's that `error_page` answers still says how to authenticate.
fn carry_challenge(r: &mut Request, head: &AnswerHead) {
    let challenge = head
        .fields
        .iter()
        .find(|f| f.known == Known::WwwAuthenticate);
    r.carried
        .extend(challenge.map(|field| (field.name.share(&head.raw), field.value.share(&head.raw))));
}

/// From here on the connection speaks another protocol.
fn tunnel(r: &mut Request, attempt: &Attempt, head: &AnswerHead) -> Flow {
    let Some((upstream, early)) = attempt.exchange.borrow_mut().take_raw() else {
        return Flow::Status(502);
    };
    r.keep_alive = false;
    let mut reply = answer::reply(r, head);
    reply.upgrade = true;
    reply.body = ReplyBody::Stream(Box::new(Tunnel {
        upstream,
        client: r.connection.clone(),
        early,
        from_client: BytesMut::new(),
        limits: attempt.exchange.borrow().limits(),
        exchange: attempt.exchange.clone(),
        context: log::Context::of(r),
        url: attempt.url(),
    }));
    reply.into_flow()
}

fn reply_with(r: &mut Request, head: &AnswerHead, body: Option<ProxiedBody>) -> Flow {
    let mut reply = answer::reply(r, head);
    let announced = body.as_ref().map(|b| b.exchange.borrow().announced());
    reply.content_length = match announced {
        Some(length) => length,
        // No body follows: the length said is passed on all the same (HEAD, 304).
        None => head.content_length,
    };
    if let Some(body) = body {
        answer::attach(&mut reply, body);
    }
    reply.into_flow()
}

/// An answer without a head: its bytes are passed on as they are, as nginx does.
fn bare(r: &mut Request, attempt: &Attempt, response: ClientResponse) -> Flow {
    let message =
        "upstream sent no valid HTTP/1.0 header while reading response header from upstream";
    log::error_at(r, LogLevel::Error, message, Some(&attempt.url()));
    r.answer_bare = true;
    if !r.location.proxy.buffering {
        attempt.exchange.borrow_mut().unbuffered();
    }
    if attempt.exchange.borrow().has_no_body() {
        too_much(r, attempt);
        attempt.exchange.borrow_mut().begin_body();
    }
    let mut reply = Reply {
        conditional: false,
        ..Reply::new(0)
    };
    let finish = Box::new(|exchange: &Shared, _| {
        exchange.borrow_mut().ended();
    });
    answer::attach(
        &mut reply,
        stream(
            r,
            attempt,
            attempt.exchange.clone(),
            response,
            r.location.proxy.buffering,
            Pieces::AsTheyCome,
            finish,
        ),
    );
    reply.into_flow()
}

/// Ends an exchange, and keeps its connection where it came to its end.
fn release(r: &Request, attempt: &Attempt) -> impl Fn(&Shared, bool) + 'static {
    let pool = r.worker.upstreams.pool.clone();
    let (upstream, address) = (attempt.upstream.clone(), attempt.peer().address.clone());
    move |exchange: &Shared, whole: bool| {
        let mut exchange = exchange.borrow_mut();
        let now = exchange.ended();
        let connection = exchange.take_connection();
        if let (true, Some(rules), Some(connection)) = (whole, &upstream.keepalive, connection) {
            pool.put(upstream.id, address.clone(), connection, rules, now);
        }
    }
}

/// Ends an exchange whose answer goes no further: its connection is kept where no body follows the head.
fn release_empty(r: &Request, attempt: &Attempt) {
    let empty = attempt.exchange.borrow().has_no_body();
    release(r, attempt)(&attempt.exchange, empty);
}

/// The body, or `None` where none follows; then the connection is free already.
fn body_of(
    r: &Request,
    attempt: &Attempt,
    head: &AnswerHead,
    response: ClientResponse,
) -> Option<ProxiedBody> {
    let finish = release(r, attempt);
    let exchange = &attempt.exchange;
    let buffering = accel::buffering(r, head);
    if !buffering {
        exchange.borrow_mut().unbuffered();
    }
    too_much(r, attempt);
    let empty = exchange.borrow().has_no_body();
    if empty || r.method == Method::Head {
        if r.method != Method::Head {
            exchange.borrow_mut().begin_body();
        }
        finish(exchange, empty);
        return None;
    }
    let pieces = pieces_of(r, head, &exchange.borrow(), buffering);
    let context = log::Context::of(r);
    let at = attempt.clone();
    let logged = move |exchange: &Shared, whole: bool| {
        if let Some(message) = exchange.borrow_mut().take_excess() {
            context.error_at(LogLevel::Warn, &message, Some(&at.url()));
        }
        if let Some(failure) = exchange.borrow_mut().take_failure() {
            context.error_at(LogLevel::Error, &failure.to_string(), Some(&at.url()));
        }
        finish(exchange, whole);
    };
    Some(stream(
        r,
        attempt,
        exchange.clone(),
        response,
        buffering,
        pieces,
        Box::new(logged),
    ))
}

/// Says what came behind the answer's end.
fn too_much(r: &Request, attempt: &Attempt) {
    let excess = attempt.exchange.borrow_mut().take_excess();
    if let Some(message) = excess {
        log::error_at(r, LogLevel::Warn, &message, Some(&attempt.url()));
    }
}

/// A body goes on by nginx's buffers. Where its length is known, no filter sees it and nothing slows it down, how they are
/// grouped does not show.
fn pieces_of(r: &Request, head: &AnswerHead, exchange: &Exchange, buffering: bool) -> Pieces {
    let proxy = &r.location.proxy;
    let room = proxy.buffer_size.saturating_sub(head.raw.len());
    if !buffering {
        let came = exchange.read_behind_head();
        return Pieces::Groups(Box::new(Groups::unbuffered(proxy.buffer_size, came)));
    }
    let shows = r.location.filters.active || proxy.limit_rate > 0;
    if exchange.announced().is_some() && !shows {
        return Pieces::Full(Hold {
            first: room,
            size: proxy.buffers.1,
            held: BytesMut::new(),
            passed: 0,
            follows: Bytes::new(),
        });
    }
    let busy = proxy.busy_buffers_size;
    let groups = Groups::buffered(proxy.buffer_size, room, proxy.buffers, busy);
    Pieces::Groups(Box::new(groups))
}

fn stream(
    r: &Request,
    attempt: &Attempt,
    exchange: Shared,
    response: ClientResponse,
    buffering: bool,
    pieces: Pieces,
    finish: answer::Finish,
) -> ProxiedBody {
    let proxy = &r.location.proxy;
    let ahead = match buffering {
        true => ReadAhead {
            memory: proxy.buffers.0 * proxy.buffers.1 + proxy.buffer_size,
            file: proxy.max_temp_file_size,
            folder: proxy.temp_path.folder.clone(),
        },
        false => ReadAhead {
            memory: proxy.buffer_size,
            file: 0,
            folder: proxy.temp_path.folder.clone(),
        },
    };
    let (context, at) = (log::Context::of(r), attempt.clone());
    let spilled = Box::new(move |number| {
        let name = temporary::name(&context.location.proxy.temp_path, number);
        let message = format!(
            "an upstream response is buffered to a temporary file {name} while reading upstream"
        );
        context.error_at(LogLevel::Warn, &message, Some(&at.url()));
    });
    ProxiedBody {
        spilled: Some(spilled),
        exchange,
        response: Some(response),
        ahead,
        buffering,
        watch_client: !proxy.ignore_client_abort,
        finish: Some(finish),
        pieces,
        begun: false,
        over: None,
    }
}
