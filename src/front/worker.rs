//! What one worker thread keeps between requests: the product's name, logs, upstream pools and peers' health.

use std::rc::Rc;

use super::log::Logs;
use super::proxy::Upstreams;

/// Shared by all requests of a worker.
pub struct Worker {
    pub product: Product,
    pub logs: Rc<Logs>,
    pub upstreams: Upstreams,
}

/// The product's name as answers tell it.
#[derive(Debug, Clone)]
pub struct Product {
    /// `proxy-lab/0.1.0`
    pub full: String,
    /// Before the slash: what `server_tokens off` leaves.
    pub short: String,
}

impl Product {
    pub fn new(full: &str) -> Self {
        let short = full.split('/').next().unwrap_or(full).to_owned();
        Self { full: full.to_owned(), short }
    }
}

impl Default for Product {
    fn default() -> Self {
        Self::new(concat!("proxy-lab/", env!("CARGO_PKG_VERSION")))
    }
}
