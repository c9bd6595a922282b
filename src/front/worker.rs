//! What one worker thread keeps between requests: the product's name, logs, upstream pools and peers' health.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::FolderMap;
use crate::config::model::ListenAddress;

use super::effects::Effects;
use super::log::Logs;
use super::proxy::Upstreams;
use super::room::Room;

/// Shared by all requests of a worker.
pub struct Worker {
    pub product: Product,
    pub logs: Arc<Logs>,
    pub upstreams: Upstreams,
    pub room: Rc<Room>,
    pub story: Option<Story>,
    pub effects: Effects,
}

/// Hears the story of each request.
pub type Story = Arc<dyn Fn(&str) + Send + Sync>;

/// Where addresses of the configuration really lead: in grading, and with `--map`.
#[derive(Debug, Clone, Default)]
pub struct AddressMap {
    pairs: Vec<(ListenAddress, ListenAddress)>,
    /// Where all others lead; `None` leaves them as they are.
    otherwise: Option<ListenAddress>,
    /// `--map`: where the folders of Unix sockets really are.
    folders: FolderMap,
}

impl AddressMap {
    pub fn new(pairs: Vec<(ListenAddress, ListenAddress)>) -> Self {
        Self {
            pairs,
            ..Self::default()
        }
    }

    /// A map that lets no address through: what is not among `pairs` leads to `otherwise`.
    pub fn closed(pairs: Vec<(ListenAddress, ListenAddress)>, otherwise: ListenAddress) -> Self {
        Self {
            pairs,
            otherwise: Some(otherwise),
            ..Self::default()
        }
    }

    /// A map of the folders that Unix sockets lie in.
    pub fn of_folders(folders: FolderMap) -> Self {
        Self {
            folders,
            ..Self::default()
        }
    }

    /// The real address for one of the configuration.
    pub fn map(&self, address: &ListenAddress) -> ListenAddress {
        self.pairs
            .iter()
            .find(|(from, _)| from == address)
            .map(|(_, to)| to)
            .or(self.otherwise.as_ref())
            .cloned()
            .unwrap_or_else(|| match address {
                ListenAddress::Unix(path) => ListenAddress::Unix(self.folders.map(path.clone())),
                ListenAddress::Inet(_) => address.clone(),
            })
    }
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
        Self {
            full: full.to_owned(),
            short,
        }
    }
}

impl Default for Product {
    fn default() -> Self {
        Self::new(concat!("proxy-lab/", env!("CARGO_PKG_VERSION")))
    }
}
