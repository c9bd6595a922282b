//! nginx's hash tables, as far as a configuration can be too much for one: the lab's own have no limits, but a file that
//! nginx refuses, or warns of, is not right here either (`ngx_hash_init`).

use std::collections::BTreeMap;

use super::diagnostics::Diagnostic;

/// Bytes of a pointer, which nginx counts with.
const WORD: u64 = 8;
/// Buckets are whole lines of the processor's cache.
const LINE: u64 = 64;

/// A table as directives bound it.
pub struct Bounds {
    /// `map_hash`: the directives are `map_hash_max_size` and `map_hash_bucket_size`.
    pub name: &'static str,
    pub max_size: u64,
    pub bucket_size: u64,
}

impl Bounds {
    /// What nginx says of a table with these keys (lower-case); nothing where it fits.
    pub fn check<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Option<Diagnostic> {
        self.check_with(keys, 0)
    }

    /// The same, with so many more keys that are counted and take no room.
    pub fn check_with<'a>(
        &self,
        keys: impl Iterator<Item = &'a [u8]>,
        empty: usize,
    ) -> Option<Diagnostic> {
        let keys: Vec<(u64, u64)> = keys.map(|key| (hash(key), room(key))).collect();
        let (name, max) = (self.name, self.max_size);
        let bucket = self.bucket_size.div_ceil(LINE).saturating_mul(LINE);
        let directive = |what: &str| format!("`{name}_{what}` is a directive of nginx's tables");
        let emerg =
            |text: String| Some(Diagnostic::emerg(format!("could not build {name}, {text}")));
        if max == 0 {
            return emerg(format!("you should increase {name}_max_size: {max}"));
        }
        if bucket > 65536 - LINE {
            return emerg(format!("too large {name}_bucket_size: {bucket}"));
        }
        if keys.iter().any(|(_, room)| bucket < room + WORD) {
            let text = format!("you should increase {name}_bucket_size: {bucket}");
            return emerg(text).map(|found| {
                found
                    .help(directive("bucket_size"))
                    .help("a longer name needs a larger one, in steps of 64: 128, 256")
            });
        }
        let room = bucket - WORD;
        let count = (keys.len() + empty) as u64;
        let mut least = (count / (room / (2 * WORD))).max(1);
        if max > 10_000 && count > 0 && max / count < 100 {
            least = max - 1000;
        }
        if (least..=max).any(|size| fits(&keys, size, room)) {
            return None;
        }
        Some(Diagnostic::warn(format!(
            "could not build optimal {name}, you should increase either {name}_max_size: {max} or \
             {name}_bucket_size: {bucket}; ignoring {name}_bucket_size"
        )))
    }
}

impl Bounds {
    /// The same of a table of wildcards, which is one of tables: a name's labels from the outside in, each level in its
    /// own (`ngx_hash_wildcard_init`).
    pub fn check_wildcards(&self, names: &[Vec<&[u8]>]) -> Option<Diagnostic> {
        let mut levels: BTreeMap<&[u8], Vec<Vec<&[u8]>>> = BTreeMap::new();
        for name in names {
            let Some((first, rest)) = name.split_first() else {
                continue;
            };
            levels.entry(first).or_default().push(rest.to_vec());
        }
        if levels.is_empty() {
            return None;
        }
        let inner = levels
            .values()
            .filter_map(|rest| self.check_wildcards(rest));
        let found = inner.chain(self.check(levels.keys().copied()));
        found.min_by_key(|found| found.severity)
    }
}

/// Whether no bucket of so many overflows.
fn fits(keys: &[(u64, u64)], size: u64, room: u64) -> bool {
    let mut filled = vec![0u64; usize::try_from(size).unwrap_or(usize::MAX)];
    keys.iter().all(|(hash, needs)| {
        let bucket = usize::try_from(hash % size).unwrap_or_default();
        filled.get_mut(bucket).is_some_and(|filled| {
            *filled += needs;
            *filled <= room
        })
    })
}

/// `ngx_hash_key`
fn hash(key: &[u8]) -> u64 {
    key.iter().fold(0, |hash: u64, &byte| {
        hash.wrapping_mul(31).wrapping_add(u64::from(byte))
    })
}

/// What an element needs: its value, and its name behind a length.
fn room(key: &[u8]) -> u64 {
    WORD + (key.len() as u64 + 2).div_ceil(WORD) * WORD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(max_size: u64, bucket_size: u64, keys: &[&str]) -> Option<String> {
        let bounds = Bounds {
            name: "t",
            max_size,
            bucket_size,
        };
        let found = bounds.check(keys.iter().map(|key| key.as_bytes()));
        found.map(|found| found.message)
    }

    #[test]
    fn a_name_of_46_bytes_fits_into_a_line() {
        assert_eq!(said(512, 64, &[&"a".repeat(46)]), None);
        let long = said(512, 64, &[&"a".repeat(47)]).unwrap_or_default();
        assert_eq!(
            long,
            "could not build t, you should increase t_bucket_size: 64"
        );
        assert_eq!(said(512, 65, &[&"a".repeat(47)]), None);
    }

    #[test]
    fn each_label_of_a_wildcard_needs_room() {
        let long = "a".repeat(47);
        let bounds = Bounds {
            name: "t",
            max_size: 512,
            bucket_size: 64,
        };
        let said = |labels: &[&str]| {
            let name = labels.iter().map(|label| label.as_bytes()).collect();
            let found = bounds.check_wildcards(&[vec![b"org"], name]);
            found.map(|found| found.message)
        };
        assert_eq!(said(&["org", &long[1..], &long[1..]]), None);
        assert!(said(&["org", "b", &long]).is_some());
        assert!(said(&[&long]).is_some());
        assert!(bounds.check_wildcards(&[]).is_none());
    }

    #[test]
    fn many_names_need_many_buckets() {
        let names: Vec<String> = (0..20).map(|n| format!("n{n}.example")).collect();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        let few = said(1, 64, &names).unwrap_or_default();
        assert!(few.starts_with("could not build optimal t"), "{few}");
        assert_eq!(said(512, 64, &names), None);
    }

    #[test]
    fn sizes_have_bounds() {
        assert!(said(0, 64, &[]).is_some_and(|said| said.ends_with("t_max_size: 0")));
        assert!(said(1, 70_000, &[]).is_some_and(|said| said.ends_with("t_bucket_size: 70016")));
    }
}
