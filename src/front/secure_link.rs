//! `$secure_link` and `$secure_link_expires`: whether a link carries the digest that only the site can make.

use bytes::Bytes;
use md5::{Digest, Md5};

use crate::config::modules::SecureLink;

use super::base64;
use super::request::Request;
use super::variables::{self, evaluate};

/// A digest of sixteen bytes has no longer text.
const LONGEST: usize = 24;
/// A digest as hexadecimal digits.
const HEX: usize = 32;

/// `$secure_link`: `1`, `0` once the link's time is over, or the link itself with `secure_link_secret`; `None` where it
/// does not carry what it should.
pub fn value(r: &Request) -> Option<Bytes> {
    match &r.location.modules.secure_link {
        SecureLink {
            secret: Some(secret),
            ..
        } => with_secret(r, secret),
        SecureLink {
            link: Some(link),
            digested: Some(digested),
            ..
        } => {
            let link = evaluate(link, r);
            let comma = link.iter().position(|&b| b == b',');
            let expires = comma.map(|at| link.slice(at + 1..));
            let until = match &expires {
                Some(text) => Some(time(text)?),
                None => None,
            };
            if expires.is_some() {
                r.secure_link_expires.replace(expires);
            }
            let given = link.get(..comma.unwrap_or(link.len()))?;
            let given = (given.len() <= LONGEST).then(|| base64::URL.decode(given))??;
            if given[..] != Md5::digest(evaluate(digested, r))[..] {
                return None;
            }
            let over = until.is_some_and(|until| until < variables::now());
            Some(Bytes::from_static(if over { b"0" } else { b"1" }))
        }
        _ => None,
    }
}

/// Seconds since 1970, more than none.
fn time(text: &[u8]) -> Option<i64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(text).ok().filter(|_| digits)?;
    text.parse().ok().filter(|&time: &i64| time > 0)
}

/// `/PREFIX/DIGEST/LINK`, where the digest is of the link and the secret.
fn with_secret(r: &Request, secret: &[u8]) -> Option<Bytes> {
    let uri = r.head.unparsed_uri.of(&r.head.raw);
    let mut parts = uri.get(1..)?.splitn(3, |&b| b == b'/').skip(1);
    let (given, link) = (parts.next()?, parts.next()?);
    if given.len() != HEX || link.is_empty() {
        return None;
    }
    let digest = Md5::new().chain_update(link).chain_update(secret);
    let hex: String = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    (given.eq_ignore_ascii_case(hex.as_bytes())).then(|| Bytes::copy_from_slice(link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_digits() {
        assert_eq!(time(b"1"), Some(1));
        assert_eq!(time(b"0002147483647"), Some(2_147_483_647));
        assert_eq!(time(b"9223372036854775807"), Some(i64::MAX));
        for none in ["", "0", "-1", "+1", "1 ", "9223372036854775808"] {
            assert_eq!(time(none.as_bytes()), None, "{none}");
        }
    }
}
