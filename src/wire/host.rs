//! The host of a request: what a `Host` field or an authority may look like, and the name that is looked up.

/// The part of `value` that is the host's name: without the port and without one final dot. It may still hold
/// upper-case letters; they are lowered where it is used. `None` where nginx refuses it.
///
/// Refused: an empty name, two dots in a row, `/`, controls, spaces and DEL (anywhere, also behind the port).
/// A colon ends the name, except within `[...]` at its start.
pub fn validate_host(value: &[u8]) -> Option<&[u8]> {
    #[derive(PartialEq)]
    enum State {
        Usual,
        Literal,
        Rest,
    }
    let mut state = State::Usual;
    let mut dot: Option<usize> = None;
    let mut len = value.len();
    for (i, &ch) in value.iter().enumerate() {
        match ch {
            b'.' => {
                if dot.is_some_and(|at| at + 1 == i) {
                    return None;
                }
                dot = Some(i);
            }
            b':' if state == State::Usual => {
                len = i;
                state = State::Rest;
            }
            b'[' if i == 0 => state = State::Literal,
            b']' if state == State::Literal => {
                len = i + 1;
                state = State::Rest;
            }
            b'/' | 0..=0x20 | 0x7f => return None,
            _ => {}
        }
    }
    if dot.is_some_and(|at| at + 1 == len) {
        len -= 1;
    }
    value.get(..len).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::validate_host;

    #[test]
    fn names() {
        for (value, name) in [
            ("localhost", Some("localhost")),
            ("localhost:3000", Some("localhost")),
            ("a.b.", Some("a.b")),
            ("a.b.:80", Some("a.b")),
            (".a", Some(".a")),
            ("A.b:x", Some("A.b")),
            ("[::1]:3000", Some("[::1]")),
            ("[::1", Some("[::1")),
            ("[::1]x", Some("[::1]")),
            ("a[b]c", Some("a[b]c")),
            ("a:b:c", Some("a")),
            ("a@b", Some("a@b")),
            ("a\\b", Some("a\\b")),
            ("", None),
            (".", None),
            (":80", None),
            ("a..b", None),
            ("a:80..", None),
            ("a/b", None),
            ("a:80/b", None),
            ("a b", None),
            ("a\tb", None),
            ("a\x7fb", None),
        ] {
            let found =
                validate_host(value.as_bytes()).map(|n| String::from_utf8_lossy(n).into_owned());
            assert_eq!(found.as_deref(), name, "{value:?}");
        }
    }
}
