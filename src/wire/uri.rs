//! The path of a request: decoded, `.` and `..` resolved, slashes merged, as nginx does it for `$uri`.

use super::chars::is_usual;

/// Why a URI cannot be normalised: `..` above the root, `%` without two hex digits, `%00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("client sent invalid request")]
pub struct InvalidUri;

/// A path and where its query is.
#[derive(Debug, PartialEq, Eq)]
pub struct Normalised {
    pub path: Vec<u8>,
    /// Start and end of the query in what was given, after `?` and before `#`; `None` without a `?`.
    pub args: Option<(usize, usize)>,
    /// A `%` was met in the path.
    pub quoted: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Usual,
    Slash,
    Dot,
    DotDot,
}

/// Normalises `uri` (path, query, fragment, as received). `empty_path`: it begins with the query, its path is `/`.
///
/// A decoded `/` or `.` counts as one that was written; a decoded `%`, `#` or `?` does not. Bytes that nobody may
/// send raw (`%01`, `%0a`) are accepted in this form. Errors: [`InvalidUri`].
pub fn normalise(
    uri: &[u8],
    empty_path: bool,
    merge_slashes: bool,
) -> Result<Normalised, InvalidUri> {
    let mut walk = Walk {
        path: Vec::with_capacity(uri.len() + 1),
        state: State::Usual,
        merge_slashes,
    };
    if empty_path {
        walk.path.push(b'/');
    }
    let mut quoted = false;
    let mut args = None;
    let mut i = 0;
    while let Some(&ch) = uri.get(i) {
        i += 1;
        match ch {
            b'%' => {
                quoted = true;
                let decoded = hex_pair(uri.get(i..i + 2).ok_or(InvalidUri)?)?;
                i += 2;
                match decoded {
                    0 => return Err(InvalidUri),
                    b'%' | b'#' | b'?' => {
                        walk.state = State::Usual;
                        walk.path.push(decoded);
                    }
                    other => walk.byte(other)?,
                }
            }
            b'?' => {
                let end = uri.get(i..).and_then(|rest| memchr::memchr(b'#', rest));
                args = Some((i, end.map_or(uri.len(), |at| i + at)));
                break;
            }
            b'#' => break,
            _ => walk.byte(ch)?,
        }
    }
    // What ends the path ends its last segment too.
    match walk.state {
        State::Dot => {
            walk.path.pop();
        }
        State::DotDot => walk.up()?,
        State::Usual | State::Slash => {}
    }
    Ok(Normalised {
        path: walk.path,
        args,
        quoted,
    })
}

struct Walk {
    path: Vec<u8>,
    state: State,
    merge_slashes: bool,
}

impl Walk {
    /// Takes one byte of the path, received so or decoded.
    fn byte(&mut self, ch: u8) -> Result<(), InvalidUri> {
        if is_usual(ch) {
            self.state = State::Usual;
            self.path.push(ch);
            return Ok(());
        }
        match (self.state, ch) {
            (State::Usual, b'/') => {
                self.state = State::Slash;
                self.path.push(ch);
            }
            (State::Slash, b'/') => {
                if !self.merge_slashes {
                    self.path.push(ch);
                }
            }
            (State::Dot, b'/') => {
                self.state = State::Slash;
                self.path.pop();
            }
            (State::DotDot, b'/') => {
                self.up()?;
                self.state = State::Slash;
            }
            (State::Slash, b'.') => {
                self.state = State::Dot;
                self.path.push(ch);
            }
            (State::Dot, b'.') => {
                self.state = State::DotDot;
                self.path.push(ch);
            }
            (_, _) => {
                self.state = State::Usual;
                self.path.push(ch);
            }
        }
        Ok(())
    }

    /// Removes `..` and the segment before it; what is left ends with a slash.
    fn up(&mut self) -> Result<(), InvalidUri> {
        let before = self.path.len().checked_sub(3).ok_or(InvalidUri)?;
        let parent = self.path.get(..before).ok_or(InvalidUri)?;
        let slash = memchr::memrchr(b'/', parent).ok_or(InvalidUri)?;
        self.path.truncate(slash + 1);
        Ok(())
    }
}

fn hex_pair(pair: &[u8]) -> Result<u8, InvalidUri> {
    let digit = |ch: u8| match ch {
        b'0'..=b'9' => Ok(ch - b'0'),
        b'a'..=b'f' => Ok(ch - b'a' + 10),
        b'A'..=b'F' => Ok(ch - b'A' + 10),
        _ => Err(InvalidUri),
    };
    match pair {
        &[high, low] => Ok(digit(high)? << 4 | digit(low)?),
        _ => Err(InvalidUri),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(uri: &str) -> Option<String> {
        normalise(uri.as_bytes(), false, true)
            .ok()
            .map(|n| String::from_utf8_lossy(&n.path).into_owned())
    }

    #[test]
    fn paths() {
        for (uri, expected) in [
            ("/", Some("/")),
            ("/a/./b", Some("/a/b")),
            ("/a/../b", Some("/b")),
            ("/a/..", Some("/")),
            ("/a/.", Some("/a/")),
            ("/a/b/../..", Some("/")),
            ("//a///b//", Some("/a/b/")),
            ("/%2e%2e/a", None),
            ("/a/%2e%2E/b", Some("/b")),
            ("/a%2fb%2F%2Fc", Some("/a/b/c")),
            ("/a%3fb", Some("/a?b")),
            ("/a%23b", Some("/a#b")),
            ("/a%25b%2525", Some("/a%b%25")),
            ("/a#b/../c", Some("/a")),
            ("/a/..?x", Some("/")),
            ("/a/.?x", Some("/a/")),
            ("/.#", Some("/")),
            ("/...", Some("/...")),
            ("/..a", Some("/..a")),
            ("/.%3f/", Some("/.?/")),
            ("/..%3f/", Some("/..?/")),
            ("/..", None),
            ("/../", None),
            ("/a/../..", None),
            ("/%", None),
            ("/%4", None),
            ("/%4g", None),
            ("/%00", None),
            ("/%01%7f", Some("/\x01\x7f")),
        ] {
            assert_eq!(path(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn slashes_kept() {
        let keep = |uri: &str| normalise(uri.as_bytes(), false, false).map(|n| n.path);
        assert_eq!(keep("//a//b").as_deref(), Ok(&b"//a//b"[..]));
        assert_eq!(keep("//..").as_deref(), Ok(&b"/"[..]));
        assert_eq!(keep("//../..").as_deref(), Err(&InvalidUri));
    }

    #[test]
    fn queries() {
        let args = |uri: &str| normalise(uri.as_bytes(), false, true).unwrap().args;
        assert_eq!(args("/a"), None);
        assert_eq!(args("/a?"), Some((3, 3)));
        assert_eq!(args("/a?b#c"), Some((3, 4)));
        assert_eq!(args("/a?b?c%zz"), Some((3, 9)));
        assert_eq!(args("/a#?b"), None);
        let empty = normalise(b"?x", true, true).unwrap();
        assert_eq!((empty.path, empty.args), (b"/".to_vec(), Some((1, 2))));
    }
}
