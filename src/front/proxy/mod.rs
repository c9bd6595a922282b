//! The proxy: chooses a peer, sends the request by awc over the exchange, tries the next peer where nginx does.
//!
//! Nothing else in the project speaks to an upstream.

mod accel;
mod answer;
mod body;
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

use crate::config::model::{LogLevel, ProxyVersion, Upstream};

use super::log;
use super::reply::Flow;
use super::request::Request;
use super::trace::Step;
use super::variables;
use body::{begin_body, read_body, set_body_rules};
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
        && !r.body.is_discarded()
        && proxy.set_body.is_none()
        && proxy.pass_request_body
        && (!r.head.chunked || proxy.http_version == ProxyVersion::Http11);
    set_body_rules(r);
    if live {
        std::future::poll_fn(|cx| r.body.poll_begin(cx)).await;
        Box::pin(begin_body(r)).await?;
    } else if !r.body.is_discarded()
        && (r.head.announces_body() || !r.body.is_done() || r.body.is_expected())
    {
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

/// An `if` without `proxy_pass` led away from one that has it: there is nobody to ask.
async fn nobody(r: &mut Request) -> Flow {
    r.proxy_host = Some(Bytes::new());
    r.proxy_port = Some(Bytes::new());
    set_body_rules(r);
    if let Err(flow) = read_body(r).await {
        return flow;
    }
    r.upstreams.begin();
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
