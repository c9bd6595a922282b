//! Serves a model on its sockets: actix-server accepts and runs the workers, our loop each connection.
//!
//! A reload loses no request. The workers go on with the new model: a connection that was open gets its next answer by it,
//! with `Connection: close`, and is not cut before. Where sockets or the number of workers change, a second server takes over
//! the sockets that stay, as nginx's new workers do, and the first ends when its last connection has ended.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_rt::net::{TcpStream, UnixStream};
use actix_server::{Server, ServerHandle};
use actix_service::fn_service;
use tokio::sync::watch;

use crate::config::model::{ListenAddress, LogLevel, Model, Server as ModelServer};
use crate::wire::answer::Answer;
use crate::wire::connection::Connection;
use crate::wire::request_parser::HeadLimits;
use crate::wire::serve::{Handler, HeadRules, Incoming, Registry, Unasked, serve};
use crate::wire::stream::Stream;

use super::app::{AppService, Application, AtListen, application, head_limits};
use super::bind;
pub use super::bind::{Bound, forget};
use super::bind::{Key, Socket};
use super::effects::Effects;
use super::log::Logs;
use super::proxy::Upstreams;
use super::room::Room;
use super::user::become_user;
use super::worker::{AddressMap, Product, Worker};

/// How long requests under way may take once the lab is told to end.
pub const FAREWELL: Duration = Duration::from_secs(10);
/// Workers that do not end at once are left behind.
const AT_ONCE: Duration = Duration::from_secs(10);
/// The accepting thread hears of a pause well within this; before, a socket must not be closed under it.
const PAUSED: Duration = Duration::from_millis(20);
/// Connections that the accepting thread has taken reach their worker well within this.
const HANDED_OVER: Duration = Duration::from_secs(1);
/// A replaced server may take as long as its connections do: whoever ends the front ends it, too.
const NO_BOUND: u64 = 365 * 24 * 3600;

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
    /// Workers become the file's `user` (nginx mode).
    pub become_user: bool,
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

/// What all workers watch.
#[derive(Clone)]
struct Watched {
    state: watch::Receiver<State>,
    /// The state's generation, to be looked at without a lock.
    generation: Arc<AtomicU64>,
}

/// Steers the running front.
#[derive(Clone)]
pub struct Control {
    state: Arc<watch::Sender<State>>,
    generation: Arc<AtomicU64>,
    running: Arc<Mutex<Running>>,
}

struct Running {
    handle: ServerHandle,
    workers: usize,
    sockets: Vec<Bound>,
    /// Servers that were replaced and may still have connections.
    replaced: Vec<ServerHandle>,
    /// Sockets of addresses that were given up a moment ago.
    leaving: Vec<Bound>,
    /// Logs of configurations before, which requests under way may still write.
    logs_before: Vec<std::sync::Weak<Logs>>,
}

/// What a reload did to the sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebound {
    pub opened: Vec<ListenAddress>,
    pub closed: Vec<ListenAddress>,
}

/// Binds every address of `model`.
///
/// # Errors
/// The first address that cannot be bound; nothing stays bound then.
pub fn bind(model: &Model, options: &FrontOptions) -> Result<Vec<Bound>, FrontError> {
    bind::bind(model, options, &[])
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
        generation: generation.clone(),
    };
    let handle = serving(&bound, workers, &watched)?.run();
    Ok(Control {
        state: Arc::new(sender),
        generation,
        running: Arc::new(Mutex::new(Running {
            handle,
            workers,
            sockets: bound,
            replaced: Vec::new(),
            leaving: Vec::new(),
            logs_before: Vec::new(),
        })),
    })
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
                    Box::pin(accept(watched.clone(), key.clone(), stream, ends))
                })
            }),
            Socket::Unix(socket) => builder.listen_uds(name, socket, move || {
                let (watched, key) = (watched.clone(), key.clone());
                fn_service(move |stream: UnixStream| {
                    let stream = Stream::Unix(stream);
                    Box::pin(accept(watched.clone(), key.clone(), stream, (None, None)))
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

impl Control {
    /// Serves another model from now on; its addresses are bound and those that it lacks are closed.
    ///
    /// # Errors
    /// An address cannot be bound: everything goes on as it is.
    pub fn reload(&self, model: Arc<Model>, logs: Arc<Logs>) -> Result<Rebound, FrontError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let options = self.state.borrow().options.clone();
        let held: Vec<&Bound> = running.sockets.iter().chain(&running.leaving).collect();
        let sockets = bind::bind(&model, &options, &held)?;
        let without = |all: &[Bound], known: &[Bound]| -> Vec<ListenAddress> {
            let addresses = all.iter().map(|at| at.address.clone());
            let is_known = |address: &ListenAddress| known.iter().any(|at| at.address == *address);
            addresses.filter(|address| !is_known(address)).collect()
        };
        let rebound = Rebound {
            opened: without(&sockets, &running.sockets),
            closed: without(&running.sockets, &sockets),
        };
        let workers = model.process.workers.max(1);
        // Workers that became a user stay so: another one has workers of its own.
        let same_user = self.state.borrow().model.process.user == model.process.user;
        let stays = rebound == Rebound::default() && workers == running.workers && same_user;
        let watched = Watched {
            state: self.state.subscribe(),
            generation: self.generation.clone(),
        };
        let ready = match stays {
            true => None,
            false => Some(serving(&sockets, workers, &watched)?),
        };
        let mut before = None;
        self.state.send_modify(|state| {
            state.model = model;
            before = Some(std::mem::replace(&mut state.logs, logs));
            state.generation += 1;
            self.generation.store(state.generation, Ordering::Release);
        });
        if let Some(before) = before {
            before.flush();
            running.logs_before.retain(|logs| logs.strong_count() > 0);
            running.logs_before.push(Arc::downgrade(&before));
        }
        if let Some(ready) = ready {
            let old = std::mem::replace(&mut running.handle, ready.run());
            let known = std::mem::replace(&mut running.sockets, sockets);
            running.workers = workers;
            running.replaced.push(old.clone());
            running.leaving.extend(known);
            let Running {
                sockets, leaving, ..
            } = &mut *running;
            leaving.retain(|at| !sockets.iter().any(|kept| kept.is_same(at)));
            actix_rt::spawn(let_go(old, self.running.clone()));
        }
        Ok(rebound)
    }

    /// Writes a line to the error logs of what is served.
    pub fn log(&self, level: LogLevel, message: &str) {
        let state = self.state.borrow();
        state.logs.process(&state.model, level, message);
    }

    /// Opens the logs anew.
    ///
    /// # Errors
    /// A log cannot be opened.
    pub fn reopen_logs(&self) -> Result<(), super::log::LogError> {
        self.state.borrow().logs.reopen()
    }

    /// Writes what waits in the logs' buffers.
    fn flush_logs(&self) {
        self.state.borrow().logs.flush();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let before = running.logs_before.iter().filter_map(|logs| logs.upgrade());
        before.for_each(|logs| logs.flush());
    }

    /// Ends the front: at once, or after the requests under way, for which there may be a bound. Nothing new is accepted.
    pub async fn stop(&self, how: Stop) {
        self.state.send_modify(|state| state.draining = true);
        let handles: Vec<ServerHandle> = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            // The accepting threads close theirs: whoever comes now is refused, as by nginx, and does not wait for
            // those who are still served.
            let sockets = running.sockets.drain(..);
            sockets.for_each(|socket| socket.forget());
            running.leaving.clear();
            let replaced = running.replaced.iter().cloned();
            replaced.chain([running.handle.clone()]).collect()
        };
        let graceful = how != Stop::Now;
        let all = futures::future::join_all(handles.iter().map(|handle| handle.stop(graceful)));
        match how {
            Stop::After { bound: None } => drop(all.await),
            Stop::After { bound: Some(bound) } => drop(tokio::time::timeout(bound, all).await),
            Stop::Now => drop(tokio::time::timeout(AT_ONCE, all).await),
        }
        self.flush_logs();
    }
}

/// How the front ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Now,
    /// After the requests under way, or once they took so long.
    After {
        bound: Option<Duration>,
    },
}

/// Ends a server that was replaced, once nothing that it accepted is left.
async fn let_go(old: ServerHandle, running: Arc<Mutex<Running>>) {
    old.pause().await;
    tokio::time::sleep(PAUSED).await;
    // What was wanted again meanwhile is no longer among these.
    let leaving = {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut running.leaving)
    };
    leaving.into_iter().for_each(Bound::close);
    tokio::time::sleep(HANDED_OVER).await;
    old.stop(true).await;
}

/// A worker thread's own part of a generation.
struct Local {
    generation: u64,
    model: Arc<Model>,
    options: Arc<FrontOptions>,
    worker: Rc<Worker>,
    application: Application<AppService>,
}

thread_local! {
    /// By generation. Owned by the task that waits for the next one: what actix-web keeps must be gone before the
    /// thread's own variables are.
    static LOCAL: RefCell<HashMap<u64, Weak<Local>>> = RefCell::default();
    /// How many connections this thread holds, to clients and to upstreams.
    static TAKEN: Rc<Cell<usize>> = Rc::default();
    /// The connections of this thread; `None` before the first.
    static REGISTRY: RefCell<Option<Rc<Registry>>> = const { RefCell::new(None) };
}

/// Serves one accepted connection.
async fn accept(
    watched: Watched,
    key: Key,
    stream: Stream,
    (peer, address): (Option<SocketAddr>, Option<SocketAddr>),
) -> Result<(), ()> {
    let local = local(&watched.state).await?;
    let Some(listen) = key.listen(&local.model, &local.options, address) else {
        // Its address was given up a moment ago.
        return Ok(());
    };
    let Some(at) = local.model.listens.get(listen) else {
        return Ok(());
    };
    let room = &local.worker.room;
    let Some(_place) = room.take() else {
        room.log(LogLevel::Alert, &room.not_enough());
        return Ok(());
    };
    let connection = Rc::new(Connection::new(stream, peer, address));
    connection.stream.set_nodelay();
    let rules = head_rules(&at.default_server);
    let handler = PerRequest {
        watched: &watched,
        key: &key,
        address,
        opened: local.generation,
        current: RefCell::new((local, listen)),
    };
    serve(connection, &rules, &registry(&watched.state), &handler).await;
    Ok(())
}

/// How heads are read where this server is the address's default.
pub fn head_rules(server: &ModelServer) -> HeadRules {
    HeadRules {
        limits: head_limits(&server.head),
        timeout: server.head.client_header_timeout,
    }
}

/// Answers each request of a connection by what is served when it comes.
struct PerRequest<'a> {
    watched: &'a Watched,
    key: &'a Key,
    address: Option<SocketAddr>,
    /// The generation that the connection was opened in.
    opened: u64,
    current: RefCell<(Rc<Local>, usize)>,
}

impl PerRequest<'_> {
    async fn current(&self) -> (Rc<Local>, usize) {
        let known = self.current.borrow().clone();
        if self.watched.generation.load(Ordering::Acquire) == known.0.generation {
            return known;
        }
        let Ok(newer) = local(&self.watched.state).await else {
            return known;
        };
        // An address that was given up goes on as it was, until the connection ends.
        let listen = self.key.listen(&newer.model, &newer.options, self.address);
        match listen {
            Some(listen) => self.current.replace((newer.clone(), listen)),
            None => return known,
        };
        (newer, listen.unwrap_or_default())
    }

    fn at<'a>(&self, local: &'a Local, listen: usize) -> AtListen<'a, AppService> {
        AtListen {
            application: &local.application,
            listen,
            model: &local.model,
            worker: &local.worker,
            last: self.opened != self.watched.generation.load(Ordering::Acquire),
        }
    }
}

impl Handler for PerRequest<'_> {
    fn limits(&self, host: &[u8]) -> Option<HeadLimits> {
        let current = self.current.borrow();
        self.at(&current.0, current.1).limits(host)
    }

    fn unasked(&self, connection: &Connection, end: Unasked) {
        let current = self.current.borrow();
        self.at(&current.0, current.1).unasked(connection, end);
    }

    async fn handle(&self, incoming: Incoming) -> Answer {
        let (local, listen) = self.current().await;
        self.at(&local, listen).handle(incoming).await
    }
}

/// The worker's part for the current generation; made on its first connection.
async fn local(receiver: &watch::Receiver<State>) -> Result<Rc<Local>, ()> {
    let generation = receiver.borrow().generation;
    if let Some(local) = LOCAL.with_borrow(|all| all.get(&generation).and_then(Weak::upgrade)) {
        return Ok(local);
    }
    let state = receiver.borrow().clone();
    let user = state.model.process.user.as_ref();
    if let Err(error) = become_user(user.filter(|_| state.options.become_user)) {
        let message = format!("the worker cannot become the user of `user`: {error}");
        state.logs.process(&state.model, LogLevel::Emerg, &message);
        return Err(());
    }
    let room = Room::new(
        state.model.clone(),
        state.logs.clone(),
        registry(receiver),
        TAKEN.with(Rc::clone),
    );
    let worker = Rc::new(Worker {
        room,
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
        options: state.options.clone(),
        application: application().await?,
        worker,
    });
    // Another connection may have made it meanwhile.
    let known = LOCAL.with_borrow(|all| all.get(&state.generation).and_then(Weak::upgrade));
    if let Some(known) = known {
        return Ok(known);
    }
    LOCAL.with_borrow_mut(|all| all.insert(state.generation, Rc::downgrade(&made)));
    actix_rt::spawn(retire(receiver.clone(), made.clone()));
    Ok(made)
}

/// Waits for a newer generation, or the end, and lets idle connections to upstreams go.
async fn retire(mut receiver: watch::Receiver<State>, local: Rc<Local>) {
    let over = |state: &State| state.generation != local.generation || state.draining;
    let _ = receiver.wait_for(over).await;
    LOCAL.with_borrow_mut(|all| all.remove(&local.generation));
    local.worker.upstreams.clear();
}

/// The connections of this thread, told to end when the front is.
fn registry(receiver: &watch::Receiver<State>) -> Rc<Registry> {
    if let Some(known) = REGISTRY.with_borrow(Clone::clone) {
        return known;
    }
    let made = Rc::new(Registry::default());
    REGISTRY.set(Some(made.clone()));
    let (mut receiver, told) = (receiver.clone(), made.clone());
    actix_rt::spawn(async move {
        let _ = receiver.wait_for(|state| state.draining).await;
        told.drain();
    });
    made
}
