//! Variables of a family, found by the rest of their names: `$arg_…`, `$cookie_…`, `$http_…`, `$sent_http_…`, `$upstream_http_…`.

use bytes::BytesMut;

use crate::config::variables::Builtin;
use crate::front::field_lines::FieldLines;
use crate::front::request::Request;
use crate::wire::head::Known;

use super::builtin::append_builtin;
use super::put::{number, put};

/// `$arg_NAME`: the first argument of that name, compared without case.
pub fn argument<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if name.is_empty() {
        return None;
    }
    args.split(|&b| b == b'&').find_map(|pair| {
        let (key, value) = pair.split_at_checked(name.len())?;
        (key.eq_ignore_ascii_case(name))
            .then_some(value)
            .and_then(|v| v.strip_prefix(b"="))
    })
}

/// `$cookie_NAME` in any `Cookie` field.
pub(super) fn cookie<'a>(r: &'a Request, name: &[u8]) -> Option<&'a [u8]> {
    cookie_and_field(r, name).map(|(value, _)| value)
}

/// A cookie's value, and the field in which it stands (nginx's `ngx_http_parse_multi_header_lines`).
pub fn cookie_and_field<'a>(r: &'a Request, name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let cookies = r.head.fields.iter().filter(|f| f.known == Known::Cookie);
    let mut fields = cookies.map(|f| f.value.of(&r.head.raw));
    fields.find_map(|field| Some((cookie_in(field, name)?, field)))
}

/// The first of a name; names end with `;` or `,`, a value with `;` alone. What follows a name in the place of its `=` is
/// read with it, be it the `;` itself: the next cookie is then not seen.
fn cookie_in<'a>(mut field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while !field.is_empty() {
        if let Some(value) = cookie_at(field, name) {
            return Some(value);
        }
        let named = (field.split_at_checked(name.len()))
            .filter(|(start, _)| start.eq_ignore_ascii_case(name))
            .map(|(_, rest)| without_spaces(rest));
        let rest = named.map_or(field, |rest| rest.get(1..).unwrap_or_default());
        let end = rest.iter().position(|b| matches!(b, b';' | b','))?;
        field = without_spaces(rest.get(end + 1..)?);
    }
    None
}

/// The value behind `NAME=`, with which a text begins.
fn cookie_at<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let value = without_spaces(without_spaces(rest).strip_prefix(b"=")?);
    value.split(|&b| b == b';').next()
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| b != b' ');
    text.get(start.unwrap_or(text.len())..).unwrap_or_default()
}

/// Whether a field's name is the variable's: without case, `-` and other signs as `_`.
fn is_named(field: &[u8], variable: &[u8]) -> bool {
    field.len() == variable.len()
        && field.iter().zip(variable).all(|(&f, &v)| {
            v == if f == b'-' {
                b'_'
            } else {
                f.to_ascii_lowercase()
            }
        })
}

pub(super) fn append_http(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let mut values = r
        .head
        .pairs()
        .filter(|(field, _)| is_named(field, name))
        .map(|(_, value)| value);
    // These are joined; of any other name the first counts.
    let separator: &[u8] = match name {
        b"cookie" => b"; ",
        b"x_forwarded_for" => b", ",
        _ => return put(out, values.next()),
    };
    join(out, values, separator)
}

pub(super) fn join<'a>(
    out: &mut BytesMut,
    values: impl Iterator<Item = &'a [u8]>,
    separator: &[u8],
) -> bool {
    let mut any = false;
    for value in values {
        if any {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(value);
        any = true;
    }
    any
}

/// The values of a field in lines as they are sent.
fn values_of<'a>(lines: &'a FieldLines, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines
        .fields()
        .filter(move |(field, _)| is_named(field, name))
        .map(|(_, value)| value)
}

/// A trailer, once the body has ended; the first of its name.
pub(super) fn append_trailer(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    put(out, values_of(&r.sent_trailers.borrow(), name).next())
}

pub(super) fn append_sent(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    if matches!(name, b"connection" | b"keep_alive") {
        return append_fate(name, r, out);
    }
    let sent = r.sent_fields.borrow();
    if sent.is_empty() {
        return append_carried(name, r, out);
    }
    let mut values = values_of(&sent, name);
    match name {
        // Its own field stands before all others; one that `add_header` made is not it.
        b"content_type" => put(out, values.next().filter(|_| sent.begins_with_type())),
        b"cache_control" | b"link" => join(out, values, b", "),
        b"location" if r.location_is_second.get() => put(out, values.nth(1)),
        _ => put(out, values.next()),
    }
}

/// `$sent_http_connection` and `$sent_http_keep_alive`: what the connection's fate is now.
fn append_fate(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let keeps = r.keep_alive && !r.released.get();
    let seconds = r.location.core.keepalive_header;
    match name {
        b"connection" if r.status() == 101 => put(out, Some(b"upgrade")),
        b"connection" if keeps => put(out, Some(b"keep-alive")),
        b"connection" => put(out, Some(b"close")),
        _ if !keeps || seconds == 0 => false,
        _ => {
            out.extend_from_slice(b"timeout=");
            number(out, seconds)
        }
    }
}

/// Before there is a head: what an earlier answer left for it.
fn append_carried(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    match name {
        b"content_type" => put(out, r.carried_type.as_deref().map(|(value, ..)| &**value)),
        b"location" => put(out, r.redirect_to.as_deref()),
        _ => {
            let mut carried = r.carried.iter().filter(|(field, _)| is_named(field, name));
            put(out, carried.next().map(|(_, value)| &**value))
        }
    }
}

pub(super) fn append_upstream_http(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let head = r.upstreams.head.borrow();
    let Some(head) = head.as_ref() else {
        return false;
    };
    let found = head.pairs().find(|(field, _)| is_named(field, name));
    match found {
        Some((_, value)) => put(out, Some(value)),
        // nginx adds these two, empty, where an answer has none.
        None => matches!(name, b"server" | b"date"),
    }
}

pub(super) fn append_upstream_cookie(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let head = r.upstreams.head.borrow();
    let Some(head) = head.as_ref() else {
        return false;
    };
    let found = head
        .fields
        .iter()
        .filter(|f| f.known == Known::SetCookie)
        .find_map(|f| cookie_at(f.value.of(&head.raw), name));
    put(out, found)
}

pub(super) fn forwarded_for(r: &Request, out: &mut BytesMut) -> bool {
    let chain = r
        .head
        .fields
        .iter()
        .filter(|f| f.known == Known::XForwardedFor)
        .map(|f| f.value.of(&r.head.raw));
    if join(out, chain, b", ") {
        out.extend_from_slice(b", ");
    }
    append_builtin(Builtin::RemoteAddr, r, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_by_name() {
        let args = b"a=1&AB=2&b&c=";
        assert_eq!(argument(args, b"a"), Some(&b"1"[..]));
        assert_eq!(argument(args, b"ab"), Some(&b"2"[..]));
        assert_eq!(argument(args, b"b"), None);
        assert_eq!(argument(args, b"c"), Some(&b""[..]));
    }
}
