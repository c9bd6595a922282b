//! `modern_browser` and `ancient_browser`: which of the two a client's browser is, by its `User-Agent`.
//!
//! The masks are those of 2005, and nginx has no newer ones.
//! <https://nginx.org/en/docs/http/ngx_http_browser_module.html>

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

/// What a level says about browsers, merged.
#[derive(Debug, Clone)]
pub struct BrowserRules {
    /// In the order in which they are tried; `None` where no browser is named.
    pub modern: Option<Arc<[Modern]>>,
    /// `modern_browser unlisted`
    pub unlisted: bool,
    /// Substrings of ancient browsers' names.
    pub ancient: Arc<[Bytes]>,
    /// `ancient_browser netscape4`
    pub netscape4: bool,
    /// `modern_browser_value`, 1.
    pub modern_value: Bytes,
    /// `ancient_browser_value`, 1.
    pub ancient_value: Bytes,
}

/// Where a browser's version stands in `User-Agent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes that are not searched.
    skip: usize,
    name: &'static str,
    /// From the beginning of the name to the version.
    add: usize,
}

/// The browsers that `modern_browser` knows, in the order in which they are tried. Opera goes first: it may call itself
/// by another's name too.
pub const MASKS: [(&str, Place); 5] = [
    ("opera", place("", "Opera", "Opera ")),
    ("msie", place("Mozilla/4.0 (compatible; ", "MSIE ", "MSIE ")),
    ("gecko", place("Mozilla/5.0 (", "rv:", "rv:")),
    ("safari", place("Mozilla/5.0 (", "Safari/", "Safari/")),
    (
        "konqueror",
        place("Mozilla/5.0 (compatible; ", "Konqueror/", "Konqueror/"),
    ),
];

const fn place(before: &str, name: &'static str, whole: &str) -> Place {
    Place {
        skip: before.len(),
        name,
        add: whole.len(),
    }
}

/// A browser that is modern from a version on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Modern {
    pub place: Place,
    pub version: u64,
}

impl Modern {
    /// A line of the mask with this index.
    pub fn of((mask, version): (usize, u64)) -> Self {
        let (_, place) = MASKS[mask.min(MASKS.len() - 1)];
        Self { place, version }
    }

    /// A line whose mask nginx did not fill in: its index stands for what is skipped, and nothing is searched.
    pub fn unfilled((mask, version): (usize, u64)) -> Self {
        let place = Place {
            skip: mask,
            name: "",
            add: 0,
        };
        Self { place, version }
    }

    /// What this line says of a browser; `None` where it is another one.
    fn is_modern(self, agent: &[u8]) -> Option<bool> {
        let searched = agent.get(self.place.skip..)?;
        let found = memmem::find(searched, self.place.name.as_bytes())?;
        let at = searched.get(found + self.place.add..);
        Some(version(at.filter(|at| !at.is_empty())?).0 >= self.version)
    }
}

/// Reads a version, `7.50` or `1.8.0.1`, as one number; gives what follows it too.
pub fn version(text: &[u8]) -> (u64, &[u8]) {
    let (mut version, mut part, mut scale) = (0u64, 0u64, 1_000_000u64);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                part = part.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            }
            b'.' => {
                version = version.wrapping_add(part.wrapping_mul(scale));
                (part, scale) = (0, scale / 100);
            }
            _ => {
                let rest = text.get(at..).unwrap_or_default();
                return (version.wrapping_add(part.wrapping_mul(scale)), rest);
            }
        }
    }
    (version.wrapping_add(part.wrapping_mul(scale)), &[])
}

impl BrowserRules {
    /// Whether a browser is modern, else it is ancient (nginx's `ngx_http_browser`).
    pub fn is_modern(&self, agent: Option<&[u8]>) -> bool {
        let Some(agent) = agent else {
            return self.unlisted;
        };
        if let Some(modern) = &self.modern {
            match modern.iter().find_map(|line| line.is_modern(agent)) {
                Some(is_modern) => return is_modern,
                None if !self.unlisted => return false,
                None => {}
            }
        }
        let netscape4 = agent.len() > "Mozilla/4.72 ".len()
            && agent
                .strip_prefix(b"Mozilla/")
                .is_some_and(|rest| matches!(rest, [b'1'..=b'4', ..]));
        let named = |name: &Bytes| memmem::find(agent, name).is_some();
        if self.netscape4 && netscape4 || self.ancient.iter().any(named) {
            return false;
        }
        self.unlisted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version(b"5.5; Windows"), (5_050_000, &b"; Windows"[..]));
        assert_eq!(version(b"1.8.0.1)"), (1_080_001, &b")"[..]));
        assert_eq!(version(b"7.50"), (7_500_000, &b""[..]));
        assert_eq!(version(b"1.2.3.4.5"), (1_020_304, &b""[..]));
        assert_eq!(version(b""), (0, &b""[..]));
        // No version is too long to be read.
        version(&[b'9'; 99]);
    }
}
