//! Percent-encoding as nginx writes and undoes it: which bytes are escaped depends on what is being built.

use bytes::BufMut;

/// Which bytes are escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// A path (`$uri` towards an upstream, `Location` of a folder): controls, non-ASCII and ``"#%<>?\^`{|}`` and the space.
    Uri,
    /// Captures put into a query by `rewrite` and friends: those of `Uri`, and `&`, `+`, `;`.
    Args,
    /// A component: everything but letters, digits and `-._~` (RFC 3986 section 2.3).
    UriComponent,
    /// A link in a page (`autoindex`): those of `Uri` but `?`, and `'`.
    Html,
    /// A quoted URL in a refresh page (`msie_refresh`): controls, non-ASCII and ``"'<>\^`{|~`` and the space.
    Refresh,
    /// A key: controls, the space and `%`.
    Memcached,
}

static TABLES: [[bool; 256]; 6] = [
    table(b" \"#%<>?\\^`{|}", true),
    table(b" \"#%<>?\\^`{|}&+;", true),
    component(),
    table(b" \"#%'<>\\^`{|}", true),
    table(b" \"'<>\\^`{|~", true),
    table(b" %", false),
];

const fn table(chars: &[u8], high: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = i < 0x20 || (high && i >= 0x7f);
        i += 1;
    }
    let mut i = 0;
    while i < chars.len() {
        table[chars[i] as usize] = true;
        i += 1;
    }
    table
}

const fn component() -> [bool; 256] {
    let mut table = [true; 256];
    let mut i = 0;
    while i < 256 {
        let ch = i as u8;
        if ch.is_ascii_alphanumeric() || matches!(ch, b'-' | b'.' | b'_' | b'~') {
            table[i] = false;
        }
        i += 1;
    }
    table
}

/// Appends `src` to `out`, escaped with upper-case hex digits.
pub fn escape_uri(src: &[u8], out: &mut impl BufMut, kind: Escape) {
    let table = &TABLES[kind as usize];
    let mut rest = src;
    while let Some(at) = rest.iter().position(|ch| table[usize::from(*ch)]) {
        let (plain, tail) = rest.split_at(at);
        out.put_slice(plain);
        if let Some((&ch, tail)) = tail.split_first() {
            out.put_slice(&[b'%', hex(ch >> 4), hex(ch & 0xf)]);
            rest = tail;
        }
    }
    out.put_slice(rest);
}

fn hex(digit: u8) -> u8 {
    if digit < 10 {
        b'0' + digit
    } else {
        b'A' + digit - 10
    }
}

/// How far and how much is unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unescape {
    /// Everything, `%00` too (WebDAV destinations, internal redirects).
    All,
    /// Up to and with the first `?`, written or decoded; what follows stays.
    Uri,
    /// For a redirect's target: only printable ASCII above `%` is decoded, up to and with the first `?`; what follows stays.
    Redirect,
}

/// Undoes the escaping. What is no escape loses its `%` (`%zz` becomes `zz`, `%4z` vanishes), as in nginx.
pub fn unescape_uri(src: &[u8], how: Unescape) -> Vec<u8> {
    let mut out = Vec::with_capacity(src.len());
    let mut i = 0;
    while let Some(&ch) = src.get(i) {
        i += 1;
        if ch == b'?' && how != Unescape::All {
            out.push(ch);
            break;
        }
        if ch != b'%' {
            out.push(ch);
            continue;
        }
        let Some(&high) = src.get(i) else { break };
        i += 1;
        let Some(high_value) = char::from(high).to_digit(16) else {
            out.push(high);
            continue;
        };
        let Some(&low) = src.get(i) else { break };
        i += 1;
        let Some(low_value) = char::from(low).to_digit(16) else {
            continue;
        };
        let decoded = (high_value << 4 | low_value) as u8;
        match how {
            Unescape::All => out.push(decoded),
            Unescape::Uri | Unescape::Redirect if decoded == b'?' => {
                out.push(decoded);
                break;
            }
            Unescape::Redirect if !(b'&'..0x7f).contains(&decoded) => {
                out.extend_from_slice(&[b'%', high, low]);
            }
            Unescape::Uri | Unescape::Redirect => out.push(decoded),
        }
    }
    out.extend_from_slice(src.get(i..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ASCII that is escaped, controls and the bytes from DEL on left out.
    #[test]
    fn tables() {
        let everything: Vec<u8> = (0..=255).collect();
        for (kind, marked, controls, high) in [
            (Escape::Uri, " \"#%<>?\\^`{|}", true, true),
            (Escape::Args, " \"#%&+;<>?\\^`{|}", true, true),
            (
                Escape::UriComponent,
                " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}",
                true,
                true,
            ),
            (Escape::Html, " \"#%'<>\\^`{|}", true, true),
            (Escape::Refresh, " \"'<>\\^`{|~", true, true),
            (Escape::Memcached, " %", true, false),
        ] {
            let escaped = |ch: u8| match ch {
                0..0x20 => controls,
                0x7f.. => high,
                _ => marked.as_bytes().contains(&ch),
            };
            let expected: String = everything
                .iter()
                .map(|ch| {
                    if escaped(*ch) {
                        format!("%{ch:02X}")
                    } else {
                        char::from(*ch).to_string()
                    }
                })
                .collect();
            let mut out = Vec::new();
            escape_uri(&everything, &mut out, kind);
            let out: String = out.iter().map(|ch| char::from(*ch)).collect();
            assert_eq!(out, expected, "{kind:?}");
        }
    }

    #[test]
    fn undone() {
        for (how, text, expected) in [
            (Unescape::All, "a%20b%zzc%4", "a bzzc"),
            (Unescape::All, "%", ""),
            (Unescape::All, "%4gx", "x"),
            (Unescape::All, "a?b%3f%41", "a?b?A"),
            (Unescape::Uri, "a%20?b%20", "a ?b%20"),
            (Unescape::Uri, "a%3fb%20", "a?b%20"),
            (
                Unescape::Redirect,
                "%20%41%25%26%7e%7F%c3",
                "%20A%25&~%7F%c3",
            ),
            (Unescape::Redirect, "%41?%41", "A?%41"),
            (Unescape::Redirect, "%41%3F%41", "A?%41"),
        ] {
            let out = unescape_uri(text.as_bytes(), how);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{how:?} {text}");
        }
    }

    #[test]
    fn there_and_back() {
        let everything: Vec<u8> = (0..=255).collect();
        for kind in [
            Escape::Uri,
            Escape::Args,
            Escape::UriComponent,
            Escape::Html,
        ] {
            let mut out = Vec::new();
            escape_uri(&everything, &mut out, kind);
            assert_eq!(unescape_uri(&out, Unescape::All), everything, "{kind:?}");
        }
    }
}
