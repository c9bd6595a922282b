//! Serves a model on its sockets: actix-server accepts and runs the workers, our loop each connection.
//!
//! A reload loses no request. The workers go on with the new model: a connection that was open gets its next answer by it,
//! with `Connection: close`, and is not cut before. Where sockets or the number of workers change, a second server takes over
//! the sockets that stay, as nginx's new workers do, and the first ends when its last connection has ended.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use actix_rt::net::{TcpStream, UnixStream};
use actix_server::{Server, ServerHandle};
use actix_service::fn_service;
use tokio::sync::watch;

use crate::config::model::{Model, Server as ModelServer};
use crate::wire::counts::Counts;
use crate::wire::serve::HeadRules;
use crate::wire::stream::Stream;

use super::app::head_limits;
use super::bind;
use super::bind::Socket;
pub use super::bind::{Bound, Told, forget};
use super::log::Logs;
use super::proxy::Upstreams;
use super::worker::{AddressMap, Product};

mod connections;
mod control;
mod held;

use connections::accept;
pub use control::{Control, Rebound, Stop};
use held::Held;

/// How long requests under way may take once the lab is told to end.
pub const FAREWELL: Duration = Duration::from_secs(10);
/// A replaced server may take as long as its connections do: whoever ends the front ends it, too.
const NO_BOUND: u64 = 365 * 24 * 3600;

/// How the front is to run, beside what the file says.
#[derive(Clone, Default)]
pub struct FrontOptions {
    pub product: Product,
    /// A wildcard `listen` is bound to 127.0.0.1 alone (lab mode).
    pub loopback_only: bool,
    /// Where listening addresses really are (grading, `--map`).
    pub listen_map: AddressMap,
    /// Where upstream addresses really are (grading, `--map`).
    pub dial_map: AddressMap,
    /// Workers become the file's `user` (nginx mode).
    pub become_user: bool,
    /// An address that is taken is tried again, as by nginx (nginx mode).
    pub patient: bool,
    /// Told the story of each request.
    pub story: Option<super::worker::Story>,
}

/// The front could not be started.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    #[error("bind() to {address} failed ({})", super::log::os_error(source))]
    Bind { address: String, source: io::Error },
    /// Somebody else had an address all the while.
    #[error("still could not bind()")]
    StillTaken,
    #[error(transparent)]
    Client(#[from] super::proxy::ClientError),
    #[error("the server cannot be started: {0}")]
    Start(io::Error),
}

impl FrontError {
    /// Another socket has the address.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// What workers serve now.
#[derive(Clone)]
struct State {
    model: Arc<Model>,
    logs: Arc<Logs>,
    options: Arc<FrontOptions>,
    generation: u64,
    draining: bool,
}

/// What all workers watch.
#[derive(Clone)]
struct Watched {
    state: watch::Receiver<State>,
    /// The state's generation, to be looked at without a lock.
    generation: Arc<AtomicU64>,
    /// They go on over reloads.
    counts: Arc<Counts>,
    held: Held,
}

/// Binds every address of `model`; `told` hears of those that are tried again.
///
/// # Errors
/// The first address that cannot be bound; nothing stays bound then.
pub fn bind(
    model: &Model,
    options: &FrontOptions,
    told: Told<'_>,
) -> Result<Vec<Bound>, FrontError> {
    bind::bind(model, options, &[], told)
}

/// Binds every address of `model` and lets them go again, as `nginx -t` does; one that is taken is no mistake.
///
/// # Errors
/// The first address that cannot be bound for another reason.
pub fn try_to_bind(model: &Model, options: &FrontOptions) -> Result<(), FrontError> {
    bind::try_to_bind(model, options)
}

/// Serves `model` on the sockets bound, in the background; needs a running [`actix_rt::System`].
///
/// # Errors
/// A worker or awc cannot be prepared.
pub fn start(
    model: Arc<Model>,
    logs: Arc<Logs>,
    bound: Vec<Bound>,
    options: FrontOptions,
) -> Result<Control, FrontError> {
    // Found out here rather than in a worker, where nobody would hear of it.
    Upstreams::new(AddressMap::default())?;
    let workers = model.process.workers.max(1);
    let generation = Arc::new(AtomicU64::new(1));
    let (sender, receiver) = watch::channel(State {
        model,
        logs,
        options: Arc::new(options),
        generation: 1,
        draining: false,
    });
    let watched = Watched {
        state: receiver,
        generation,
        counts: Arc::default(),
        held: Held::default(),
    };
    let handle = serving(&bound, workers, &watched)?.run();
    Ok(Control::new(sender, watched, (handle, workers), bound))
}

/// A server that is ready to run.
struct Ready(actix_server::ServerBuilder);

impl Ready {
    fn run(self) -> ServerHandle {
        let server = self.0.run();
        let handle = server.handle();
        actix_rt::spawn(server);
        handle
    }
}

fn serving(bound: &[Bound], workers: usize, watched: &Watched) -> Result<Ready, FrontError> {
    let mut builder = Server::build()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(NO_BOUND)
        .backlog(1024);
    for (n, at) in bound.iter().enumerate() {
        let Bound { key, socket, .. } = at.share()?;
        let (watched, name) = (watched.clone(), format!("front-{n}"));
        // Boxed: the layers above move what they are given, each into a place of its own.
        let added = match socket {
            Socket::Tcp(socket) => builder.listen(name, socket, move || {
                let (watched, key) = (watched.clone(), key.clone());
                fn_service(move |stream: TcpStream| {
                    let ends = (stream.peer_addr().ok(), stream.local_addr().ok());
                    let stream = Stream::Tcp(stream);
                    let held = watched.held.one_more();
                    Box::pin(accept(watched.clone(), key.clone(), stream, ends, held))
                })
            }),
            Socket::Unix(socket) => builder.listen_uds(name, socket, move || {
                let (watched, key) = (watched.clone(), key.clone());
                fn_service(move |stream: UnixStream| {
                    let (stream, ends) = (Stream::Unix(stream), (None, None));
                    let held = watched.held.one_more();
                    Box::pin(accept(watched.clone(), key.clone(), stream, ends, held))
                })
            }),
        };
        builder = added.map_err(FrontError::Start)?;
    }
    if bound.is_empty() {
        builder = without_addresses(builder).map_err(FrontError::Start)?;
    }
    Ok(Ready(builder))
}

/// A file without a `server` is a right one: nginx runs, and waits for a reload. actix-server wants a socket
/// all the same, so it gets one that answers nobody.
fn without_addresses(
    builder: actix_server::ServerBuilder,
) -> io::Result<actix_server::ServerBuilder> {
    let socket = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    builder.listen("none", socket, || {
        fn_service(|_: TcpStream| async { Ok::<(), ()>(()) })
    })
}

/// How heads are read where this server is the address's default.
pub fn head_rules(server: &ModelServer) -> HeadRules {
    HeadRules {
        limits: head_limits(&server.head),
        timeout: server.head.client_header_timeout,
    }
}
