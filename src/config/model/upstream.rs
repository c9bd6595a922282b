//! Upstreams, their peers, and the connections kept to them.

use std::time::Duration;

use bytes::Bytes;

use crate::config::source::Span;

use super::ListenAddress;

/// An `upstream` block, or the implicit one of a literal address.
#[derive(Debug)]
pub struct Upstream {
    /// [`Upstream::MADE`] for one that a request made.
    pub id: usize,
    pub name: String,
    /// What a URL with variables must say to mean this one; the port is 0 for a block.
    pub host: Bytes,
    pub port: u16,
    /// True for the one that a `proxy_pass http://host:port` makes.
    pub implicit: bool,
    pub peers: Vec<Peer>,
    /// `keepalive N`: idle connections kept by each worker; `None` keeps none.
    pub keepalive: Option<Keepalive>,
    pub span: Span,
}

impl Upstream {
    /// The `id` of upstreams that a request makes for itself, of addresses that variables or a name server gave.
    pub const MADE: usize = usize::MAX;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    pub connections: usize,
    /// `keepalive_requests`, 1000.
    pub requests: u64,
    /// `keepalive_time`, 1 h.
    pub time: Duration,
    /// `keepalive_timeout`, 60 s.
    pub timeout: Duration,
}

/// A resolved address of a `server` line (a name with several addresses makes several).
#[derive(Debug, Clone)]
pub struct Peer {
    /// As nginx's `$upstream_addr` shows it: `127.0.0.1:5000`, `unix:/path`.
    pub name: String,
    pub address: ListenAddress,
    pub weight: u32,
    /// `max_fails`, 1; 0 never counts.
    pub max_fails: u32,
    pub fail_timeout: Duration,
    pub backup: bool,
    pub down: bool,
    /// The demo backend answers in this one's place, which does not resolve (`--stub-upstreams`).
    pub stands_for: Option<String>,
    pub span: Span,
}
