//! The proxy: chooses a peer, sends the request by awc over the exchange, tries the next peer where nginx does.
//!
//! Nothing else in the project speaks to an upstream.

mod accel;
mod answer;
mod connecting;
mod cookies;
mod exchange;
mod head;
mod notes;
mod passing;
mod peers;
mod pieces;
mod pool;
mod resolver;
pub mod states;
mod target;
mod transport;
mod tries;
mod tunnel;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{LogLevel, ProxyVersion, Upstream};
use crate::wire::body::BodyError;

use super::log;
use super::reply::Flow;
use super::request::Request;
use super::temporary;
use super::trace::Step;
use super::variables;
use head::BodyFraming;
use peers::Balancer;
use pool::Pool;
use resolver::Names;
use target::Whom;
pub use transport::ClientError;
use transport::UpstreamClient;

/// What a worker keeps for its upstreams.
pub struct Upstreams {
    client: UpstreamClient,
    pool: Rc<Pool>,
    balancer: Balancer,
    names: Names,
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
            names: Names::default(),
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
    r.upstreams.forget_answer();
    let (whom, target) = match target::resolve(r) {
        Ok(resolved) => resolved,
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
    let read = match live {
        true => begin_body(r).await,
        false => read_body(r).await,
    };
    if let Err(flow) = read {
        return flow;
    }
    let live = live && !r.body.is_done();
    let set_body = r
        .location
        .proxy
        .set_body
        .as_ref()
        .map(|template| variables::evaluate(template, r));
    let framing = match &set_body {
        Some(body) => BodyFraming::Length(body.len() as u64),
        None if live && r.head.chunked => BodyFraming::Chunked,
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
    r.proxy_chunked = framing == BodyFraming::Chunked;
    let head = head::build(r, &target, framing, set_body.as_ref());
    if r.worker.story.is_some() || !r.worker.effects.happen() {
        r.upstream_line = Some(head.shown());
    }
    r.upstreams.begin();
    let upstream = match whom {
        Whom::Upstream(upstream) => upstream,
        Whom::Name { host, port } => match Box::pin(look_up(r, &host, port)).await {
            Ok(upstream) => upstream,
            Err(flow) => return flow,
        },
    };
    *r.upstreams.uri.borrow_mut() = head.uri.clone();
    let flow = tries::try_peers(r, &upstream, &head, live).await;
    // What is done in its place stands under this in the error log.
    if matches!(flow, Flow::Status(_)) {
        r.action.set(Some("sending to client"));
    }
    flow
}

/// Asks the name servers for a host that no upstream is called.
async fn look_up(r: &mut Request, host: &Bytes, port: u16) -> Result<Arc<Upstream>, Flow> {
    let core = &r.location.core;
    let shown = String::from_utf8_lossy(host);
    let Some(resolver) = &core.resolver else {
        log::error(
            r,
            LogLevel::Error,
            &format!("no resolver defined to resolve {shown}"),
        );
        return Err(Flow::Status(502));
    };
    // nginx writes the name in lower case, and where it stands at that.
    r.proxy_host = r
        .proxy_host
        .take()
        .map(|host| Bytes::from(host.to_ascii_lowercase()));
    let name = shown.strip_suffix('.').unwrap_or(&shown);
    let name = name.to_ascii_lowercase();
    let host = &Bytes::from(name.clone());
    if !r.worker.effects.happen() {
        // Which address it has is the name server's to say.
        let address = format!("{name}:{port}");
        r.note(|| Step::Peer {
            upstream: name.clone(),
            address: address.clone(),
            others: Vec::new(),
        });
        return Err(Flow::Silent(0));
    }
    let names = &r.worker.upstreams.names;
    let watch = !r.location.proxy.ignore_client_abort;
    let mut asking = std::pin::pin!(names.find(resolver, host, port, core.resolver_timeout));
    let answer = std::future::poll_fn(|cx| {
        if let std::task::Poll::Ready(answer) = asking.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(answer));
        }
        if watch && r.body.is_done() && r.connection.poll_left(cx).is_ready() {
            return std::task::Poll::Ready(None);
        }
        std::task::Poll::Pending
    })
    .await;
    match answer {
        Some(Ok(addresses)) => Ok(target::found(r, host, addresses)),
        Some(Err(reason)) => {
            if let Some(stub) = r.model.stub {
                let name = format!("{name}:{port}");
                return Ok(target::standing_for(r, host, name, stub));
            }
            let message = format!("{name} could not be resolved ({reason})");
            log::error(r, LogLevel::Error, &message);
            Err(Flow::Status(502))
        }
        None => {
            log::error(r, LogLevel::Info, "client prematurely closed connection");
            Err(Flow::Silent(499))
        }
    }
}

/// Takes what came with the head of a body that goes on as it comes.
async fn begin_body(r: &mut Request) -> Result<(), Flow> {
    std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
    let arrived = match r.body.take_arrived() {
        Ok(bytes) => bytes,
        Err(error) => return Err(body_failed(r, &error)),
    };
    r.body.set_live();
    let mut spool = r.buffered_body.take().unwrap_or_default();
    spool.push_memory(arrived);
    r.buffered_body = Some(spool);
    Ok(())
}

/// Takes the whole body: memory up to `client_body_buffer_size`, then a temporary file.
async fn read_body(r: &mut Request) -> Result<(), Flow> {
    std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
    if r.body.is_done() {
        return Ok(());
    }
    let memory = r.worker.effects.body_memory(body_memory(r));
    let path = r.location.core.client_body_temp_path.clone();
    let folder = path.folder.clone();
    let mut told = false;
    let mut spool = r.buffered_body.take().unwrap_or_default();
    loop {
        match std::future::poll_fn(|cx| r.body.poll_next(cx)).await {
            None => break,
            Some(Ok(mut bytes)) => {
                let room = usize::try_from(spool.len()).map_or(0, |n| memory.saturating_sub(n));
                let first = bytes.split_to(room.min(bytes.len()));
                let pushed = spool
                    .push(first, memory, &folder)
                    .and_then(|()| spool.push(bytes, memory, &folder));
                if let Err(error) = pushed {
                    let message = format!(
                        "temporary file in \"{}\" failed ({})",
                        folder.display(),
                        log::os_error(&error)
                    );
                    log::error(r, LogLevel::Crit, &message);
                    return Err(Flow::Status(500));
                }
                if let Some(number) = spool.file_number().filter(|_| !told) {
                    told = true;
                    let name = temporary::name(&path, number);
                    let message =
                        format!("a client request body is buffered to a temporary file {name}");
                    log::error(r, LogLevel::Warn, &message);
                }
            }
            Some(Err(error)) => return Err(body_failed(r, &error)),
        }
    }
    r.buffered_body = Some(spool);
    Ok(())
}

/// How much of the body stays in memory, in bytes. One of known length is in memory as a whole where a buffer takes what
/// did not come along with the head, and else in a file as a whole; one in chunks goes to a file when that buffer is full
/// (nginx's `ngx_http_read_client_request_body`).
fn body_memory(r: &Request) -> usize {
    let configured = r.location.core.client_body_buffer_size;
    let Some(listen) = r.listen() else {
        return configured;
    };
    let head = &listen.default_server.head;
    let buffer = if r.head.received <= head.client_header_buffer_size {
        head.client_header_buffer_size
    } else {
        head.large_client_header_buffers.1
    };
    let arrived = r.connection.input.borrow().len();
    let with_head = buffer.saturating_sub(r.head.received).min(arrived);
    let Some(length) = r.head.content_length else {
        return configured + with_head;
    };
    let rest = length.saturating_sub(with_head as u64);
    if rest < (configured + configured / 4) as u64 {
        usize::MAX
    } else {
        0
    }
}

/// The client's body could not be read.
fn body_failed(r: &mut Request, error: &BodyError) -> Flow {
    match error {
        BodyError::TooLarge { .. } => {
            r.lingering = true;
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
        // nginx says nothing of it but in the access log.
        BodyError::TimedOut => Flow::Silent(408),
    }
}
