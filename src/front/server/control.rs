//! Steers the front that runs: another model, other sockets, logs opened anew, and the end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_server::ServerHandle;
use rustix::process::Uid;
use tokio::sync::watch;

use crate::config::model::{ListenAddress, LogLevel, Model};
use crate::front::bind::{self, Bound};
use crate::front::log::Logs;
use crate::wire::counts::Counts;

use super::held::Held;
use super::{FrontError, State, Watched, serving};

/// Workers that do not end at once are left behind.
const AT_ONCE: Duration = Duration::from_secs(10);
/// The accepting thread hears of a pause well within this; before, a socket must not be closed under it.
const PAUSED: Duration = Duration::from_millis(20);
/// Connections that the accepting thread has taken reach their worker well within this.
const HANDED_OVER: Duration = Duration::from_secs(1);

/// Steers the running front.
#[derive(Clone)]
pub struct Control {
    state: Arc<watch::Sender<State>>,
    generation: Arc<AtomicU64>,
    counts: Arc<Counts>,
    held: Held,
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

impl Rebound {
    fn between(before: &[Bound], after: &[Bound]) -> Self {
        let without = |all: &[Bound], known: &[Bound]| -> Vec<ListenAddress> {
            let addresses = all.iter().map(|at| at.address.clone());
            let is_known = |address: &ListenAddress| known.iter().any(|at| at.address == *address);
            addresses.filter(|address| !is_known(address)).collect()
        };
        Self {
            opened: without(after, before),
            closed: without(before, after),
        }
    }
}

impl Running {
    /// Another server in this one's place, which is given back: it ends when its connections have.
    fn replace(
        &mut self,
        handle: ServerHandle,
        workers: usize,
        sockets: Vec<Bound>,
    ) -> ServerHandle {
        let old = std::mem::replace(&mut self.handle, handle);
        let known = std::mem::replace(&mut self.sockets, sockets);
        self.workers = workers;
        self.replaced.push(old.clone());
        self.leaving.extend(known);
        let kept = &self.sockets;
        self.leaving
            .retain(|at| !kept.iter().any(|kept| kept.is_same(at)));
        old
    }
}

impl Control {
    /// Of a server that runs on these sockets.
    pub(super) fn new(
        state: watch::Sender<State>,
        watched: Watched,
        (handle, workers): (ServerHandle, usize),
        sockets: Vec<Bound>,
    ) -> Self {
        let running = Running {
            handle,
            workers,
            sockets,
            replaced: Vec::new(),
            leaving: Vec::new(),
            logs_before: Vec::new(),
        };
        Self {
            state: Arc::new(state),
            generation: watched.generation,
            counts: watched.counts,
            held: watched.held,
            running: Arc::new(Mutex::new(running)),
        }
    }

    /// Serves another model from now on; its addresses are bound and those that it lacks are closed.
    ///
    /// # Errors
    /// An address cannot be bound: everything goes on as it is.
    pub fn reload(&self, model: Arc<Model>, logs: Arc<Logs>) -> Result<Rebound, FrontError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let options = self.state.borrow().options.clone();
        let held: Vec<&Bound> = running.sockets.iter().chain(&running.leaving).collect();
        let told = |level: LogLevel, message: &str| self.log(level, message);
        let sockets = bind::bind(&model, &options, &held, &told)?;
        let rebound = Rebound::between(&running.sockets, &sockets);
        let workers = model.process.workers.max(1);
        // Workers that became a user stay so: another one has workers of its own.
        let same_user = self.state.borrow().model.process.user == model.process.user;
        let stays = rebound == Rebound::default() && workers == running.workers && same_user;
        let watched = Watched {
            state: self.state.subscribe(),
            generation: self.generation.clone(),
            counts: self.counts.clone(),
            held: self.held.clone(),
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
            let old = running.replace(ready.run(), workers, sockets);
            actix_rt::spawn(let_go(old, self.running.clone()));
        }
        Ok(rebound)
    }

    /// Writes a line to the error logs of what is served.
    pub fn log(&self, level: LogLevel, message: &str) {
        let state = self.state.borrow();
        state.logs.process(&state.model, level, message);
    }

    /// Opens the logs anew; one that cannot be opened is told of by the error log.
    pub fn reopen_logs(&self) {
        let state = self.state.borrow();
        let user = state.model.process.user.as_ref();
        let owner = user.filter(|_| state.options.become_user);
        let failed = state.logs.reopen(owner.map(|user| Uid::from_raw(user.uid)));
        for error in failed {
            let message = error.to_string();
            state.logs.process(&state.model, LogLevel::Emerg, &message);
        }
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
        let (handles, sockets) = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.leaving.clear();
            let replaced = running.replaced.iter().cloned();
            let handles: Vec<_> = replaced.chain([running.handle.clone()]).collect();
            (handles, std::mem::take(&mut running.sockets))
        };
        let graceful = how != Stop::Now;
        let ending = async {
            match graceful {
                true => self.finish(&handles, sockets).await,
                // The accepting threads close theirs.
                false => sockets.iter().for_each(Bound::forget),
            }
            futures::future::join_all(handles.iter().map(|handle| handle.stop(graceful))).await;
        };
        match how {
            Stop::After { bound: None } => ending.await,
            Stop::After { bound: Some(bound) } => drop(tokio::time::timeout(bound, ending).await),
            Stop::Now => drop(tokio::time::timeout(AT_ONCE, ending).await),
        }
        self.flush_logs();
    }

    /// Whoever comes now is refused, as by nginx, and does not wait for those who are still served; waits for these.
    async fn finish(&self, handles: &[ServerHandle], sockets: Vec<Bound>) {
        pause(handles).await;
        sockets.into_iter().for_each(Bound::close);
        self.held.none().await;
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

/// The accepting threads of these take nothing any more: their sockets may be closed.
async fn pause(handles: &[ServerHandle]) {
    futures::future::join_all(handles.iter().map(ServerHandle::pause)).await;
    tokio::time::sleep(PAUSED).await;
}

/// Ends a server that was replaced, once nothing that it accepted is left.
async fn let_go(old: ServerHandle, running: Arc<Mutex<Running>>) {
    pause(std::slice::from_ref(&old)).await;
    // What was wanted again meanwhile is no longer among these.
    let leaving = {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut running.leaving)
    };
    leaving.into_iter().for_each(Bound::close);
    tokio::time::sleep(HANDED_OVER).await;
    old.stop(true).await;
}
