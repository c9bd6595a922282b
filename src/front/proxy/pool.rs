//! Idle connections to upstreams, kept as nginx's `keepalive` says; each worker has its own.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::config::model::{Keepalive, ListenAddress};
use crate::front::room::Place;
use crate::wire::stream::Stream;

/// A connection to a peer, with what its pool must know.
#[derive(Debug)]
pub struct PeerConnection {
    pub stream: Stream,
    pub requests: u64,
    pub opened: Instant,
    /// Empty; its memory serves the next answer's head.
    pub buffer: BytesMut,
    /// It was taken from the pool: the peer may have closed it meanwhile.
    pub reused: bool,
    /// Of `worker_connections`.
    _place: Place,
}

#[derive(Debug)]
struct Idle {
    upstream: usize,
    address: ListenAddress,
    connection: PeerConnection,
    since: Instant,
    timeout: Duration,
}

/// The idle connections of a worker, most recently used last.
#[derive(Debug, Default)]
pub struct Pool {
    idle: RefCell<VecDeque<Idle>>,
    swept: Cell<bool>,
}

/// How often connections that the peer closed, or that idled too long, are looked for.
const SWEEP: Duration = Duration::from_millis(500);

impl Pool {
    /// Takes an idle connection to `address` that the peer has not closed.
    pub fn take(
        &self,
        upstream: usize,
        address: &ListenAddress,
        now: Instant,
    ) -> Option<PeerConnection> {
        let mut idle = self.idle.borrow_mut();
        while let Some(at) = idle
            .iter()
            .rposition(|i| i.upstream == upstream && i.address == *address)
        {
            let found = idle.remove(at)?;
            let idled = now.saturating_duration_since(found.since);
            if idled < found.timeout && found.connection.stream.is_quiet() {
                return Some(PeerConnection {
                    reused: true,
                    ..found.connection
                });
            }
        }
        None
    }

    /// Keeps a connection for later, closing the one unused for longest where there are too many.
    pub fn put(
        self: &Rc<Self>,
        upstream: usize,
        address: ListenAddress,
        connection: PeerConnection,
        rules: &Keepalive,
        now: Instant,
    ) {
        let age = now.saturating_duration_since(connection.opened);
        if connection.requests >= rules.requests || age >= rules.time {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        // Counted only where there may be too many.
        let mut of_upstream = idle.iter().filter(|i| i.upstream == upstream);
        if idle.len() >= rules.connections
            && of_upstream.by_ref().count() >= rules.connections
            && let Some(oldest) = idle.iter().position(|i| i.upstream == upstream)
        {
            idle.remove(oldest);
        }
        idle.push_back(Idle {
            upstream,
            address,
            connection,
            since: now,
            timeout: rules.timeout,
        });
        if !self.swept.replace(true) {
            actix_rt::spawn(sweep(self.clone()));
        }
    }

    /// Closes every idle connection.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
    }
}

/// Closes what the peer closed and what idled too long, as long as anything idles.
async fn sweep(pool: Rc<Pool>) {
    let mut turn = tokio::time::interval(SWEEP);
    loop {
        turn.tick().await;
        let mut idle = pool.idle.borrow_mut();
        idle.retain(|i| i.since.elapsed() < i.timeout && i.connection.stream.is_quiet());
        if idle.is_empty() {
            pool.swept.set(false);
            return;
        }
    }
}

impl PeerConnection {
    pub fn new(stream: Stream, place: Place) -> Self {
        Self {
            stream,
            requests: 0,
            opened: Instant::now(),
            buffer: BytesMut::new(),
            reused: false,
            _place: place,
        }
    }
}
