//! Base64 as nginx reads and writes it: padding is optional, and what stands behind the first `=` does not count.

/// RFC 4648, section 4 or section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// With `+` and `/`.
    Standard,
    /// With `-` and `_`.
    Url,
}

/// The bytes of a text (nginx's `ngx_decode_base64` and `ngx_decode_base64url`); `None` where it is none.
pub fn decode(encoded: &[u8], alphabet: Alphabet) -> Option<Vec<u8>> {
    let end = encoded.iter().position(|&b| b == b'=');
    let encoded = encoded.get(..end.unwrap_or(encoded.len()))?;
    let mut out = Vec::with_capacity(encoded.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0u32);
    for &b in encoded {
        let six = match (b, alphabet) {
            (b'A'..=b'Z', _) => b - b'A',
            (b'a'..=b'z', _) => b - b'a' + 26,
            (b'0'..=b'9', _) => b - b'0' + 52,
            (b'+', Alphabet::Standard) | (b'-', Alphabet::Url) => 62,
            (b'/', Alphabet::Standard) | (b'_', Alphabet::Url) => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    (encoded.len() % 4 != 1).then_some(out)
}

/// The text of bytes, with its padding (`ngx_encode_base64`).
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let six = (bits >> (18 - 6 * digit) & 63) as usize;
            let known = DIGITS.get(six).copied().filter(|_| digit <= three.len());
            out.push(known.unwrap_or(b'='));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded() {
        let standard = |text: &str| decode(text.as_bytes(), Alphabet::Standard);
        assert_eq!(standard("dXNlcjpwYXNz").as_deref(), Some(&b"user:pass"[..]));
        assert_eq!(standard("dQ==").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dQ=!").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dQ").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("+/+/").as_deref(), Some(&[251, 255, 191][..]));
        for none in ["a", "dXNlc", "-_-_", "d Q"] {
            assert_eq!(standard(none), None, "{none}");
        }
        let url = decode(b"-_-_", Alphabet::Url);
        assert_eq!(url.as_deref(), Some(&[251, 255, 191][..]));
        assert_eq!(decode(b"+/+/", Alphabet::Url), None);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for length in 0..40 {
            let bytes: Vec<u8> = (0..length).map(|n: u8| n.wrapping_mul(7) ^ 0xa5).collect();
            let encoded = encode(&bytes);
            assert_eq!(encoded.len() % 4, 0);
            assert_eq!(decode(&encoded, Alphabet::Standard), Some(bytes));
        }
        assert_eq!(encode(b"user:pass!"), b"dXNlcjpwYXNzIQ==");
    }
}
