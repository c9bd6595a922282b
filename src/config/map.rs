//! What `map` and `split_clients` make of a value: their tables, ready to be looked into.

use std::sync::Arc;

use bytes::Bytes;

use super::host_names::{Added, HostNames};
use super::regex::Regex;
use super::template::Template;

/// A `map` block.
#[derive(Debug, Default)]
pub struct Map {
    pub source: Template,
    /// `hostnames`: keys may be wildcards, and a final dot of the value does not count.
    pub hostnames: bool,
    /// `volatile`: computed again at each use.
    pub volatile: bool,
    pub default: Option<Template>,
    /// Keys that are no regexes.
    pub keys: HostNames<Template>,
    /// In the file's order.
    pub regexes: Vec<(Arc<Regex>, Template)>,
}

impl Map {
    /// Adds a key that is no regex.
    pub fn add(&mut self, key: &[u8], value: Template) -> Added {
        match self.hostnames {
            true => self.keys.add(key, value),
            false => self.keys.add_exact(key, value),
        }
    }

    /// What is looked up, and every value.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let by_regex = self.regexes.iter().map(|(_, value)| value);
        [&self.source]
            .into_iter()
            .chain(&self.default)
            .chain(self.keys.values())
            .chain(by_regex)
    }
}

/// A `split_clients` block.
#[derive(Debug, Default)]
pub struct SplitClients {
    pub source: Template,
    /// Each with the hash below which it is taken; zero takes all.
    pub parts: Vec<(u32, Bytes)>,
}

impl SplitClients {
    /// The part that a value falls into; empty where none takes it.
    pub fn find(&self, value: &[u8]) -> Bytes {
        let hash = murmur2(value);
        let fits = |(below, _): &&(u32, Bytes)| *below == 0 || hash < *below;
        let part = self.parts.iter().find(fits);
        part.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// MurmurHash2 of 32 bits, seeded with zero (public domain, Austin Appleby).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word = word
            .iter()
            .rev()
            .fold(0u32, |all, &b| all << 8 | u32::from(b));
        let mut k = word.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0u32, |all, &b| all << 8 | u32::from(b));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}
