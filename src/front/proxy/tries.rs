//! Tries one peer after another until one answers, or until nginx would give up.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use awc::ClientResponse;
use bytes::Bytes;
use tokio::net::{TcpStream, UnixStream};

use crate::config::model::{ListenAddress, LogLevel, Peer, Upstream};
use crate::front::log;
use crate::front::reply::Flow;
use crate::front::request::Request;
use crate::wire::head::Method;
use crate::wire::stream::Stream;

use super::body_failed;
use super::exchange::{self, Exchange, Failure, Limits, Start, Upload};
use super::head::UpstreamHead;
use super::passing::{Answered, answered};
use super::peers::Choice;
use super::pool::PeerConnection;
use super::states::UpstreamState;
use super::transport::Shared;

/// How one try ended.
enum Try {
    Answered(ClientResponse),
    Failed(Failure),
    ClientLeft,
}

/// Tries peers until one answers or nginx would give up.
pub async fn try_peers(
    r: &mut Request,
    upstream: &Arc<Upstream>,
    head: &UpstreamHead,
    live: bool,
) -> Flow {
    let worker = r.worker.clone();
    let mut choice = worker
        .upstreams
        .balancer
        .begin(upstream, r.location.proxy.next_upstream_tries);
    let begun = Instant::now();
    loop {
        let Some(peer) = choice.next() else {
            let state = UpstreamState {
                peer: upstream.name.clone(),
                status: 502,
                ..UpstreamState::default()
            };
            r.upstreams.tries.borrow_mut().push(state);
            let url = format!(
                "http://{}{}",
                upstream.name,
                String::from_utf8_lossy(&head.uri)
            );
            log::error_at(
                r,
                LogLevel::Error,
                "no live upstreams while connecting to upstream",
                Some(&url),
            );
            return Flow::Status(502);
        };
        let url = url_of(&peer, &head.uri);
        let shared = match start(r, upstream, &peer, head, live) {
            Ok(shared) => shared,
            Err(status) => return Flow::Status(status),
        };
        let failure = match one_try(r, &shared).await {
            Try::Answered(response) => {
                match answered(
                    r,
                    upstream,
                    &peer,
                    &mut choice,
                    shared,
                    response,
                    &url,
                    begun,
                ) {
                    Answered::Flow(flow) => return flow,
                    Answered::Next => continue,
                }
            }
            Try::ClientLeft => {
                let message =
                    "client prematurely closed connection, so upstream connection is closed too";
                log::error_at(r, LogLevel::Info, message, Some(&url));
                shared.borrow_mut().ended();
                shared.borrow_mut().abandon();
                return Flow::Silent(499);
            }
            Try::Failed(failure) => failure,
        };
        shared.borrow_mut().ended();
        if let Failure::Upload(error) = &failure {
            return body_failed(r, error);
        }
        log::error_at(r, LogLevel::Error, &failure.to_string(), Some(&url));
        let (kind, status) = classify(&failure);
        let reused = shared.borrow().reused && kind == Fault::Error;
        if choice.report(true) {
            log::error_at(
                r,
                LogLevel::Warn,
                "upstream server temporarily disabled",
                Some(&url),
            );
        }
        if reused {
            // A stale pooled connection costs no try.
            choice.tries += 1;
        }
        r.upstreams.last(|s| s.status = status);
        if !may_retry(r, &choice, &shared, kind, live, begun) {
            return Flow::Status(status);
        }
    }
}

/// What went wrong with a peer, in `proxy_next_upstream`'s words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Error,
    Timeout,
    InvalidHeader,
    Status(u16),
}

fn classify(failure: &Failure) -> (Fault, u16) {
    match failure {
        Failure::TimedOut(_) => (Fault::Timeout, 504),
        Failure::TooBig | Failure::Invalid(_) | Failure::Chunk => (Fault::InvalidHeader, 502),
        _ => (Fault::Error, 502),
    }
}

pub fn may_retry(
    r: &Request,
    choice: &Choice,
    shared: &Shared,
    fault: Fault,
    live: bool,
    begun: Instant,
) -> bool {
    let proxy = &r.location.proxy;
    let next = &proxy.next_upstream;
    let wanted = match fault {
        Fault::Error => next.error,
        Fault::Timeout => next.timeout,
        Fault::InvalidHeader => next.invalid_header,
        Fault::Status(status) => match status {
            403 => next.http_403,
            404 => next.http_404,
            429 => next.http_429,
            500 => next.http_500,
            502 => next.http_502,
            503 => next.http_503,
            504 => next.http_504,
            _ => false,
        },
    };
    let sent = shared.borrow().request_begun;
    let repeatable = !sent
        || next.non_idempotent
        || !matches!(r.method, Method::Post | Method::Lock | Method::Patch);
    let in_time =
        proxy.next_upstream_timeout.is_zero() || begun.elapsed() < proxy.next_upstream_timeout;
    choice.tries > 0 && wanted && repeatable && !(sent && live) && in_time
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
        _ if live && !r.body.is_done() => Upload::Live {
            body: r.body.clone(),
            chunked: r.head.chunked,
        },
        Some(spool) if proxy.pass_request_body && proxy.set_body.is_none() => {
            Upload::Spool(spool.reader().map_err(|_| 500u16)?)
        }
        _ => Upload::None,
    };
    r.upstreams.tries.borrow_mut().push(UpstreamState {
        peer: peer.name.clone(),
        ..UpstreamState::default()
    });
    let upstreams = &r.worker.upstreams;
    let pooled = upstream
        .keepalive
        .and_then(|_| upstreams.pool.take(upstream.id, &peer.address));
    let link = match pooled {
        Some(connection) => {
            r.upstreams
                .last(|s| s.connect_time = Some(std::time::Duration::ZERO));
            Ok(connection)
        }
        None => {
            let address = upstreams.dial_map.map(&peer.address);
            Err(Box::pin(connect(address)) as exchange::Connecting)
        }
    };
    Ok(Rc::new(RefCell::new(Exchange::new(Start {
        link,
        head: head.bytes.clone(),
        upload,
        head_request: head.is_head,
        limits: Limits {
            connect: proxy.connect_timeout,
            send: proxy.send_timeout,
            read: proxy.read_timeout,
            head: proxy.buffer_size,
        },
        client: r.connection.clone(),
        states: r.upstreams.clone(),
    }))))
}

async fn connect(address: ListenAddress) -> std::io::Result<PeerConnection> {
    let stream = match address {
        ListenAddress::Inet(address) => Stream::Tcp(TcpStream::connect(address).await?),
        ListenAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    };
    Ok(PeerConnection::new(stream))
}

/// Sends and waits for the answer's head, while the client stays.
async fn one_try(r: &Request, shared: &Shared) -> Try {
    let client = &r.worker.upstreams.client;
    let watch = !r.location.proxy.ignore_client_abort;
    let mut sending = std::pin::pin!(client.send(shared));
    let sent = std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(result) = sending.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(result));
        }
        // While the client's body is being passed on, its reader is the one to notice.
        if watch && r.body.is_done() && r.connection.poll_left(cx).is_ready() {
            return std::task::Poll::Ready(None);
        }
        std::task::Poll::Pending
    })
    .await;
    match sent {
        None => Try::ClientLeft,
        Some(Ok(response)) => Try::Answered(response),
        Some(Err(error)) => {
            let failure = shared.borrow_mut().take_failure();
            Try::Failed(failure.unwrap_or_else(|| Failure::Invalid(error.to_string())))
        }
    }
}

/// `http://127.0.0.1:5000/users`, as nginx's log names it.
fn url_of(peer: &Peer, uri: &Bytes) -> String {
    let separator = if matches!(peer.address, ListenAddress::Unix(_)) {
        ":"
    } else {
        ""
    };
    format!(
        "http://{}{separator}{}",
        peer.name,
        String::from_utf8_lossy(uri)
    )
}
