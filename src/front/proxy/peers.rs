//! Chooses a peer of an upstream: nginx's smooth weighted round robin, with its count of failures.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::config::model::{Peer, Upstream};
use crate::config::quick_map::QuickMap;

/// What a worker knows of the peers of each upstream, by the upstream's id.
#[derive(Debug, Default)]
pub struct Balancer {
    groups: RefCell<QuickMap<usize, Rc<RefCell<Group>>>>,
}

/// The peers of one upstream.
#[derive(Debug)]
struct Group {
    peers: Vec<Health>,
}

#[derive(Debug)]
struct Health {
    current: i64,
    effective: i64,
    fails: u32,
    /// Of the last failure.
    accessed: Option<Instant>,
    /// Of the last failure, or of the last try after its time-out.
    checked: Option<Instant>,
}

/// The choosing of one request: which peers it has tried.
#[derive(Debug)]
pub struct Choice {
    upstream: std::sync::Arc<Upstream>,
    group: Rc<RefCell<Group>>,
    tried: Vec<bool>,
    backups: bool,
    current: Option<usize>,
    /// Tries that are left.
    pub tries: u64,
}

impl Balancer {
    /// Begins to choose for a request.
    pub fn begin(&self, upstream: &std::sync::Arc<Upstream>, limit: u64) -> Choice {
        let fresh = || Rc::new(RefCell::new(Group::new(&upstream.peers)));
        let group = match upstream.id {
            Upstream::MADE => fresh(),
            id => self
                .groups
                .borrow_mut()
                .entry(id)
                .or_insert_with(fresh)
                .clone(),
        };
        let live = upstream.peers.iter().filter(|p| !p.down).count() as u64;
        let tries = if limit > 0 { live.min(limit) } else { live };
        Choice {
            upstream: upstream.clone(),
            tried: match upstream.peers.len() {
                // There is no choice to be made.
                1 => Vec::new(),
                peers => vec![false; peers],
            },
            group,
            backups: false,
            current: None,
            tries,
        }
    }
}

impl Group {
    fn new(peers: &[Peer]) -> Self {
        let health = |p: &Peer| Health {
            current: 0,
            effective: i64::from(p.weight),
            fails: 0,
            accessed: None,
            checked: None,
        };
        Self {
            peers: peers.iter().map(health).collect(),
        }
    }
}

impl Choice {
    /// Index of the next peer; `None` where none is live.
    pub fn next(&mut self) -> Option<usize> {
        let upstream = self.upstream.clone();
        if let [single] = &upstream.peers[..] {
            self.current = Some(0);
            return (!single.down).then_some(0);
        }
        if let Some(at) = self.choose(&upstream.peers) {
            return Some(at);
        }
        if !self.backups && upstream.peers.iter().any(|p| p.backup) {
            self.backups = true;
            return self.choose(&upstream.peers);
        }
        None
    }

    fn choose(&mut self, peers: &[Peer]) -> Option<usize> {
        let mut group = self.group.borrow_mut();
        let mut best: Option<usize> = None;
        let mut total = 0;
        for (i, peer) in peers.iter().enumerate() {
            if peer.backup != self.backups
                || peer.down
                || self.tried.get(i).copied().unwrap_or(true)
            {
                continue;
            }
            let best_weight = best.and_then(|b| group.peers.get(b)).map(|h| h.current);
            let Some(health) = group.peers.get_mut(i) else {
                continue;
            };
            if health.is_out(peer) {
                continue;
            }
            health.current += health.effective;
            total += health.effective;
            if health.effective < i64::from(peer.weight) {
                health.effective += 1;
            }
            if best_weight.is_none_or(|w| health.current > w) {
                best = Some(i);
            }
        }
        let chosen = best?;
        *self.tried.get_mut(chosen)? = true;
        self.current = Some(chosen);
        let health = group.peers.get_mut(chosen)?;
        health.current -= total;
        if health
            .checked
            .is_none_or(|at| whole_seconds(at) > fail_timeout(peers, chosen))
        {
            health.checked = Some(Instant::now());
        }
        Some(chosen)
    }

    /// Says how the peer did; true if it is now out for a while.
    pub fn report(&mut self, failed: bool) -> bool {
        if self.upstream.peers.len() == 1 {
            self.tries = 0;
            return false;
        }
        let mut out = false;
        if let Some(at) = self.current
            && let Some(peer) = self.upstream.peers.get(at)
            && let Some(health) = self.group.borrow_mut().peers.get_mut(at)
        {
            if failed {
                let now = Instant::now();
                health.fails += 1;
                health.accessed = Some(now);
                health.checked = Some(now);
                if peer.max_fails > 0 {
                    health.effective -=
                        i64::from(peer.weight.checked_div(peer.max_fails).unwrap_or(0));
                    out = health.fails >= peer.max_fails;
                }
                health.effective = health.effective.max(0);
            } else if health.accessed < health.checked {
                health.fails = 0;
            }
        }
        self.tries = self.tries.saturating_sub(1);
        out
    }
}

impl Health {
    fn is_out(&self, peer: &Peer) -> bool {
        peer.max_fails > 0
            && self.fails >= peer.max_fails
            && self
                .checked
                .is_some_and(|at| whole_seconds(at) <= peer.fail_timeout)
    }
}

fn whole_seconds(since: Instant) -> Duration {
    Duration::from_secs(since.elapsed().as_secs())
}

fn fail_timeout(peers: &[Peer], at: usize) -> Duration {
    peers.get(at).map_or(Duration::ZERO, |p| p.fail_timeout)
}
