//! Tables of host names and wildcards, as nginx keeps them (`ngx_hash_combined_t`): `map … hostnames` and `valid_referers`.

use std::collections::HashMap;

use bytes::Bytes;

use super::diagnostics::Diagnostic;
use super::hash::Bounds;

/// Names, each with a value; upper and lower case make no difference.
#[derive(Debug, Clone)]
pub struct HostNames<V> {
    /// Lower-case.
    exact: HashMap<Bytes, V>,
    /// `*.example.org` and `.example.org`, both as `.example.org`.
    leading: HashMap<Bytes, Leading<V>>,
    /// `www.example.*` as `www.example.`.
    trailing: HashMap<Bytes, V>,
}

#[derive(Debug, Clone)]
struct Leading<V> {
    value: V,
    /// Without its `*`: `example.org` itself is meant too.
    bare: bool,
}

/// How adding a name went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    New,
    /// The name is there already.
    Known,
    /// No host name and no wildcard.
    Invalid,
}

impl<V> Default for HostNames<V> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            leading: HashMap::new(),
            trailing: HashMap::new(),
        }
    }
}

impl<V> HostNames<V> {
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.leading.is_empty() && self.trailing.is_empty()
    }

    /// What nginx says of its tables of these names; nothing where they fit.
    pub fn check(&self, bounds: &Bounds) -> Option<Diagnostic> {
        let exact = self.exact.keys().map(|name| &name[..]);
        // A table without names is none.
        let exact = (exact.len() > 0).then(|| bounds.check(exact)).flatten();
        let leading = labels(self.leading.keys().map(|name| &name[1..]), true);
        let trailing = self.trailing.keys().map(|name| &name[..name.len() - 1]);
        let wildcards = [leading, labels(trailing, false)];
        let found = wildcards
            .iter()
            .filter_map(|names| bounds.check_wildcards(names));
        exact
            .into_iter()
            .chain(found)
            .min_by_key(|found| found.severity)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        let leading = self.leading.values().map(|leading| &leading.value);
        let named = self.exact.values().chain(leading);
        named.chain(self.trailing.values())
    }

    /// Adds a name that may be a wildcard (`ngx_hash_add_key`).
    pub fn add(&mut self, name: &[u8], value: V) -> Added {
        let name = Bytes::from(name.to_ascii_lowercase());
        let stars = name.iter().filter(|&&b| b == b'*').count();
        if stars > 1 || name.windows(2).any(|pair| pair == b"..") || name.contains(&0) {
            return Added::Invalid;
        }
        if name.len() > 1 && name.starts_with(b".") {
            return self.add_leading(name, value, true);
        }
        if name.len() > 2 && name.starts_with(b"*.") {
            return self.add_leading(name.slice(1..), value, false);
        }
        if name.len() > 2 && name.ends_with(b".*") {
            return put(&mut self.trailing, name.slice(..name.len() - 1), value);
        }
        if stars > 0 {
            return Added::Invalid;
        }
        let dotted = [b".", &name[..]].concat();
        if self
            .leading
            .get(&dotted[..])
            .is_some_and(|known| known.bare)
        {
            return Added::Known;
        }
        put(&mut self.exact, name, value)
    }

    /// Adds a name that stands for itself, whatever is in it.
    pub fn add_exact(&mut self, name: &[u8], value: V) -> Added {
        put(&mut self.exact, name.to_ascii_lowercase().into(), value)
    }

    fn add_leading(&mut self, suffix: Bytes, value: V, bare: bool) -> Added {
        if bare && self.exact.contains_key(&suffix[1..]) {
            return Added::Known;
        }
        put(&mut self.leading, suffix, Leading { value, bare })
    }

    /// The value of a host: of its own name, of the longest `*.x`, of the longest `x.*`.
    pub fn find(&self, host: &[u8]) -> Option<&V> {
        let host = host.to_ascii_lowercase();
        if let Some(found) = self.exact.get(&host[..]) {
            return Some(found);
        }
        if self.leading.is_empty() && self.trailing.is_empty() {
            return None;
        }
        let dotted = [b".", &host[..]].concat();
        let bare = self.leading.get(&dotted[..]).filter(|known| known.bare);
        let dots = || (0..host.len()).filter(|&at| host[at] == b'.');
        let suffix = || dots().find_map(|at| self.leading.get(&host[at..]));
        let prefix = || dots().rev().find_map(|at| self.trailing.get(&host[..=at]));
        let leading = bare.or_else(suffix).map(|leading| &leading.value);
        leading.or_else(prefix)
    }
}

/// The labels of names, from the end where they lead.
fn labels<'a>(names: impl Iterator<Item = &'a [u8]>, from_the_end: bool) -> Vec<Vec<&'a [u8]>> {
    let split = |name: &'a [u8]| {
        let mut labels: Vec<_> = name.split(|&b| b == b'.').collect();
        if from_the_end {
            labels.reverse();
        }
        labels
    };
    names.map(split).collect()
}

fn put<V>(table: &mut HashMap<Bytes, V>, name: Bytes, value: V) -> Added {
    if table.contains_key(&name) {
        return Added::Known;
    }
    table.insert(name, value);
    Added::New
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[(&'static str, Added)]) -> HostNames<&'static str> {
        let mut names = HostNames::default();
        for (name, added) in of {
            assert_eq!(names.add(name.as_bytes(), *name), *added, "{name}");
        }
        names
    }

    #[test]
    fn exact_then_leading_then_trailing_wildcards() {
        let names = names(&[
            ("a.test", Added::New),
            ("A.test", Added::Known),
            ("*.a.test", Added::New),
            (".a.test", Added::Known),
            (".b.test", Added::New),
            ("b.test", Added::Known),
            ("*.b.test", Added::Known),
            ("*.c.b.test", Added::New),
            ("www.*", Added::New),
            ("www.a.*", Added::New),
            ("a*b", Added::Invalid),
            ("a..b", Added::Invalid),
            ("*.*", Added::Invalid),
        ]);
        for (host, name) in [
            ("A.TEST", Some("a.test")),
            ("x.a.test", Some("*.a.test")),
            (".a.test", Some("*.a.test")),
            ("b.test", Some(".b.test")),
            ("x.y.b.test", Some(".b.test")),
            ("c.b.test", Some(".b.test")),
            ("x.c.b.test", Some("*.c.b.test")),
            ("www.other", Some("www.*")),
            ("www.a.b", Some("www.a.*")),
            ("www.a.", Some("www.a.*")),
            ("none", None),
            ("", None),
        ] {
            assert_eq!(names.find(host.as_bytes()).copied(), name, "{host}");
        }
    }

    #[test]
    fn a_name_that_means_its_subdomains_too_is_no_exact_name() {
        let names = names(&[(".a.test", Added::New), ("b.test", Added::New)]);
        assert_eq!(names.values().count(), 2);
        assert!(!names.is_empty());
        let bounds = Bounds {
            name: "t",
            max_size: 512,
            bucket_size: 64,
        };
        assert!(names.check(&bounds).is_none());
        // 47 bytes are too many for one name, and none of the labels has them.
        let long = [".", &"a".repeat(30), ".", &"b".repeat(30)].concat();
        let mut dotted = HostNames::default();
        dotted.add(long.as_bytes(), ());
        assert!(dotted.check(&bounds).is_none());
        dotted.add(&long.as_bytes()[5..], ());
        assert!(dotted.check(&bounds).is_some());
    }
}
