//! What `map` and `split_clients` make of a value: their tables, ready to be looked into.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

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
    /// Lower-case.
    exact: HashMap<Bytes, Template>,
    /// `*.example.org` as `.example.org`.
    leading: HashMap<Bytes, Template>,
    /// `www.example.*` as `www.example.`.
    trailing: HashMap<Bytes, Template>,
    /// In the file's order.
    pub regexes: Vec<(Arc<Regex>, Template)>,
}

/// How adding a key went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New,
    /// The key is there already.
    Known,
    /// No host name and no wildcard.
    Invalid,
}

impl Map {
    /// Keys that stand for themselves alone, lower-case.
    pub fn exact_keys(&self) -> impl Iterator<Item = &[u8]> {
        self.exact.keys().map(|key| &key[..])
    }

    /// Adds a key that is no regex.
    pub fn add(&mut self, key: &[u8], value: Template) -> Added {
        let key = Bytes::from(key.to_ascii_lowercase());
        if !self.hostnames {
            return put(&mut self.exact, key, value);
        }
        let stars = key.iter().filter(|&&b| b == b'*').count();
        if stars > 1 || key.windows(2).any(|pair| pair == b"..") || key.contains(&0) {
            return Added::Invalid;
        }
        if key.len() > 1 && key.starts_with(b".") {
            let bare = key.slice(1..);
            if self.exact.contains_key(&bare) || self.leading.contains_key(&key) {
                return Added::Known;
            }
            self.exact.insert(bare, value.clone());
            return put(&mut self.leading, key, value);
        }
        if key.len() > 2 && key.starts_with(b"*.") {
            return put(&mut self.leading, key.slice(1..), value);
        }
        if key.len() > 2 && key.ends_with(b".*") {
            return put(&mut self.trailing, key.slice(..key.len() - 1), value);
        }
        if stars > 0 {
            return Added::Invalid;
        }
        put(&mut self.exact, key, value)
    }

    /// The value of a key that is no regex: the exact one, the longest `*.x`, the longest `x.*`.
    pub fn find(&self, value: &[u8]) -> Option<&Template> {
        let value = value.to_ascii_lowercase();
        if let Some(found) = self.exact.get(&value[..]) {
            return Some(found);
        }
        if !self.hostnames {
            return None;
        }
        let dots = || (0..value.len()).filter(|&at| value[at] == b'.');
        let suffix = dots().find_map(|at| self.leading.get(&value[at..]));
        let prefix = || dots().rev().find_map(|at| self.trailing.get(&value[..=at]));
        suffix.or_else(prefix)
    }
}

fn put(table: &mut HashMap<Bytes, Template>, key: Bytes, value: Template) -> Added {
    if table.contains_key(&key) {
        return Added::Known;
    }
    table.insert(key, value);
    Added::New
}

impl Map {
    /// What is looked up, and every value.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        let tables = [&self.exact, &self.leading, &self.trailing];
        let values = tables.into_iter().flat_map(HashMap::values);
        let by_regex = self.regexes.iter().map(|(_, value)| value);
        [&self.source]
            .into_iter()
            .chain(&self.default)
            .chain(values)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &'static str) -> Template {
        Template::literal(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn host_names_are_exact_then_leading_then_trailing_wildcards() {
        let mut map = Map {
            hostnames: true,
            ..Map::default()
        };
        for (key, added) in [
            ("a.test", Added::New),
            ("A.test", Added::Known),
            ("*.a.test", Added::New),
            (".a.test", Added::Known),
            (".b.test", Added::New),
            ("*.c.b.test", Added::New),
            ("www.*", Added::New),
            ("www.a.*", Added::New),
            ("a*b", Added::Invalid),
            ("a..b", Added::Invalid),
            ("*.*", Added::Invalid),
        ] {
            let key_text: &'static str = key;
            assert_eq!(map.add(key.as_bytes(), text(key_text)), added, "{key}");
        }
        let find = |value: &str| {
            let found = map.find(value.as_bytes()).and_then(Template::as_literal);
            found.map(|text| String::from_utf8_lossy(text).into_owned())
        };
        for (value, key) in [
            ("A.TEST", Some("a.test")),
            ("x.a.test", Some("*.a.test")),
            (".a.test", Some("*.a.test")),
            ("b.test", Some(".b.test")),
            ("x.y.b.test", Some(".b.test")),
            ("x.c.b.test", Some("*.c.b.test")),
            ("www.other", Some("www.*")),
            ("www.a.b", Some("www.a.*")),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(find(value).as_deref(), key, "{value}");
        }
    }
}
