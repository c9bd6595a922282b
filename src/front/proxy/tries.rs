//! Tries one peer after another until one answers, or until nginx would give up.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use awc::ClientResponse;
use bytes::Bytes;

use crate::config::model::{LogLevel, NextUpstream, Peer, Upstream};
use crate::config::written::shown;
use crate::front::reply::Flow;
use crate::front::request::Request;
use crate::front::{log, trace};
use crate::wire::head::{Known, Method};
use crate::wire::turn::take_turns;

use super::Ready;
use super::body::body_failed;
use super::connecting::{self, connect, local_address};
use super::exchange::{self, Exchange, Failure, Limits, Live, Start, Upload};
use super::head::UpstreamHead;
use super::passing::{Answered, answered};
use super::peers::Choice;
use super::states::{UpstreamState, url};
use super::transport::Shared;

/// How one try ended.
enum Try {
    Answered(ClientResponse),
    Failed(Failure),
    ClientLeft,
}

/// One exchange with one peer, and what its log lines and its end need to know.
#[derive(Clone)]
pub struct Attempt {
    pub upstream: Arc<Upstream>,
    /// Index of the peer.
    peer: usize,
    pub exchange: Shared,
    /// The request target sent.
    uri: Bytes,
    /// When the first peer was tried, where that matters.
    begun: Option<Instant>,
    /// The client's body is passed on as it comes.
    live: bool,
}

impl Attempt {
    pub fn peer(&self) -> &Peer {
        &self.upstream.peers[self.peer]
    }

    /// `http://127.0.0.1:5000/users`, as nginx's log names it.
    pub fn url(&self) -> String {
        url(&self.peer().name, &self.uri)
    }

    fn log(&self, r: &Request, level: LogLevel, message: &str) {
        log::error_at(r, level, message, Some(&self.url()));
    }

    /// The peer has failed as often as it may.
    pub fn disabled(&self, r: &Request, action: &str) {
        let message = format!("upstream server temporarily disabled while {action}");
        self.log(r, LogLevel::Warn, &message);
    }

    /// Whether nginx would ask another peer after this one's fault.
    pub fn may_retry(&self, r: &Request, choice: &Choice, fault: Fault) -> bool {
        let proxy = &r.location.proxy;
        let next = &proxy.next_upstream;
        let sent = self.exchange.borrow().request_begun;
        let unrepeatable = matches!(r.method, Method::Post | Method::Lock | Method::Patch);
        let timeout = proxy.next_upstream_timeout;
        choice.tries > 0
            && fault.is_in(next)
            && (!sent || next.non_idempotent || !unrepeatable)
            && !(sent && self.live)
            && self.begun.is_none_or(|begun| begun.elapsed() < timeout)
    }
}

/// Tries peers until one answers or nginx would give up.
pub(super) async fn try_peers(r: &mut Request, ready: Ready) -> Flow {
    let (upstream, head, live) = (&ready.upstream, &ready.head, ready.live);
    let worker = r.worker.clone();
    let mut choice = worker
        .upstreams
        .balancer
        .begin(upstream, r.location.proxy.next_upstream_tries);
    let timeout = r.location.proxy.next_upstream_timeout;
    let begun = (!timeout.is_zero()).then(Instant::now);
    loop {
        let Some(peer) = choice.next() else {
            return no_live_peer(r, upstream, head);
        };
        r.note(|| trace::peer_step(r, upstream, peer));
        if !worker.effects.happen() {
            return unasked(r, &upstream.peers[peer]);
        }
        let exchange = match start(r, upstream, &upstream.peers[peer], head, live) {
            Ok(exchange) => exchange,
            Err(status) => return Flow::Status(status),
        };
        let attempt = Attempt {
            upstream: upstream.clone(),
            peer,
            exchange,
            uri: head.uri.clone(),
            begun,
            live,
        };
        let failure = match one_try(r, &attempt.exchange).await {
            Try::Answered(response) => match answered(r, &attempt, &mut choice, response) {
                Answered::Flow(flow) => return flow,
                Answered::Next => continue,
            },
            Try::ClientLeft => {
                let stage = attempt.exchange.borrow().stage();
                let error = r.connection.read_error.take();
                let error = error.map_or(String::new(), |e| format!(" ({})", log::os_error(&e)));
                let message = format!(
                    "epoll_wait() reported that client prematurely closed connection, \
                     so upstream connection is closed too{error} while {stage}"
                );
                attempt.log(r, LogLevel::Info, &message);
                attempt.exchange.borrow_mut().ended();
                attempt.exchange.borrow_mut().abandon();
                return Flow::Silent(499);
            }
            Try::Failed(failure) => failure,
        };
        attempt.exchange.borrow_mut().ended();
        if let Some(flow) = failed(r, &attempt, &mut choice, &failure) {
            return flow;
        }
    }
}

/// Explained requests end here: what comes next is the upstream's to say.
fn unasked(r: &Request, peer: &Peer) -> Flow {
    r.upstreams.push(UpstreamState {
        peer: Some(peer.name.clone()),
        stands_for: peer.stands_for.clone(),
        ..UpstreamState::default()
    });
    Flow::Silent(0)
}

fn no_live_peer(r: &Request, upstream: &Upstream, head: &UpstreamHead) -> Flow {
    let state = UpstreamState {
        peer: Some(upstream.name.clone()),
        status: 502,
        ..UpstreamState::default()
    };
    r.upstreams.push(state);
    let url = format!("http://{}{}", upstream.name, shown(&head.uri));
    log::error_at(
        r,
        LogLevel::Error,
        "no live upstreams while connecting to upstream",
        Some(&url),
    );
    Flow::Status(502)
}

/// A try failed: logs it, and gives the answer where no other peer is asked.
fn failed(
    r: &mut Request,
    attempt: &Attempt,
    choice: &mut Choice,
    failure: &Failure,
) -> Option<Flow> {
    if let Failure::Upload(error) = failure {
        r.action.set(Some("sending request to upstream"));
        return Some(body_failed(r, error));
    }
    if let Failure::Bind { .. } = failure {
        attempt.log(r, LogLevel::Crit, &failure.to_string());
        r.upstreams.was_not_asked();
        return Some(Flow::Status(500));
    }
    match failure {
        Failure::Connect(error) if connecting::fails_at_once(attempt.peer(), error) => {
            let message = format!(
                "connect() to {} failed ({}) while connecting to upstream",
                attempt.peer().name,
                log::os_error(error)
            );
            attempt.log(r, connecting::level_of(error), &message);
        }
        _ => attempt.log(r, LogLevel::Error, &failure.to_string()),
    }
    let (fault, status) = classify(failure);
    if choice.report(true) {
        attempt.disabled(r, failure.action());
    }
    if fault == Fault::Error && attempt.exchange.borrow().reused {
        // A stale pooled connection costs no try.
        choice.tries += 1;
    }
    r.upstreams.last(|s| s.status = status);
    (!attempt.may_retry(r, choice, fault)).then_some(Flow::Status(status))
}

/// What went wrong with a peer, in `proxy_next_upstream`'s words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error,
    Timeout,
    InvalidHeader,
    Status(u16),
}

impl Fault {
    fn is_in(self, next: &NextUpstream) -> bool {
        match self {
            Fault::Error => next.error,
            Fault::Timeout => next.timeout,
            Fault::InvalidHeader => next.invalid_header,
            Fault::Status(403) => next.http_403,
            Fault::Status(404) => next.http_404,
            Fault::Status(429) => next.http_429,
            Fault::Status(500) => next.http_500,
            Fault::Status(502) => next.http_502,
            Fault::Status(503) => next.http_503,
            Fault::Status(504) => next.http_504,
            Fault::Status(_) => false,
        }
    }
}

fn classify(failure: &Failure) -> (Fault, u16) {
    match failure {
        Failure::TimedOut(_) => (Fault::Timeout, 504),
        Failure::TooBig | Failure::Invalid(_) | Failure::Chunk(_) => (Fault::InvalidHeader, 502),
        _ => (Fault::Error, 502),
    }
}

/// Prepares the exchange with a peer: a pooled connection or a new one.
fn start(
    r: &Request,
    upstream: &Arc<Upstream>,
    peer: &Peer,
    head: &UpstreamHead,
    live: bool,
) -> Result<Shared, u16> {
    let proxy = &r.location.proxy;
    let upload = match &r.buffered_body {
        arrived if live => Upload::Live(Box::new(Live {
            body: r.body.clone(),
            chunked: r.head.chunked,
            first: arrived.iter().flat_map(|s| s.pieces()).cloned().collect(),
        })),
        Some(spool) if proxy.pass_request_body && proxy.set_body.is_none() => {
            Upload::Spool(Box::new(spool.reader().map_err(|_| 500u16)?))
        }
        _ => Upload::None,
    };
    r.upstreams.push(UpstreamState {
        peer: Some(peer.name.clone()),
        stands_for: peer.stands_for.clone(),
        ..UpstreamState::default()
    });
    let upstreams = &r.worker.upstreams;
    let now = Instant::now();
    let pooled = upstream
        .keepalive
        .and_then(|_| upstreams.pool.take(upstream.id, &peer.address, now));
    let link = match pooled {
        Some(connection) => {
            r.upstreams
                .last(|s| s.connect_time = Some(std::time::Duration::ZERO));
            Ok(connection)
        }
        None => {
            let address = upstreams.dial_map.map(&peer.address);
            let local = proxy.bind.as_ref().and_then(|bind| local_address(r, bind));
            let Some(place) = r.worker.room.take() else {
                r.upstreams.was_not_asked();
                return Err(no_room(r, peer, head));
            };
            Err(Box::pin(connect(address, local, place)) as exchange::Connecting)
        }
    };
    Ok(Rc::new(RefCell::new(Exchange::new(Start {
        keeps: upstream.keepalive.is_some(),
        link,
        head: head.bytes.clone(),
        upload,
        head_request: head.is_head,
        limits: Limits {
            connect: proxy.connect_timeout,
            send: proxy.send_timeout,
            read: proxy.read_timeout,
            head: proxy.buffer_size,
            rate: proxy.limit_rate,
        },
        client: r.connection.clone(),
        states: r.upstreams.clone(),
        now,
        upgrade: r.head.field(Known::Upgrade).is_some(),
    }))))
}

/// `worker_connections` are taken: logs it, and gives the status.
fn no_room(r: &Request, peer: &Peer, head: &UpstreamHead) -> u16 {
    let message = format!(
        "{} while connecting to upstream",
        r.worker.room.not_enough()
    );
    let url = url(&peer.name, &head.uri);
    log::error_at(r, LogLevel::Alert, &message, Some(&url));
    500
}

/// Sends and waits for the answer's head, while the client stays; then awc takes over.
async fn one_try(r: &Request, shared: &Shared) -> Try {
    take_turns().await;
    let watch = !r.location.proxy.ignore_client_abort;
    let head = std::future::poll_fn(|cx| {
        if let Poll::Ready(result) = shared.borrow_mut().poll_head(cx) {
            return Poll::Ready(Some(result));
        }
        // While the client's body is being passed on, its reader is the one to notice.
        if watch && r.body.is_done() && r.connection.poll_left(cx).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
    })
    .await;
    let error = match head {
        None => return Try::ClientLeft,
        Some(Err(())) => None,
        Some(Ok(())) => match r.worker.upstreams.client.send(shared).await {
            Ok(response) => return Try::Answered(response),
            Err(error) => Some(error),
        },
    };
    let failure = shared.borrow_mut().take_failure();
    let unknown = || Failure::Invalid(error.map_or_else(String::new, |e| e.to_string()));
    Try::Failed(failure.unwrap_or_else(unknown))
}
