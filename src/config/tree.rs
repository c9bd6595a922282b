//! Exact and prefix locations of one level: the longest prefix of a URI is found without trying each.

use std::sync::Arc;

use bytes::Bytes;

use super::model::{Location, LocationKind};
use super::quick_map::QuickMap;

/// The static locations of a level, by name.
#[derive(Debug, Default)]
pub struct PrefixTree {
    exact: QuickMap<Bytes, Arc<Location>>,
    prefix: QuickMap<Bytes, Arc<Location>>,
    /// Who redirects to a name that ends in a slash and is proxied, by the name without it.
    redirects: QuickMap<Bytes, Arc<Location>>,
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
        for location in &locations {
            let bare = location
                .name
                .strip_suffix(b"/")
                .filter(|_| location.proxy.pass.is_some());
            let Some(bare) = bare else { continue };
            // Both locations of a name are one node of nginx's tree: either proxies, the exact one answers.
            let answers = tree.exact.get(&location.name).unwrap_or(location).clone();
            tree.redirects
                .insert(location.name.slice(..bare.len()), answers);
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

    /// The location called `uri` plus a slash, where nginx redirects to the name with its slash.
    pub fn redirect_of(&self, uri: &[u8]) -> Option<&Arc<Location>> {
        if self.redirects.is_empty() {
            return None;
        }
        self.redirects.get(uri)
    }

    /// Every location in the file's order.
    pub fn all(&self) -> &[Arc<Location>] {
        &self.all
    }
}
