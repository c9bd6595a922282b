//! Exact and prefix locations of one level: the longest prefix of a URI is found without trying each.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::model::{Location, LocationKind};

/// The static locations of a level, by name.
#[derive(Debug, Default)]
pub struct PrefixTree {
    exact: HashMap<Bytes, Arc<Location>>,
    prefix: HashMap<Bytes, Arc<Location>>,
    /// Lengths of the prefixes, longest first, each once.
    lengths: Vec<usize>,
    /// In the file's order, for stories.
    all: Vec<Arc<Location>>,
}

impl PrefixTree {
    /// Builds the tree; the caller has refused duplicates.
    pub fn new(locations: Vec<Arc<Location>>) -> Self {
        let mut tree = Self::default();
        for location in &locations {
            match location.kind {
                LocationKind::Exact => tree.exact.insert(location.name.clone(), location.clone()),
                _ => tree.prefix.insert(location.name.clone(), location.clone()),
            };
        }
        tree.lengths = tree.prefix.keys().map(Bytes::len).collect();
        tree.lengths.sort_unstable_by(|a, b| b.cmp(a));
        tree.lengths.dedup();
        tree.all = locations;
        tree
    }

    /// `location = uri`.
    pub fn exact(&self, uri: &[u8]) -> Option<&Arc<Location>> {
        if self.exact.is_empty() {
            return None;
        }
        self.exact.get(uri)
    }

    /// The location with the longest prefix of `uri`.
    pub fn longest(&self, uri: &[u8]) -> Option<&Arc<Location>> {
        self.lengths
            .iter()
            .filter(|&&n| n <= uri.len())
            .find_map(|&n| self.prefix.get(&uri[..n]))
    }

    /// A prefix location called `name` exactly (for nginx's redirect of a proxied `/api` to `/api/`).
    pub fn prefix_named(&self, name: &[u8]) -> Option<&Arc<Location>> {
        self.prefix.get(name)
    }

    /// Every location in the file's order.
    pub fn all(&self) -> &[Arc<Location>] {
        &self.all
    }
}
