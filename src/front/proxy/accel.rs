//! Header fields by which an upstream steers its own answer: `X-Accel-Redirect`, `-Buffering`, `-Limit-Rate`.

use bytes::Bytes;

use crate::config::model::LogLevel;
use crate::config::written::shown;
use crate::front::log;
use crate::front::reply::Flow;
use crate::front::request::Request;
use crate::wire::escape::{Unescape, unescape_uri};
use crate::wire::head::{AnswerHead, Known, Method};

use super::answer;

/// `X-Accel-Buffering`: on or off for this one answer.
pub fn buffering(r: &Request, head: &AnswerHead) -> bool {
    let proxy = &r.location.proxy;
    let said = head.field(Known::XAccelBuffering);
    match said.filter(|_| !proxy.ignore_headers.buffering) {
        Some(value) if value.eq_ignore_ascii_case(b"no") => false,
        Some(value) if value.eq_ignore_ascii_case(b"yes") => true,
        _ => proxy.buffering,
    }
}

/// `X-Accel-Limit-Rate`: bytes a second to the client, for this request.
pub fn limit_rate(r: &mut Request, head: &AnswerHead) {
    if r.location.proxy.ignore_headers.limit_rate {
        return;
    }
    let said = head.field(Known::XAccelLimitRate);
    let digits = said.filter(|value| value.iter().all(u8::is_ascii_digit));
    let number = digits.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok());
    if let Some(rate) = number {
        r.limit_rate.set(Some(rate));
    }
}

/// `X-Accel-Charset`: the charset of what is answered, be it another answer than this one.
pub fn charset(r: &mut Request, head: &AnswerHead) {
    if r.location.proxy.ignore_headers.charset {
        return;
    }
    let fields = head.fields.iter();
    if let Some(field) = fields.rev().find(|f| f.known == Known::XAccelCharset) {
        r.override_charset = Some(field.value.share(&head.raw));
    }
}

/// `X-Accel-Redirect`: where to go on instead of passing the answer on; some of its fields stay.
pub fn redirect(r: &mut Request, head: &AnswerHead) -> Option<Flow> {
    if r.location.proxy.ignore_headers.redirect {
        return None;
    }
    let at = head
        .fields
        .iter()
        .find(|f| f.known == Known::XAccelRedirect)?;
    let target = at.value.share(&head.raw);
    answer::carry(r, head);
    if target.starts_with(b"@") {
        return Some(Flow::Named(target));
    }
    let Some((uri, args)) = safe_uri(&target) else {
        let message = format!("unsafe URI \"{}\" was detected", shown(&target));
        log::error(r, LogLevel::Error, &message);
        return Some(Flow::Status(404));
    };
    r.args_given = target.contains(&b'?');
    if r.method != Method::Head {
        r.method = Method::Get;
        r.method_name = Bytes::from_static(b"GET");
    }
    Some(Flow::InternalTo { uri, args })
}

/// The path, decoded, and the arguments; `None` where the path leads upward or holds a NUL
/// (nginx's `ngx_http_parse_unsafe_uri`).
fn safe_uri(target: &Bytes) -> Option<(Bytes, Bytes)> {
    let mark = target.iter().position(|&b| b == b'?');
    let path = target.slice(..mark.unwrap_or(target.len()));
    let args = mark.map_or_else(Bytes::new, |at| target.slice(at + 1..));
    if !is_safe(&path) {
        return None;
    }
    if !path.contains(&b'%') {
        return Some((path, args));
    }
    let decoded = unescape_uri(&path, Unescape::All);
    is_safe(&decoded).then(|| (decoded.into(), args))
}

fn is_safe(path: &[u8]) -> bool {
    let upward = |segment: &[u8]| segment == b"..";
    !path.is_empty() && !path.contains(&0) && !path.split(|&b| b == b'/').any(upward)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(target: &'static str) -> Option<(Bytes, Bytes)> {
        safe_uri(&Bytes::from_static(target.as_bytes()))
    }

    #[test]
    fn paths_that_lead_upward_are_refused() {
        let pair = |path: &'static str, args: &'static str| {
            Some((
                Bytes::from_static(path.as_bytes()),
                Bytes::from_static(args.as_bytes()),
            ))
        };
        assert_eq!(safe("/a%20b?c=%20"), pair("/a b", "c=%20"));
        assert_eq!(safe("/a..b/..c"), pair("/a..b/..c", ""));
        for wrong in [
            "",
            "?a",
            "..",
            "../a",
            "/a/..",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a%00b",
        ] {
            assert_eq!(safe(wrong), None, "{wrong}");
        }
    }
}
