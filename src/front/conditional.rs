//! Conditions of a request: `If-Unmodified-Since`, `If-Match`, `If-Modified-Since`, `If-None-Match`
//! (RFC 9110 section 13, in the order and with the liberties of nginx's not-modified filter).

use bytes::Bytes;

use crate::config::model::IfModifiedSince;
use crate::wire::date::parse_http_time;
use crate::wire::head::{Known, RequestHead};

use super::reply::{Reply, ReplyBody};
use super::request::Request;

/// Makes a 304 of a 200 that the client has already.
///
/// # Errors
/// 412 where a condition for having the answer at all does not hold.
pub fn apply(r: &Request, reply: &mut Reply) -> Result<(), u16> {
    if reply.status != 200 || !reply.conditional {
        return Ok(());
    }
    match judge(
        &Conditions::of(&r.head),
        r.location.core.if_modified_since,
        reply.last_modified,
        reply.etag.as_ref(),
    ) {
        Verdict::Whole => Ok(()),
        Verdict::Failed => Err(412),
        Verdict::NotModified => {
            not_modified(reply);
            Ok(())
        }
    }
}

/// The four fields, where they are there.
#[derive(Debug, Default)]
struct Conditions<'a> {
    unmodified_since: Option<&'a [u8]>,
    matches: Option<&'a [u8]>,
    modified_since: Option<&'a [u8]>,
    none_match: Option<&'a [u8]>,
}

impl<'a> Conditions<'a> {
    /// One walk over the fields; the first of a name counts.
    fn of(head: &'a RequestHead) -> Self {
        let mut found = Self::default();
        for field in &head.fields {
            let slot = match field.known {
                Known::IfUnmodifiedSince => &mut found.unmodified_since,
                Known::IfMatch => &mut found.matches,
                Known::IfModifiedSince => &mut found.modified_since,
                Known::IfNoneMatch => &mut found.none_match,
                _ => continue,
            };
            slot.get_or_insert(field.value.of(&head.raw));
        }
        found
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Whole,
    NotModified,
    Failed,
}

fn judge(
    conditions: &Conditions<'_>,
    mode: IfModifiedSince,
    last_modified: Option<i64>,
    etag: Option<&Bytes>,
) -> Verdict {
    if let Some(since) = conditions.unmodified_since {
        // An answer without a date counts as modified, a date that cannot be read as long ago.
        let unmodified = last_modified.is_some_and(|modified| time(since) >= modified);
        if !unmodified {
            return Verdict::Failed;
        }
    }
    if let Some(list) = conditions.matches
        && !is_listed(list, etag, false)
    {
        return Verdict::Failed;
    }
    if conditions.modified_since.is_none() && conditions.none_match.is_none() {
        return Verdict::Whole;
    }
    // Both must say "not modified" where both are there.
    let date_differs = conditions
        .modified_since
        .is_some_and(|since| is_modified(since, mode, last_modified));
    let tag_differs = conditions
        .none_match
        .is_some_and(|list| !is_listed(list, etag, true));
    if date_differs || tag_differs {
        Verdict::Whole
    } else {
        Verdict::NotModified
    }
}

fn time(value: &[u8]) -> i64 {
    parse_http_time(value).unwrap_or(-1)
}

fn is_modified(since: &[u8], mode: IfModifiedSince, last_modified: Option<i64>) -> bool {
    let Some(modified) = last_modified else {
        return true;
    };
    match mode {
        IfModifiedSince::Off => true,
        IfModifiedSince::Exact => time(since) != modified,
        IfModifiedSince::Before => time(since) < modified,
    }
}

/// Whether the tag stands in a list of tags; `*` stands for any. `weak` forgets the `W/` of both sides.
fn is_listed(list: &[u8], etag: Option<&Bytes>, weak: bool) -> bool {
    if list == b"*" {
        return true;
    }
    let Some(etag) = etag else { return false };
    let strip = |tag: &mut &[u8]| {
        if weak && tag.len() > 2 {
            *tag = tag.strip_prefix(b"W/").unwrap_or(tag);
        }
    };
    let mut etag = &etag[..];
    strip(&mut etag);
    let mut rest = list;
    while !rest.is_empty() {
        strip(&mut rest);
        if rest.len() < etag.len() {
            return false;
        }
        if let Some(behind) = rest.strip_prefix(etag) {
            rest = trim(behind, b" \t");
            if rest.first().is_none_or(|&b| b == b',') {
                return true;
            }
        }
        let comma = rest.iter().position(|&b| b == b',').unwrap_or(rest.len());
        rest = trim(rest.get(comma..).unwrap_or_default(), b" \t,");
    }
    false
}

fn trim<'a>(bytes: &'a [u8], what: &[u8]) -> &'a [u8] {
    let start = bytes
        .iter()
        .position(|b| !what.contains(b))
        .unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

fn not_modified(reply: &mut Reply) {
    reply.status = 304;
    reply.status_line = None;
    reply.content_type = Bytes::new();
    reply.type_len = None;
    reply.content_length = None;
    reply.allow_ranges = false;
    reply
        .headers
        .retain(|(name, _)| !name.eq_ignore_ascii_case(b"content-encoding"));
    reply.body = ReplyBody::None;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 06 Nov 1994 08:49:37 GMT
    const THEN: i64 = 784_111_777;
    const SAME: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";
    const EARLIER: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";

    fn ask(conditions: &Conditions<'_>) -> Verdict {
        judge(
            conditions,
            IfModifiedSince::Exact,
            Some(THEN),
            Some(&Bytes::from_static(b"\"a-1\"")),
        )
    }

    #[test]
    fn lists_of_tags() {
        let tag = Bytes::from_static(b"\"a-1\"");
        for (list, weak, expected) in [
            ("*", false, true),
            ("\"a-1\"", false, true),
            ("W/\"a-1\"", true, true),
            ("W/\"a-1\"", false, false),
            ("\"x\", \"a-1\"", false, true),
            ("\"x\",\t\"a-1\" ,\"y\"", false, true),
            ("\"a-1\"x", false, false),
            ("\"a-1\"x, \"a-1\"", false, true),
            ("a-1", false, false),
            ("", false, false),
            (",,\"a-1\"", false, true),
            ("*, \"b\"", false, false),
        ] {
            assert_eq!(
                is_listed(list.as_bytes(), Some(&tag), weak),
                expected,
                "{list} {weak}"
            );
        }
        assert!(is_listed(b"*", None, true));
        assert!(!is_listed(b"\"a\"", None, true));
        assert!(is_listed(
            b"\"w\"",
            Some(&Bytes::from_static(b"W/\"w\"")),
            true
        ));
        assert!(!is_listed(
            b"\"w\"",
            Some(&Bytes::from_static(b"W/\"w\"")),
            false
        ));
    }

    #[test]
    fn dates() {
        for (since, exact, before) in [
            (SAME, false, false),
            (LATER, true, false),
            (EARLIER, true, true),
        ] {
            assert_eq!(
                is_modified(since, IfModifiedSince::Exact, Some(THEN)),
                exact
            );
            assert_eq!(
                is_modified(since, IfModifiedSince::Before, Some(THEN)),
                before
            );
            assert!(is_modified(since, IfModifiedSince::Off, Some(THEN)));
            assert!(is_modified(since, IfModifiedSince::Before, None));
        }
        assert!(is_modified(
            b"yesterday",
            IfModifiedSince::Before,
            Some(THEN)
        ));
    }

    #[test]
    fn conditions_together() {
        let none = Conditions::default();
        assert_eq!(ask(&none), Verdict::Whole);
        assert_eq!(
            ask(&Conditions {
                modified_since: Some(SAME),
                ..none
            }),
            Verdict::NotModified
        );
        let tag = Some(&b"\"a-1\""[..]);
        assert_eq!(
            ask(&Conditions {
                none_match: tag,
                ..Conditions::default()
            }),
            Verdict::NotModified
        );
        let both = |since| Conditions {
            modified_since: Some(since),
            none_match: tag,
            ..Conditions::default()
        };
        assert_eq!(ask(&both(SAME)), Verdict::NotModified);
        assert_eq!(ask(&both(EARLIER)), Verdict::Whole);
        let unmodified = |since| Conditions {
            unmodified_since: Some(since),
            ..Conditions::default()
        };
        assert_eq!(ask(&unmodified(SAME)), Verdict::Whole);
        assert_eq!(ask(&unmodified(EARLIER)), Verdict::Failed);
        assert_eq!(ask(&unmodified(b"?")), Verdict::Failed);
        assert_eq!(
            ask(&Conditions {
                matches: Some(b"\"b\""),
                ..Conditions::default()
            }),
            Verdict::Failed
        );
        assert_eq!(
            judge(&unmodified(LATER), IfModifiedSince::Exact, None, None),
            Verdict::Failed
        );
    }
}
