//! The patterns of `include`, as the C library's `glob` reads them: `*`, `?`, `[…]` and `\` in each part of a path,
//! results in the order of their bytes, spelt as the pattern spells what it does not leave open.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whether nginx takes a name for a pattern.
pub fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|b| matches!(b, b'*' | b'?' | b'['))
}

/// The paths that match, sorted; folders that cannot be read hold nothing.
pub fn glob(pattern: &Path) -> Vec<PathBuf> {
    let mut found = matching(pattern.as_os_str().as_bytes());
    found.sort();
    let path = |name: &Vec<u8>| PathBuf::from(OsStr::from_bytes(name));
    found.iter().map(path).collect()
}

/// A pattern's folder is matched first, then its last part in each of them.
fn matching(pattern: &[u8]) -> Vec<Vec<u8>> {
    let slash = pattern.iter().rposition(|&b| b == b'/');
    let (folder, name) = match slash {
        None => (None, pattern),
        Some(0) => (Some(&pattern[..1]), &pattern[1..]),
        Some(at) => (Some(&pattern[..at]), &pattern[at + 1..]),
    };
    if let (Some(folder), b"") = (folder, name)
        && folder.len() > 1
    {
        // `PATTERN/`: what is no folder goes without the slash, but is there.
        let mut found = matching(folder);
        for one in found.iter_mut().filter(|one| as_path(one).is_dir()) {
            one.push(b'/');
        }
        return found;
    }
    let folders = match folder {
        None => vec![Vec::new()],
        Some(folder) if leaves_open(folder) => matching(folder),
        Some(folder) => vec![unescaped(folder)],
    };
    let mut found = Vec::new();
    for folder in folders {
        let within = |name: &[u8]| match &folder[..] {
            b"" => name.to_vec(),
            b"/" => [b"/", name].concat(),
            folder => [folder, b"/", name].concat(),
        };
        if leaves_open(name) {
            found.extend(names_in(&folder, name).iter().map(|name| within(name)));
        } else {
            let one = within(&unescaped(name));
            if crate::wall::may_read(as_path(&one)).is_ok()
                && as_path(&one).symlink_metadata().is_ok()
            {
                found.push(one);
            }
        }
    }
    found
}

fn as_path(name: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(name))
}

/// Whether something in it stands for more than itself: a `[` does where a `]` follows.
fn leaves_open(pattern: &[u8]) -> bool {
    let mut opened = false;
    let mut bytes = pattern.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' => return true,
            b'\\' => drop(bytes.next()),
            b'[' => opened = true,
            b']' if opened => return true,
            _ => {}
        }
    }
    false
}

/// Without the backslashes that protect.
fn unescaped(pattern: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(&next)) => {
                bytes.next();
                out.push(next);
            }
            _ => out.push(byte),
        }
    }
    out
}

/// The names in a folder that match, `.` and `..` among them.
fn names_in(folder: &[u8], pattern: &[u8]) -> Vec<Vec<u8>> {
    let folder = match folder {
        b"" => Path::new("."),
        folder => as_path(folder),
    };
    let Ok(entries) = crate::wall::may_read(folder).and_then(|()| std::fs::read_dir(folder)) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().as_bytes().to_vec());
    let all = [b".".to_vec(), b"..".to_vec()].into_iter().chain(names);
    // A leading dot is matched by a dot only.
    let dotted = pattern.starts_with(b".") || pattern.starts_with(b"\\.");
    all.filter(|name| dotted || !name.starts_with(b"."))
        .filter(|name| matches(pattern, name))
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
            (Some(b'\\'), Some(byte)) => (pattern.get(p + 1) == Some(byte)).then_some(2),
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

/// `[abc]`, `[a-z]`, `[!a]`, `[[:alpha:]]` at the beginning of a pattern: its width, and whether a byte is in it.
/// `None` where it has no end.
fn class(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let mut at = first;
    let mut found = false;
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((at + 1, found != negated));
        }
        if pattern[at..].starts_with(b"[:")
            && let Some(end) = pattern[at + 2..].windows(2).position(|two| two == b":]")
        {
            found |= named(&pattern[at + 2..at + 2 + end])?(&byte);
            at += end + 4;
            continue;
        }
        let (low, width) = literal(pattern, at)?;
        at += width;
        let is_range = pattern.get(at) == Some(&b'-') && pattern.get(at + 1) != Some(&b']');
        if is_range {
            let (high, width) = literal(pattern, at + 1)?;
            at += 1 + width;
            found |= (low..=high).contains(&byte);
        } else {
            found |= low == byte;
        }
    }
}

/// A byte of a class, which a backslash may protect, and its width.
fn literal(pattern: &[u8], at: usize) -> Option<(u8, usize)> {
    match pattern.get(at)? {
        b'\\' => Some((*pattern.get(at + 1)?, 2)),
        byte => Some((*byte, 1)),
    }
}

/// A class by its name, in the C locale.
fn named(name: &[u8]) -> Option<fn(&u8) -> bool> {
    Some(match name {
        b"alpha" => u8::is_ascii_alphabetic,
        b"digit" => u8::is_ascii_digit,
        b"alnum" => u8::is_ascii_alphanumeric,
        b"upper" => u8::is_ascii_uppercase,
        b"lower" => u8::is_ascii_lowercase,
        b"space" => |byte| byte.is_ascii_whitespace() || *byte == 0x0b,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"punct" => u8::is_ascii_punctuation,
        b"xdigit" => u8::is_ascii_hexdigit,
        b"cntrl" => u8::is_ascii_control,
        b"graph" => u8::is_ascii_graphic,
        b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
        _ => return None,
    })
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
            ("[[:digit:]]*", "1a", true),
            ("[[:digit:]a]", "b", false),
            ("[a-]", "-", true),
            ("[\\]a]", "]", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
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
        let names = |pattern: &str| -> Vec<String> {
            let all = glob(Path::new(&format!("{}/{pattern}", dir.path().display())));
            let start = dir.path().as_os_str().len() + 1;
            let name = |path: &PathBuf| path.to_string_lossy()[start..].to_owned();
            all.iter().map(name).collect()
        };
        assert_eq!(names("*.conf"), ["Z.conf", "a.conf", "b.conf"]);
        assert_eq!(names("/.//[ab].conf"), ["/.//a.conf", "/.//b.conf"]);
        assert_eq!(names(".*f"), [".c.conf"]);
        assert_eq!(names(".*"), [".", "..", ".c.conf"]);
        assert!(names("nothing/*.conf").is_empty());
        Ok(())
    }
}
