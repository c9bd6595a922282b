//! Finds the header fields that the server itself reads: by length and first letter, then by comparing without case.

use super::head::Known;

/// Which field `name` is.
pub fn known(name: &[u8]) -> Known {
    let Some(first) = name.first() else {
        return Known::Other;
    };
    let candidates: &[(&str, Known)] = match (name.len(), first | 0x20) {
        (2, b't') => &[("te", Known::Te)],
        (3, b'v') => &[("via", Known::Via)],
        (4, b'h') => &[("host", Known::Host)],
        (4, b'd') => &[("date", Known::Date)],
        (4, b'v') => &[("vary", Known::Vary)],
        (4, b'l') => &[("link", Known::Link)],
        (4, b'e') => &[("etag", Known::Etag)],
        (5, b'r') => &[("range", Known::Range)],
        (5, b'x') => &[("x-pad", Known::XPad)],
        (6, b'c') => &[("cookie", Known::Cookie)],
        (6, b'a') => &[("accept", Known::Accept)],
        (6, b'e') => &[("expect", Known::Expect)],
        (6, b's') => &[("server", Known::Server), ("status", Known::Status)],
        (7, b'u') => &[("upgrade", Known::Upgrade)],
        (7, b'r') => &[("referer", Known::Referer), ("refresh", Known::Refresh)],
        (7, b't') => &[("trailer", Known::Trailer)],
        (7, b'e') => &[("expires", Known::Expires)],
        (8, b'i') => &[("if-match", Known::IfMatch), ("if-range", Known::IfRange)],
        (8, b'l') => &[("location", Known::Location)],
        (9, b'x') => &[("x-real-ip", Known::XRealIp)],
        (10, b'c') => &[("connection", Known::Connection)],
        (10, b'u') => &[("user-agent", Known::UserAgent)],
        (10, b'k') => &[("keep-alive", Known::KeepAlive)],
        (10, b's') => &[("set-cookie", Known::SetCookie)],
        (12, b'c') => &[("content-type", Known::ContentType)],
        (13, b'i') => &[("if-none-match", Known::IfNoneMatch)],
        (13, b'a') => &[
            ("authorization", Known::Authorization),
            ("accept-ranges", Known::AcceptRanges),
        ],
        (13, b'l') => &[("last-modified", Known::LastModified)],
        (13, b'c') => &[
            ("cache-control", Known::CacheControl),
            ("content-range", Known::ContentRange),
        ],
        (14, b'c') => &[("content-length", Known::ContentLength)],
        (15, b'a') => &[
            ("accept-encoding", Known::AcceptEncoding),
            ("accept-language", Known::AcceptLanguage),
        ],
        (15, b'x') => &[
            ("x-forwarded-for", Known::XForwardedFor),
            ("x-accel-expires", Known::XAccelExpires),
            ("x-accel-charset", Known::XAccelCharset),
        ],
        (16, b'p') => &[("proxy-connection", Known::ProxyConnection)],
        (16, b'c') => &[("content-encoding", Known::ContentEncoding)],
        (16, b'w') => &[("www-authenticate", Known::WwwAuthenticate)],
        (16, b'x') => &[("x-accel-redirect", Known::XAccelRedirect)],
        (17, b't') => &[("transfer-encoding", Known::TransferEncoding)],
        (17, b'i') => &[("if-modified-since", Known::IfModifiedSince)],
        (17, b'x') => &[("x-accel-buffering", Known::XAccelBuffering)],
        (18, b'x') => &[("x-accel-limit-rate", Known::XAccelLimitRate)],
        (19, b'i') => &[("if-unmodified-since", Known::IfUnmodifiedSince)],
        (19, b'c') => &[("content-disposition", Known::ContentDisposition)],
        _ => &[],
    };
    candidates
        .iter()
        .find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()))
        .map_or(Known::Other, |(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_in_any_case() {
        for (name, expected) in [
            ("Host", Known::Host),
            ("HOST", Known::Host),
            ("te", Known::Te),
            ("Content-Length", Known::ContentLength),
            ("content-RANGE", Known::ContentRange),
            ("Cache-Control", Known::CacheControl),
            ("X-Forwarded-For", Known::XForwardedFor),
            ("X-Accel-Limit-Rate", Known::XAccelLimitRate),
            ("If-Unmodified-Since", Known::IfUnmodifiedSince),
            ("Hos", Known::Other),
            ("Hosts", Known::Other),
            ("Ho_t", Known::Other),
            ("", Known::Other),
        ] {
            assert_eq!(known(name.as_bytes()), expected, "{name}");
        }
    }
}
