//! The proxy: chooses a peer, sends the request by awc over the exchange, tries the next peer where nginx does.
//!
//! Nothing else in the project speaks to an upstream.

mod answer;
mod exchange;
mod head;
mod peers;
mod pool;
pub mod states;
mod target;
mod transport;

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use awc::ClientResponse;
use bytes::{Bytes, BytesMut};
use tokio::net::{TcpStream, UnixStream};

use crate::config::model::{ListenAddress, LogLevel, Peer, ProxyVersion, Upstream};
use crate::wire::answer::ReadAhead;
use crate::wire::body::BodyError;
use crate::wire::head::{AnswerHead, Method};
use crate::wire::stream::Stream;

use super::log;
use super::reply::{Flow, Reply};
use super::request::Request;
use super::variables;
use answer::{Hold, ProxiedBody};
use exchange::{Exchange, Failure, Limits, Start, Upload};
use head::{BodyFraming, UpstreamHead};
use peers::{Balancer, Choice};
use pool::{PeerConnection, Pool};
use states::UpstreamState;
pub use transport::ClientError;
use transport::{Shared, UpstreamClient};

/// What a worker keeps for its upstreams.
pub struct Upstreams {
    client: UpstreamClient,
    pool: Rc<Pool>,
    balancer: Balancer,
    /// Where upstream addresses really lead (grading maps them to private ports).
    pub dial_map: super::worker::AddressMap,
}

impl Upstreams {
    /// # Errors
    /// awc cannot be prepared.
    pub fn new(dial_map: super::worker::AddressMap) -> Result<Self, ClientError> {
        Ok(Self {
            client: UpstreamClient::new()?,
            pool: Rc::default(),
            balancer: Balancer::default(),
            dial_map,
        })
    }

    /// Closes idle connections.
    pub fn clear(&self) {
        self.pool.clear();
    }
}

/// The content handler of a location with `proxy_pass`.
pub async fn content(r: &mut Request) -> Flow {
    let target = match target::resolve(r) {
        Ok(target) => target,
        Err(status) => return Flow::Status(status),
    };
    let proxy = &r.location.proxy;
    let live = !proxy.request_buffering
        && proxy.set_body.is_none()
        && proxy.pass_request_body
        && (!r.head.chunked || proxy.http_version == ProxyVersion::Http11);
    r.body.set_rules(
        r.location.core.client_body_timeout,
        r.location.core.client_max_body_size,
    );
    if !live && let Err(flow) = read_body(r).await {
        return flow;
    }
    let set_body = r
        .location
        .proxy
        .set_body
        .as_ref()
        .map(|template| variables::evaluate(template, r));
    let framing = match &set_body {
        Some(body) => BodyFraming::Length(body.len() as u64),
        None if live && r.head.chunked && !r.body.is_done() => BodyFraming::Chunked,
        None if r.head.chunked => BodyFraming::Length(r.body.received()),
        None => r
            .head
            .content_length
            .map_or(BodyFraming::None, BodyFraming::Length),
    };
    r.proxy_body_length = match framing {
        BodyFraming::Length(n) => Some(n),
        _ => None,
    };
    let head = head::build(r, &target, framing, set_body.as_ref());
    if r.worker.story.is_some() {
        r.upstream_line = Some(head.shown());
    }
    try_peers(r, &target.upstream, &head, live).await
}

/// Takes the whole body: memory up to `client_body_buffer_size`, then a temporary file.
async fn read_body(r: &mut Request) -> Result<(), Flow> {
    if r.body.is_done() {
        return Ok(());
    }
    let memory = r.location.core.client_body_buffer_size;
    let folder = r.location.core.client_body_temp_path.clone();
    let mut spool = r.buffered_body.take().unwrap_or_default();
    loop {
        match std::future::poll_fn(|cx| r.body.poll_next(cx)).await {
            None => break,
            Some(Ok(bytes)) => {
                if let Err(error) = spool.push(bytes, memory, &folder) {
                    let message = format!(
                        "temporary file in \"{}\" failed ({})",
                        folder.display(),
                        log::os_error(&error)
                    );
                    log::error(r, LogLevel::Crit, &message);
                    return Err(Flow::Status(500));
                }
            }
            Some(Err(error)) => return Err(body_failed(r, &error)),
        }
    }
    r.buffered_body = Some(spool);
    Ok(())
}

/// The client's body could not be read.
fn body_failed(r: &mut Request, error: &BodyError) -> Flow {
    match error {
        BodyError::TooLarge(_) => {
            log::error(r, LogLevel::Error, &error.to_string());
            Flow::Status(413)
        }
        BodyError::Chunk(_) => {
            log::error(r, LogLevel::Error, &error.to_string());
            Flow::Status(400)
        }
        BodyError::Closed => {
            log::error(r, LogLevel::Info, &error.to_string());
            Flow::Silent(400)
        }
        BodyError::TimedOut => {
            log::error(
                r,
                LogLevel::Info,
                "client timed out (110: Connection timed out)",
            );
            Flow::Silent(408)
        }
    }
}

/// How one try ended.
enum Try {
    Answered(ClientResponse),
    Failed(Failure),
    ClientLeft,
}

/// Tries peers until one answers or nginx would give up.
async fn try_peers(
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
enum Fault {
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

fn may_retry(
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

enum Answered {
    Flow(Flow),
    Next,
}

/// A head arrived: pass it on, hand it to `error_page`, or try the next peer.
#[allow(clippy::too_many_arguments)]
fn answered(
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
