//! How simple values are inherited: a level with those around it.

use std::time::Duration;

use bytes::Bytes;

use super::frame::Level;
use super::generic::default_of;
pub use super::generic::{Set, Value};
use crate::config::hash::Bounds;
use crate::config::table::{self, Contexts, Row};
use crate::config::template::Template;

/// The levels that apply to a block, innermost first: how simple values are inherited.
#[derive(Clone, Copy)]
pub struct Chain<'a> {
    pub level: &'a Level,
    pub outer: Option<&'a Chain<'a>>,
}

impl<'a> Chain<'a> {
    /// `NAME_hash_max_size` and `NAME_hash_bucket_size`; `name` is with `_hash`.
    pub fn hash(&self, name: &'static str) -> Bounds {
        Bounds {
            name,
            max_size: self.number(&format!("{name}_max_size")),
            bucket_size: self.number(&format!("{name}_bucket_size")),
        }
    }

    /// The innermost line that gives the value.
    pub fn set(&self, name: &str) -> Option<&'a Set> {
        let mut chain = Some(self);
        while let Some(link) = chain {
            if let Some(set) = link.level.values.get(name) {
                return Some(set);
            }
            chain = link.outer;
        }
        None
    }

    /// The value that applies: the innermost line's, else the table's default.
    fn value(&self, name: &str) -> Option<Value> {
        if let Some(set) = self.set(name) {
            return Some(set.value.clone());
        }
        let rows = table::find(name.as_bytes());
        let outer =
            |row: &&&Row| row.contexts.0 & Contexts::HTTP.0 != 0 || row.contexts == Contexts::MAIN;
        // One of servers and locations alone has no other row.
        let row = rows.iter().find(outer).or(rows.first());
        row.and_then(|row| default_of(row))
    }

    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Flag(value)) => value,
            other => mismatch(name, &other),
        }
    }

    /// A number, size or offset.
    pub fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(Value::Number(value)) => value,
            other => mismatch(name, &other),
        }
    }

    /// A size in memory.
    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.number(name)).unwrap_or(usize::MAX)
    }

    pub fn time(&self, name: &str) -> Duration {
        match self.value(name) {
            Some(Value::Time(value)) => value,
            other => mismatch(name, &other),
        }
    }

    pub fn buffers(&self, name: &str) -> (usize, usize) {
        match self.value(name) {
            Some(Value::Buffers(count, size)) => (
                usize::try_from(count).unwrap_or(usize::MAX),
                usize::try_from(size).unwrap_or(usize::MAX),
            ),
            other => mismatch(name, &other),
        }
    }

    pub fn word(&self, name: &str) -> &'static str {
        match self.value(name) {
            Some(Value::Enum(word)) => word,
            other => mismatch(name, &other),
        }
    }

    pub fn mask(&self, name: &str) -> Vec<&'static str> {
        match self.value(name) {
            Some(Value::Mask(words)) => words,
            other => mismatch(name, &other),
        }
    }

    /// A text, or what the table says.
    pub fn text(&self, name: &str) -> Bytes {
        if let Some(Set {
            value: Value::Text(word),
            ..
        }) = self.set(name)
        {
            return word.value.clone();
        }
        let rows = table::find(name.as_bytes());
        let default = rows.iter().find_map(|row| row.default);
        Bytes::from_static(default.unwrap_or_default().as_bytes())
    }

    /// A folder with its levels, or what the table says.
    pub fn path(&self, name: &str) -> (Bytes, Vec<usize>) {
        if let Some(Set {
            value: Value::Path(word, levels),
            ..
        }) = self.set(name)
        {
            return (word.value.clone(), levels.clone());
        }
        let default = table::find(name.as_bytes())
            .iter()
            .find_map(|row| row.default)
            .unwrap_or_default();
        let mut words = default.split(' ');
        let folder = words.next().unwrap_or_default();
        let levels = words.filter_map(|word| word.parse().ok()).collect();
        (Bytes::from_static(folder.as_bytes()), levels)
    }

    pub fn template(&self, name: &str) -> Option<Template> {
        match &self.set(name)?.value {
            Value::Template(template) => Some(template.clone()),
            _ => None,
        }
    }
}

/// The merge asked for another kind than the table says: a mistake of this program, found by its tests.
fn mismatch<T: Default>(name: &str, found: &Option<Value>) -> T {
    debug_assert!(false, "the table says otherwise of {name}: {found:?}");
    T::default()
}
