//! `worker_connections`: how many connections a worker holds at once, to clients and to upstreams together.
//!
//! Counted as nginx counts them: each listening socket takes a place, and so does the channel to the master process.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::config::model::{LogLevel, Model};
use crate::wire::serve::Registry;

use super::log::Logs;

/// The places of a worker.
#[derive(Debug)]
pub struct Room {
    /// As written in the file.
    limit: usize,
    places: usize,
    /// Shared with the rooms of other generations: connections outlive a reload.
    taken: Rc<Cell<usize>>,
    /// When it was last logged that places are few; said once a second at most.
    warned: Cell<Option<Instant>>,
    clients: Rc<Registry>,
    model: Arc<Model>,
    logs: Arc<Logs>,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub struct Place(Rc<Cell<usize>>);

impl Room {
    /// `taken` counts the places taken on this thread; `clients` are those that can be ended.
    pub fn new(
        model: Arc<Model>,
        logs: Arc<Logs>,
        clients: Rc<Registry>,
        taken: Rc<Cell<usize>>,
    ) -> Rc<Self> {
        let limit = model.process.worker_connections;
        Rc::new(Self {
            limit,
            places: limit.saturating_sub(model.listens.len() + 1),
            taken,
            warned: Cell::new(None),
            clients,
            model,
            logs,
        })
    }

    /// A place, where one is left or an idle client gives up its own. The caller logs [`Room::not_enough`].
    pub fn take(&self) -> Option<Place> {
        let free = self.places.saturating_sub(self.taken.get());
        let ended = match free <= self.limit / 16 {
            true => self.end_idle(),
            false => 0,
        };
        if free == 0 && ended == 0 {
            return None;
        }
        self.taken.set(self.taken.get() + 1);
        Some(Place(self.taken.clone()))
    }

    /// nginx's words for a place that cannot be had.
    pub fn not_enough(&self) -> String {
        format!("{} worker_connections are not enough", self.limit)
    }

    /// Writes a line that belongs to no request.
    pub fn log(&self, level: LogLevel, message: &str) {
        self.logs.process(&self.model, level, message);
    }

    fn end_idle(&self) -> usize {
        let ended = self.clients.end_idle();
        let lately = self
            .warned
            .get()
            .is_some_and(|at| at.elapsed().as_secs() < 1);
        if ended > 0 && !lately {
            self.warned.set(Some(Instant::now()));
            let message = format!("{}, reusing connections", self.not_enough());
            self.log(LogLevel::Warn, &message);
        }
        ended
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
