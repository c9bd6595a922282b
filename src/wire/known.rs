//! Finds the header fields that the server itself reads: by length and first letter, then by comparing without case.

use super::head::Known;

/// Which field `name` is.
pub fn known(name: &[u8]) -> Known {
    let Some(first) = name.first() else {
        return Known::Other;
    };
    let candidates: &[(&str, Known)] = match (name.len(), first | 0x20) {
        (2, b't') => &[("TE", Known::Te)],
        (3, b'v') => &[("Via", Known::Via)],
        (4, b'h') => &[("Host", Known::Host)],
        (4, b'd') => &[("Date", Known::Date)],
        (4, b'v') => &[("Vary", Known::Vary)],
        (4, b'l') => &[("Link", Known::Link)],
        (4, b'e') => &[("ETag", Known::Etag)],
        (5, b'r') => &[("Range", Known::Range)],
        (5, b'x') => &[("X-Pad", Known::XPad)],
        (6, b'c') => &[("Cookie", Known::Cookie)],
        (6, b'a') => &[("Accept", Known::Accept)],
        (6, b'e') => &[("Expect", Known::Expect)],
        (6, b's') => &[("Server", Known::Server), ("Status", Known::Status)],
        (7, b'u') => &[("Upgrade", Known::Upgrade)],
        (7, b'r') => &[("Referer", Known::Referer), ("Refresh", Known::Refresh)],
        (7, b't') => &[("Trailer", Known::Trailer)],
        (7, b'e') => &[("Expires", Known::Expires)],
        (8, b'i') => &[("If-Match", Known::IfMatch), ("If-Range", Known::IfRange)],
        (8, b'l') => &[("Location", Known::Location)],
        (9, b'x') => &[("X-Real-IP", Known::XRealIp)],
        (10, b'c') => &[("Connection", Known::Connection)],
        (10, b'u') => &[("User-Agent", Known::UserAgent)],
        (10, b'k') => &[("Keep-Alive", Known::KeepAlive)],
        (10, b's') => &[("Set-Cookie", Known::SetCookie)],
        (12, b'c') => &[("Content-Type", Known::ContentType)],
        (13, b'i') => &[("If-None-Match", Known::IfNoneMatch)],
        (13, b'a') => &[
            ("Authorization", Known::Authorization),
            ("Accept-Ranges", Known::AcceptRanges),
        ],
        (13, b'l') => &[("Last-Modified", Known::LastModified)],
        (13, b'c') => &[
            ("Cache-Control", Known::CacheControl),
            ("Content-Range", Known::ContentRange),
        ],
        (14, b'c') => &[("Content-Length", Known::ContentLength)],
        (15, b'a') => &[
            ("Accept-Encoding", Known::AcceptEncoding),
            ("Accept-Language", Known::AcceptLanguage),
        ],
        (15, b'x') => &[
            ("X-Forwarded-For", Known::XForwardedFor),
            ("X-Accel-Expires", Known::XAccelExpires),
            ("X-Accel-Charset", Known::XAccelCharset),
        ],
        (16, b'p') => &[("Proxy-Connection", Known::ProxyConnection)],
        (16, b'c') => &[("Content-Encoding", Known::ContentEncoding)],
        (16, b'w') => &[("WWW-Authenticate", Known::WwwAuthenticate)],
        (16, b'x') => &[("X-Accel-Redirect", Known::XAccelRedirect)],
        (17, b't') => &[("Transfer-Encoding", Known::TransferEncoding)],
        (17, b'i') => &[("If-Modified-Since", Known::IfModifiedSince)],
        (17, b'x') => &[("X-Accel-Buffering", Known::XAccelBuffering)],
        (18, b'x') => &[("X-Accel-Limit-Rate", Known::XAccelLimitRate)],
        (19, b'i') => &[("If-Unmodified-Since", Known::IfUnmodifiedSince)],
        (19, b'c') => &[("Content-Disposition", Known::ContentDisposition)],
        _ => &[],
    };
    // As it is commonly written, which is found at once; else in any case.
    candidates
        .iter()
        .find(|(word, _)| name == word.as_bytes() || name.eq_ignore_ascii_case(word.as_bytes()))
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
