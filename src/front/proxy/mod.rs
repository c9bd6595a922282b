//! The proxy: chooses a peer, sends the request by awc over the exchange, tries the next peer where nginx does.
//!
//! Nothing else in the project speaks to an upstream.

mod accel;
mod answer;
mod connecting;
mod cookies;
mod exchange;
mod groups;
mod head;
mod notes;
mod passing;
mod peers;
mod pieces;
mod pool;
mod replaced;
mod resolver;
pub mod states;
mod target;
mod transport;
mod tries;
mod tunnel;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use crate::config::model::{InFileOnly, LogLevel, ProxyVersion, Upstream};
use crate::wire::body::BodyError;
use crate::wire::spool::{Spool, next_number};

use super::log;
use super::reply::Flow;
use super::request::Request;
use super::temporary::{self, BodyFile};
use super::trace::Step;
use super::variables;
use head::{BodyFraming, Target, UpstreamHead};
pub use passing::sending;
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
    let flow = match ready(r).await {
        Ok(ready) => tries::try_peers(r, ready).await,
        Err(flow) => return flow,
    };
    // What is done in its place stands under this in the error log.
    if matches!(flow, Flow::Status(_)) {
        r.action.set(Some("sending to client"));
    }
    flow
}

/// What is known before the first peer is tried.
struct Ready {
    upstream: Arc<Upstream>,
    head: UpstreamHead,
    /// The client's body is passed on as it comes.
    live: bool,
}

/// Reads the client's body, finds out whom to ask, and writes the head to send.
async fn ready(r: &mut Request) -> Result<Ready, Flow> {
    r.upstreams.forget_answer();
    if r.location.proxy.pass.is_none() {
        return Err(Box::pin(nobody(r)).await);
    }
    r.proxy_body_length = Some(0);
    let (whom, target) = target::resolve(r).map_err(Flow::Status)?;
    let proxy = &r.location.proxy;
    let live = !proxy.request_buffering
        && proxy.set_body.is_none()
        && proxy.pass_request_body
        && (!r.head.chunked || proxy.http_version == ProxyVersion::Http11);
    set_body_rules(r);
    if live {
        std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
        Box::pin(begin_body(r)).await?;
    } else if r.head.announces_body() || !r.body.is_done() || r.body.is_expected() {
        // Boxed, as all that few requests need: a future is as large as the largest way through it.
        Box::pin(read_body(r)).await?;
    }
    let live = live && !r.body.is_done();
    let head = head_for(r, &target, live);
    r.upstreams.begin();
    let upstream = match whom {
        Whom::Upstream(upstream) => upstream,
        Whom::Name { host, port } => Box::pin(look_up(r, &host, port)).await?,
    };
    *r.upstreams.uri.borrow_mut() = head.uri.clone();
    Ok(Ready {
        upstream,
        head,
        live,
    })
}

/// The head to send, and what variables say of the body behind it.
fn head_for(r: &mut Request, target: &Target, live: bool) -> UpstreamHead {
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
        // What an answer threw away whose page is now asked for is not there any more.
        None => r.head.content_length.map_or(BodyFraming::None, |length| {
            BodyFraming::Length(length.saturating_sub(r.body.discarded()))
        }),
    };
    r.proxy_body_length = match framing {
        BodyFraming::Length(n) => Some(n),
        _ => None,
    };
    r.proxy_chunked = framing == BodyFraming::Chunked;
    let head = head::build(r, target, framing, set_body.as_ref());
    if r.worker.story.is_some() || !r.worker.effects.happen() {
        *r.upstreams.line.borrow_mut() = Some(head.shown().into());
    }
    head
}

/// The location's time and size for the client's body.
fn set_body_rules(r: &Request) {
    let core = &r.location.core;
    r.body
        .set_rules(core.client_body_timeout, core.client_max_body_size);
}

/// An `if` without `proxy_pass` led away from one that has it: there is nobody to ask.
async fn nobody(r: &mut Request) -> Flow {
    r.proxy_host = Some(Bytes::new());
    r.proxy_port = Some(Bytes::new());
    set_body_rules(r);
    if let Err(flow) = read_body(r).await {
        return flow;
    }
    log::error(r, LogLevel::Alert, "no upstream configuration");
    Flow::Status(500)
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
        if let Poll::Ready(answer) = asking.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if watch && r.body.is_done() && r.connection.poll_left(cx).is_ready() {
            return Poll::Ready(None);
        }
        Poll::Pending
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

/// Takes what is there of a body that goes on as it comes, as much as a buffer takes.
async fn begin_body(r: &mut Request) -> Result<(), Flow> {
    let most = r.location.core.client_body_buffer_size as u64;
    let mut spool = r.buffered_body.take().unwrap_or_default();
    let taken = std::future::poll_fn(|cx| {
        while spool.len() < most {
            match r.body.poll_next(cx) {
                Poll::Ready(Some(Ok(bytes))) => spool.push_memory(bytes),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(()))
    });
    let taken = taken.await;
    r.buffered_body = Some(spool);
    taken.map_err(|error| body_failed(r, &error))?;
    r.connection.timer.clear();
    if !r.body.is_done() {
        r.body.set_live();
    }
    Ok(())
}

/// Takes the whole body: memory up to `client_body_buffer_size`, then a temporary file.
async fn read_body(r: &mut Request) -> Result<(), Flow> {
    std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
    let in_file = r.location.core.client_body_in_file_only != InFileOnly::Off
        && r.head.announces_body()
        && r.buffered_body.is_none();
    if r.body.is_done() && !in_file {
        return Ok(());
    }
    let configured = body_memory(r, in_file);
    let mut memory = r.worker.effects.body_memory(configured);
    let folder = r.location.core.client_body_temp_path.folder.clone();
    let mut spool = r.buffered_body.take().unwrap_or_default();
    let read = loop {
        match std::future::poll_fn(|cx| r.body.poll_next(cx)).await {
            None => break Ok(()),
            Some(Ok(mut bytes)) => {
                if in_file && spool.len() + bytes.len() as u64 > memory as u64 {
                    if let Err(flow) = begin_file(r, &mut spool) {
                        break Err(flow);
                    }
                    memory = 0;
                }
                let room = usize::try_from(spool.len()).map_or(0, |n| memory.saturating_sub(n));
                let first = bytes.split_to(room.min(bytes.len()));
                let pushed = spool
                    .push(first, memory, &folder)
                    .and_then(|()| spool.push(bytes, memory, &folder));
                if let Err(error) = pushed {
                    break Err(no_file(r, &error));
                }
                if let Some(number) = spool.file_number().filter(|_| r.body_file.is_none()) {
                    note_body_file(r, number);
                }
            }
            Some(Err(error)) => {
                if matches!(error, BodyError::Chunk(_) | BodyError::TooLarge { .. }) {
                    // nginx keeps nothing of the bytes that it found wrong.
                    spool = Box::default();
                }
                break Err(body_failed(r, &error));
            }
        }
    };
    let read = read.and_then(|()| match in_file && r.body_file.is_none() {
        true if r.worker.effects.happen() => begin_file(r, &mut spool),
        _ => Ok(()),
    });
    if !r.worker.effects.happen() && (in_file || spool.len() > configured as u64) {
        note_body_file(r, next_number(true));
    }
    // What came of a body that is not whole is still what `$request_body` says.
    r.buffered_body = Some(spool);
    read
}

/// What came of the body goes to a file that has a name.
fn begin_file(r: &mut Request, spool: &mut Spool) -> Result<(), Flow> {
    if spool.file_number().is_some() {
        return Ok(());
    }
    let made = temporary::create(&r.location.core.client_body_temp_path);
    let (file, number, _) = made.map_err(|(error, name)| {
        let message = format!("open() \"{name}\" failed ({})", log::os_error(&error));
        log::error(r, LogLevel::Crit, &message);
        Flow::Status(500)
    })?;
    note_body_file(r, number);
    spool
        .move_to(file, number)
        .map_err(|error| no_file(r, &error))
}

/// The body's file cannot be made or written.
fn no_file(r: &Request, error: &std::io::Error) -> Flow {
    let folder = &r.location.core.client_body_temp_path.folder;
    let message = format!(
        "temporary file in \"{}\" failed ({})",
        folder.display(),
        log::os_error(error)
    );
    log::error(r, LogLevel::Crit, &message);
    Flow::Status(500)
}

/// The body goes to the file of this number.
fn note_body_file(r: &mut Request, number: u64) {
    let core = &r.location.core;
    let name = temporary::name(&core.client_body_temp_path, number);
    let level = match core.client_body_in_file_only {
        InFileOnly::Off => LogLevel::Warn,
        InFileOnly::On | InFileOnly::Clean => LogLevel::Notice,
    };
    let cleaned = core.client_body_in_file_only == InFileOnly::Clean && r.worker.effects.happen();
    let message = format!("a client request body is buffered to a temporary file {name}");
    log::error(r, level, &message);
    r.body_file = Some(BodyFile { name, cleaned });
}

/// How much of the body stays in memory, in bytes. One of known length is in memory as a whole where a buffer takes what
/// did not come along with the head, and else in a file as a whole; one in chunks goes to a file when that buffer is full
/// (nginx's `ngx_http_read_client_request_body`); `waits` is true where it waits for its file in any case.
fn body_memory(r: &Request, waits: bool) -> usize {
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
    } else if waits {
        configured + with_head
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
