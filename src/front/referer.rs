//! `$invalid_referer`: whether the page that a request names as its origin is one of those that `valid_referers` lets in.

use std::borrow::Borrow;

use crate::config::model::LogLevel;
use crate::config::regex::Regex;
use crate::wire::head::Known;

use super::log;
use super::request::Request;

/// A pattern ran away.
pub struct RanAway;

/// A shorter address than this has no host worth looking at.
const SHORTEST: usize = b"http://i.ru".len();
/// A host may have so many bytes.
const LONGEST_HOST: usize = 256;

/// What nginx's `ngx_http_referer_variable` decides.
///
/// # Errors
/// A pattern ran away; the log has it.
pub fn is_valid(r: &Request) -> Result<bool, RanAway> {
    let referers = &r.location.modules.referers;
    if referers.is_empty() {
        return Ok(true);
    }
    let Some(field) = r.head.field(Known::Referer) else {
        return Ok(referers.none);
    };
    let Some(address) = without_scheme(field) else {
        return Ok(referers.blocked);
    };
    let end = address.iter().position(|b| matches!(b, b'/' | b':'));
    let (host, rest) = address.split_at(end.unwrap_or(address.len()));
    if host.len() > LONGEST_HOST {
        return Ok(false);
    }
    if let Some(path) = referers.names.find(host) {
        let slash = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        return Ok(rest[slash..].starts_with(path));
    }
    if let Some(patterns) = &referers.server_patterns
        && any_matches(r, patterns, &host.to_ascii_lowercase())?
    {
        return Ok(true);
    }
    match &referers.patterns {
        Some(patterns) => any_matches(r, patterns, address),
        None => Ok(false),
    }
}

/// What stands behind `http://` or `https://`.
fn without_scheme(field: &[u8]) -> Option<&[u8]> {
    if field.len() < SHORTEST {
        return None;
    }
    ["http://", "https://"].iter().find_map(|scheme| {
        let (start, rest) = field.split_at_checked(scheme.len())?;
        start
            .eq_ignore_ascii_case(scheme.as_bytes())
            .then_some(rest)
    })
}

fn any_matches<P: Borrow<Regex>>(
    r: &Request,
    patterns: &[P],
    subject: &[u8],
) -> Result<bool, RanAway> {
    for pattern in patterns {
        match pattern.borrow().captures(subject) {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(true),
            Err(error) => {
                let message = format!("pcre2_match() failed: {error}");
                log::error(r, LogLevel::Alert, &message);
                return Err(RanAway);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_and_some_length() {
        for (field, address) in [
            ("http://i.ru", Some("i.ru")),
            ("HTTPS://i.ru/", Some("i.ru/")),
            ("http:///abcd", Some("/abcd")),
            ("http://i.r", None),
            ("https://i.r", Some("i.r")),
            ("ftp://example.org/", None),
            ("", None),
        ] {
            assert_eq!(without_scheme(field.as_bytes()), address.map(str::as_bytes));
        }
    }
}
