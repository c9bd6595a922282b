//! Passes an upstream's answer on: its head through the rules, its body as a stream, its connection back to the pool.

use std::sync::Arc;
use std::time::Instant;

use awc::ClientResponse;
use bytes::BytesMut;

use crate::config::model::{LogLevel, Peer, Upstream};
use crate::front::log;
use crate::front::reply::{Flow, Reply};
use crate::front::request::Request;
use crate::wire::answer::ReadAhead;
use crate::wire::head::{AnswerHead, Method};

use super::answer::{self, Hold, ProxiedBody};
use super::peers::Choice;
use super::transport::Shared;
use super::tries::{Fault, may_retry};

/// What became of an answer.
pub enum Answered {
    Flow(Flow),
    Next,
}

/// A head arrived: pass it on, hand it to `error_page`, or try the next peer.
#[allow(clippy::too_many_arguments)]
pub fn answered(
    r: &mut Request,
    upstream: &Arc<Upstream>,
    peer: &Peer,
    choice: &mut Choice,
    shared: Shared,
    response: ClientResponse,
    url: &str,
    begun: Instant,
) -> Answered {
    let Some(head) = shared.borrow().answer() else {
        return Answered::Flow(bare(r, choice, shared, response, url));
    };
    if head.status >= 300 {
        if choice.tries > 1
            && may_retry(r, choice, &shared, Fault::Status(head.status), false, begun)
        {
            choice.report(!matches!(head.status, 403 | 404));
            shared.borrow_mut().ended();
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
            shared.borrow_mut().ended();
            return Answered::Flow(Flow::Status(head.status));
        }
    }
    choice.report(false);
    let body = body_of(r, upstream, peer, &head, shared, response, url);
    Answered::Flow(reply_with(r, &head, body))
}

fn reply_with(r: &Request, head: &AnswerHead, body: Option<ProxiedBody>) -> Flow {
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
fn bare(
    r: &mut Request,
    choice: &mut Choice,
    shared: Shared,
    response: ClientResponse,
    url: &str,
) -> Flow {
    let message =
        "upstream sent no valid HTTP/1.0 header while reading response header from upstream";
    log::error_at(r, LogLevel::Error, message, Some(url));
    choice.report(false);
    r.answer_bare = true;
    r.keep_alive = false;
    let mut reply = Reply {
        conditional: false,
        ..Reply::new(0)
    };
    answer::attach(
        &mut reply,
        stream(r, shared, response, None, Box::new(|_, _| {})),
    );
    reply.into_flow()
}

/// The body, or `None` where none follows; then the connection is free already.
fn body_of(
    r: &Request,
    upstream: &Arc<Upstream>,
    peer: &Peer,
    head: &AnswerHead,
    shared: Shared,
    response: ClientResponse,
    url: &str,
) -> Option<ProxiedBody> {
    let pool = r.worker.upstreams.pool.clone();
    let (upstream, address) = (upstream.clone(), peer.address.clone());
    let finish = move |shared: &Shared, whole: bool| {
        let mut exchange = shared.borrow_mut();
        exchange.ended();
        let connection = exchange.into_connection();
        if let (true, Some(rules), Some(connection)) = (whole, &upstream.keepalive, connection) {
            pool.put(upstream.id, address.clone(), connection, rules);
        }
    };
    if shared.borrow().has_no_body() || r.method == Method::Head {
        let without = shared.borrow().has_no_body();
        finish(&shared, without);
        return None;
    }
    let proxy = &r.location.proxy;
    // Chunks are passed on as they come; other bodies by nginx's full buffers.
    let hold = (proxy.buffering && !shared.borrow().is_chunked()).then(|| Hold {
        first: proxy.buffer_size.saturating_sub(head.raw.len()),
        size: proxy.buffers.1,
        held: BytesMut::new(),
        passed: 0,
    });
    let context = log::Context::of(r, Some(url.to_owned()));
    let logged = move |shared: &Shared, whole: bool| {
        if let Some(failure) = shared.borrow_mut().take_failure() {
            context.error(LogLevel::Error, &failure.to_string());
        }
        finish(shared, whole);
    };
    Some(stream(r, shared, response, hold, Box::new(logged)))
}

fn stream(
    r: &Request,
    exchange: Shared,
    response: ClientResponse,
    hold: Option<Hold>,
    finish: Box<dyn FnOnce(&Shared, bool)>,
) -> ProxiedBody {
    let proxy = &r.location.proxy;
    let ahead = match proxy.buffering {
        true => ReadAhead {
            memory: proxy.buffers.0 * proxy.buffers.1 + proxy.buffer_size,
            file: proxy.max_temp_file_size,
            folder: proxy.temp_path.clone(),
        },
        false => ReadAhead {
            memory: proxy.buffer_size,
            file: 0,
            folder: proxy.temp_path.clone(),
        },
    };
    ProxiedBody {
        exchange,
        response,
        ahead,
        buffering: proxy.buffering,
        watch_client: !proxy.ignore_client_abort,
        finish: Some(finish),
        hold,
        over: None,
    }
}
