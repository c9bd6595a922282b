//! What a worker's thread does with the connections that it is given: each request is answered by what is served when it comes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::watch;

use crate::config::model::{LogLevel, Model};
use crate::front::app::{AppService, Application, AtListen, application};
use crate::front::bind::Key;
use crate::front::effects::Effects;
use crate::front::proxy::Upstreams;
use crate::front::room::Room;
use crate::front::user::become_user;
use crate::front::worker::Worker;
use crate::wire::answer::Answer;
use crate::wire::connection::Connection;
use crate::wire::counts::Counted;
use crate::wire::request_parser::HeadLimits;
use crate::wire::serve::{Handler, Incoming, Registry, Unasked, serve};
use crate::wire::stream::Stream;

use super::held::OneHeld;
use super::{FrontOptions, State, Watched, head_rules};

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
pub(super) async fn accept(
    watched: Watched,
    key: Key,
    stream: Stream,
    (peer, address): (Option<SocketAddr>, Option<SocketAddr>),
    _held: OneHeld,
) -> Result<(), ()> {
    watched.counts.accepted();
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
    let connection = Rc::new(Connection::new(
        stream,
        peer,
        address,
        Counted::new(watched.counts.clone()),
    ));
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
