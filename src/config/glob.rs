//! The patterns of `include`: `*`, `?` and `[…]` in each part of a path, results in the order of their bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whether nginx takes a name for a pattern.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|b| matches!(b, b'*' | b'?' | b'['))
}

/// The paths that match, sorted; folders that cannot be read hold nothing.
pub fn glob(pattern: &Path) -> Vec<PathBuf> {
    let bytes = pattern.as_os_str().as_bytes();
    let mut found = vec![PathBuf::from(if bytes.starts_with(b"/") {
        "/"
    } else {
        ""
    })];
    let mut parts = bytes
        .split(|&b| b == b'/')
        .filter(|part| !part.is_empty())
        .peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        let mut next = Vec::new();
        for base in found {
            if is_pattern(part) {
                next.extend(matching(&base, part));
            } else {
                let path = base.join(OsStr::from_bytes(part));
                if !last
                    || (crate::wall::may_read(&path).is_ok() && path.symlink_metadata().is_ok())
                {
                    next.push(path);
                }
            }
        }
        found = next;
    }
    found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    found
}

fn matching(base: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let folder = if base.as_os_str().is_empty() {
        Path::new(".")
    } else {
        base
    };
    let Ok(entries) = crate::wall::may_read(folder).and_then(|()| std::fs::read_dir(folder)) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        // A leading dot is matched by a dot only.
        .filter(|name| pattern.starts_with(b".") || !name.as_bytes().starts_with(b"."))
        .filter(|name| matches(pattern, name.as_bytes()))
        .map(|name| base.join(name))
        .collect()
}

/// Whether a name matches one part of a pattern.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where the last `*` stood, and how much of the name it covers.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() || p < pattern.len() {
        let step = match (pattern.get(p), name.get(n)) {
            (Some(b'*'), _) => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            (Some(b'?'), Some(_)) => Some(1),
            (Some(b'['), Some(&byte)) => match class(&pattern[p..], byte) {
                Some((width, true)) => Some(width),
                Some((_, false)) => None,
                None => (byte == b'[').then_some(1),
            },
            (Some(b'\\'), Some(byte)) if pattern.get(p + 1) == Some(byte) => Some(2),
            (Some(a), Some(b)) if a == b => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(width), _) => {
                p += width;
                n += 1;
            }
            (None, Some((at, covered))) if covered < name.len() => {
                star = Some((at, covered + 1));
                p = at + 1;
                n = covered + 1;
            }
            (None, _) => return false,
        }
    }
    true
}

/// `[abc]`, `[a-z]`, `[!a]` at the beginning of a pattern: its width, and whether a byte is in it.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let close = first + 1 + pattern.get(first + 1..)?.iter().position(|&b| b == b']')?;
    let set = pattern.get(first..close)?;
    let mut found = false;
    let mut i = 0;
    while let Some(&low) = set.get(i) {
        match (set.get(i + 1), set.get(i + 2)) {
            (Some(b'-'), Some(&high)) => {
                found |= (low..=high).contains(&byte);
                i += 3;
            }
            _ => {
                found |= low == byte;
                i += 1;
            }
        }
    }
    Some((close + 1, found != negated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.bak", false),
            ("*", "", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("a*b*c", "axxbyybzc", true),
            ("a*b*c", "axxbyybz", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                expected,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn files_are_sorted_and_hidden_ones_left_out() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        for name in ["b.conf", "a.conf", ".c.conf", "Z.conf", "d.txt"] {
            std::fs::write(dir.path().join(name), "")?;
        }
        let names: Vec<_> = glob(&dir.path().join("*.conf"))
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(names, ["Z.conf", "a.conf", "b.conf"]);
        assert!(glob(&dir.path().join("nothing/*.conf")).is_empty());
        Ok(())
    }
}
