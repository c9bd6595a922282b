//! Binds the addresses of a model and serves them: actix-server accepts and runs the workers, our loop each connection.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use actix_rt::net::TcpStream;
use actix_server::{Server, ServerHandle};
use actix_service::fn_service;
use tokio::sync::watch;

use crate::config::model::{Listen, ListenAddress, Model, Server as ModelServer};
use crate::wire::connection::Connection;
use crate::wire::serve::{HeadRules, Registry, serve};
use crate::wire::stream::Stream;

use super::app::{AppService, Application, AtListen, application, head_limits};
use super::effects::Effects;
use super::log::Logs;
use super::proxy::Upstreams;
use super::worker::{AddressMap, Product, Worker};

/// How the front is to run, beside what the file says.
#[derive(Clone, Default)]
pub struct FrontOptions {
    pub product: Product,
    /// A wildcard `listen` is bound to 127.0.0.1 alone (lab mode).
    pub loopback_only: bool,
    /// Where listening addresses really are (grading).
    pub listen_map: AddressMap,
    /// Where upstream addresses really are (grading).
    pub dial_map: AddressMap,
    /// Told the story of each request.
    pub story: Option<super::worker::Story>,
}

/// The front could not be started.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    #[error("bind() to {address} failed ({})", super::log::os_error(source))]
    Bind { address: String, source: io::Error },
    #[error(transparent)]
    Client(#[from] super::proxy::ClientError),
    #[error("the server cannot be started: {0}")]
    Start(io::Error),
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

/// A socket that is bound, with the index of its listen.
pub struct Bound {
    pub listen: usize,
    pub socket: TcpListener,
    /// The address it really has.
    pub address: SocketAddr,
}

/// The running front server.
pub struct Front {
    pub server: Server,
    pub control: Control,
}

/// Steers the running front.
#[derive(Clone)]
pub struct Control {
    handle: ServerHandle,
    state: watch::Sender<State>,
}

/// Binds every address of `model`.
///
/// # Errors
/// The first address that cannot be bound; nothing stays bound then.
pub fn bind(model: &Model, options: &FrontOptions) -> Result<Vec<Bound>, FrontError> {
    let mut bound = Vec::new();
    for (listen, at) in model.listens.iter().enumerate() {
        let ListenAddress::Inet(configured) = options.listen_map.map(&at.address) else {
            let source = io::Error::new(
                io::ErrorKind::Unsupported,
                "Unix sockets are not served yet",
            );
            return Err(FrontError::Bind {
                address: format!("{:?}", at.address),
                source,
            });
        };
        let address = real_address(at, configured, options);
        let socket = bind_one(at, address).map_err(|source| FrontError::Bind {
            address: address.to_string(),
            source,
        })?;
        let address = socket.local_addr().unwrap_or(address);
        bound.push(Bound {
            listen,
            socket,
            address,
        });
    }
    Ok(bound)
}

fn real_address(at: &Listen, configured: SocketAddr, options: &FrontOptions) -> SocketAddr {
    match at.options.wildcard && options.loopback_only {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, configured.port())),
        false => configured,
    }
}

fn bind_one(at: &Listen, address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(at.options.ipv6only)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(at.options.backlog).unwrap_or(511))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves `model` on the sockets bound.
///
/// # Errors
/// A worker or awc cannot be prepared.
pub fn start(
    model: Arc<Model>,
    logs: Arc<Logs>,
    bound: Vec<Bound>,
    options: FrontOptions,
) -> Result<Front, FrontError> {
    // Found out here rather than in a worker, where nobody would hear of it.
    Upstreams::new(AddressMap::default())?;
    let workers = model.process.workers.max(1);
    let state = State {
        model,
        logs,
        options: Arc::new(options),
        generation: 1,
        draining: false,
    };
    let (sender, receiver) = watch::channel(state);
    let mut builder = Server::build()
        .workers(workers)
        .disable_signals()
        .shutdown_timeout(10)
        .backlog(1024);
    for Bound { listen, socket, .. } in bound {
        let receiver = receiver.clone();
        let factory = move || {
            let receiver = receiver.clone();
            fn_service(move |stream: TcpStream| accept(receiver.clone(), listen, stream))
        };
        builder = builder
            .listen(format!("front-{listen}"), socket, factory)
            .map_err(FrontError::Start)?;
    }
    let server = builder.run();
    let control = Control {
        handle: server.handle(),
        state: sender,
    };
    Ok(Front { server, control })
}

impl Control {
    /// Serves another model from now on: new connections at once, those under way to the end of their request.
    pub fn reload(&self, model: Arc<Model>, logs: Arc<Logs>) {
        self.state.send_modify(|state| {
            state.model = model;
            state.logs = logs;
            state.generation += 1;
        });
    }

    /// Opens the logs anew.
    ///
    /// # Errors
    /// A log cannot be opened.
    pub fn reopen_logs(&self) -> Result<(), super::log::LogError> {
        self.state.borrow().logs.reopen()
    }

    /// Ends the front: at once, or after the requests under way (bounded by the server's own time-out).
    pub async fn stop(&self, graceful: bool) {
        self.state.send_modify(|state| state.draining = true);
        self.handle.stop(graceful).await;
    }
}

/// A worker thread's own part, by generation: old connections keep the one they began with.
struct Local<S> {
    generation: u64,
    model: Arc<Model>,
    worker: Rc<Worker>,
    registry: Rc<Registry>,
    application: Application<S>,
}

type LocalService = Local<AppService>;

thread_local! {
    static LOCAL: RefCell<HashMap<u64, Rc<LocalService>>> = RefCell::default();
}

/// Serves one accepted connection.
async fn accept(
    receiver: watch::Receiver<State>,
    listen: usize,
    stream: TcpStream,
) -> Result<(), ()> {
    let local = local(&receiver).await?;
    let Some(at) = local.model.listens.get(listen) else {
        return Ok(());
    };
    let (peer, address) = (stream.peer_addr().ok(), stream.local_addr().ok());
    let connection = Rc::new(Connection::new(Stream::Tcp(stream), peer, address));
    connection.stream.set_nodelay();
    let rules = head_rules(&at.default_server);
    let handler = AtListen {
        application: &local.application,
        listen,
        model: &local.model,
        worker: &local.worker,
        last: false,
    };
    serve(connection, &rules, &local.registry, &handler).await;
    Ok(())
}

/// How heads are read where this server is the address's default.
pub fn head_rules(server: &ModelServer) -> HeadRules {
    HeadRules {
        limits: head_limits(&server.head),
        timeout: server.head.client_header_timeout,
    }
}

/// The worker's part for the current generation; made on its first connection.
async fn local(receiver: &watch::Receiver<State>) -> Result<Rc<LocalService>, ()> {
    let generation = receiver.borrow().generation;
    if let Some(local) = LOCAL.with_borrow(|all| all.get(&generation).cloned()) {
        return Ok(local);
    }
    let state = receiver.borrow().clone();
    let worker = Rc::new(Worker {
        product: state.options.product.clone(),
        logs: state.logs.clone(),
        upstreams: Upstreams::new(state.options.dial_map.clone())
            .map_err(|error| ::log::error!("{error}"))?,
        story: state.options.story.clone(),
        effects: Effects::Real,
    });
    let made = Rc::new(Local {
        generation: state.generation,
        model: state.model.clone(),
        application: application().await?,
        worker,
        registry: Rc::default(),
    });
    let kept = LOCAL.with_borrow_mut(|all| {
        all.entry(state.generation)
            .or_insert_with(|| made.clone())
            .clone()
    });
    if Rc::ptr_eq(&kept, &made) {
        actix_rt::spawn(retire(receiver.clone(), kept.clone()));
    }
    Ok(kept)
}

/// Waits for a newer generation, or the end, and lets the connections of this one go.
async fn retire(mut receiver: watch::Receiver<State>, local: Rc<LocalService>) {
    let over = |state: &State| state.generation != local.generation || state.draining;
    let _ = receiver.wait_for(over).await;
    LOCAL.with_borrow_mut(|all| all.remove(&local.generation));
    local.registry.drain();
    local.worker.upstreams.clear();
}
