//! Whether a client gets gzip: `Accept-Encoding`, its version, proxies between, and browsers that cannot
//! (nginx's `ngx_http_gzip_ok`); asked once for each answer.

use bytes::Bytes;

use crate::front::reply::Reply;
use crate::front::request::Request;
use crate::front::variables;
use crate::wire::date::parse_http_time;
use crate::wire::head::Known;

/// What is known of it so far (nginx's `gzip_tested`, `gzip_ok` and `gzip_vary`).
#[derive(Debug, Clone, Copy, Default)]
pub struct Accepts {
    pub tested: Option<bool>,
    pub vary: bool,
}

/// Fields of the answer that `gzip_proxied` looks at, as far as nginx notes them before `add_header`.
#[derive(Debug, Default)]
pub struct Noted {
    pub expires: Option<Bytes>,
    pub date: Option<Bytes>,
}

/// Whether the client of this answer gets gzip.
pub fn gzip(r: &Request, noted: &Noted, reply: &Reply) -> bool {
    let known = r.accepts.get();
    if let Some(accepts) = known.tested {
        return accepts;
    }
    let accepts = ask(r, noted, reply);
    r.accepts.set(Accepts {
        tested: Some(accepts),
        ..known
    });
    accepts
}

fn ask(r: &Request, noted: &Noted, reply: &Reply) -> bool {
    let rules = &r.location.filters.gzip;
    let Some(value) = r.head.field(Known::AcceptEncoding) else {
        return false;
    };
    if !(value.starts_with(b"gzip,") || accepts_encoding(value)) {
        return false;
    }
    if r.head.browser.msie6 && rules.disable_msie6 || r.head.version < rules.http_version {
        return false;
    }
    if r.head.field(Known::Via).is_some() && !proxied(r, noted, reply) {
        return false;
    }
    let Some(agent) = r.head.field(Known::UserAgent) else {
        return true;
    };
    let is_disabled = rules
        .disable
        .iter()
        .any(|pattern| matches!(pattern.captures(agent), Ok(Some(_))));
    !is_disabled
}

/// `gzip_proxied`
fn proxied(r: &Request, noted: &Noted, reply: &Reply) -> bool {
    let words = &r.location.filters.gzip.proxied;
    let has = |word: &str| words.contains(&word);
    if has("off") {
        return false;
    }
    if has("any") || has("auth") && r.head.field(Known::Authorization).is_some() {
        return true;
    }
    if let Some(expires) = &noted.expires {
        let date = match &noted.date {
            Some(date) => parse_http_time(date),
            None => Some(variables::now()),
        };
        return has("expired")
            && matches!((parse_http_time(expires), date), (Some(e), Some(d)) if e < d);
    }
    let mut cache_control = reply
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"cache-control"))
        .peekable();
    if cache_control.peek().is_some() {
        let values: Vec<_> = cache_control.map(|(_, value)| value).collect();
        return ["no-cache", "no-store", "private"]
            .into_iter()
            .any(|word| has(word) && values.iter().any(|v| has_directive(v, word.as_bytes())));
    }
    let declined = has("no_last_modified") && reply.header(b"last-modified").is_some()
        || has("no_etag") && reply.header(b"etag").is_some();
    !declined
}

/// Whether a `Cache-Control` has a directive by itself (no value behind it).
fn has_directive(value: &[u8], word: &[u8]) -> bool {
    let mut rest = value;
    loop {
        if rest
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
        {
            rest = skip_spaces(&rest[word.len()..]);
            if rest.is_empty() || rest.starts_with(b",") {
                return true;
            }
        }
        let Some(end) = rest.iter().position(|b| matches!(b, b';' | b',')) else {
            return false;
        };
        rest = skip_spaces(&rest[end + 1..]);
        if rest.is_empty() {
            return false;
        }
    }
}

fn skip_spaces(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|&b| b != b' ');
    &bytes[start.unwrap_or(bytes.len())..]
}

/// `gzip` as a word of its own, with no weight or one above 0 (nginx's reading of RFC 9110 section 12.5.3).
fn accepts_encoding(value: &[u8]) -> bool {
    let mut from = 0;
    let behind = loop {
        let Some(at) = value.get(from..).and_then(|rest| {
            rest.windows(4)
                .position(|w| w.eq_ignore_ascii_case(b"gzip"))
        }) else {
            return false;
        };
        let at = from + at;
        if at == 0 || matches!(value[at - 1], b',' | b' ') {
            break &value[at + 4..];
        }
        from = at + 4;
    };
    let rest = skip_spaces(behind);
    match rest.first() {
        None | Some(b',') => return true,
        Some(b';') => {}
        Some(_) => return false,
    }
    let rest = skip_spaces(&rest[1..]);
    match rest.first() {
        None => true,
        Some(b'q' | b'Q') => match &rest[1..] {
            [b'=', weight @ ..] if !weight.is_empty() => has_weight(weight),
            _ => false,
        },
        Some(_) => false,
    }
}

/// A weight above 0: `0.001` to `1.000`.
fn has_weight(text: &[u8]) -> bool {
    let mut quantity: u32 = match text[0] {
        b'0' => 0,
        b'1' => 100,
        _ => return false,
    };
    match text.get(1) {
        None | Some(b',' | b' ') => return quantity > 0,
        Some(b'.') => {}
        Some(_) => return false,
    }
    let mut digits = 0;
    for &byte in &text[2..] {
        match byte {
            b',' | b' ' => break,
            b'0'..=b'9' => {
                quantity += u32::from(byte - b'0');
                digits += 1;
            }
            _ => return false,
        }
    }
    (1..=100).contains(&quantity) && digits <= 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        for (value, expected) in [
            ("gzip", true),
            ("deflate, gzip", true),
            ("deflate,GZIP ;q=1", true),
            ("gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("gzip; q=0.001", true),
            ("gzip;q=1.000", true),
            ("gzip;q=1.001", false),
            ("gzip;q=0.0001", false),
            ("gzip;q=2", false),
            ("gzip;q=", false),
            ("gzip;q", false),
            ("gzip;", true),
            ("gzip;x", false),
            ("xgzip", false),
            ("gzipx", false),
            ("xgzip, gzip", true),
            ("*", false),
            ("", false),
        ] {
            assert_eq!(accepts_encoding(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn directives_of_cache_control() {
        for (value, expected) in [
            ("no-cache", true),
            ("max-age=1, No-Cache", true),
            ("no-cache=x", false),
            ("no-cached", false),
            ("private; no-cache ,x", true),
            ("", false),
        ] {
            assert_eq!(
                has_directive(value.as_bytes(), b"no-cache"),
                expected,
                "{value}"
            );
        }
    }
}
