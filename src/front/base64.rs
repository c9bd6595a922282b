//! Base64 as nginx reads and writes it: padding is optional, what stands behind the first `=` does not count, nor do bits
//! that are too many for the last byte.

use base64::Engine;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// With `+` and `/` (RFC 4648, section 4).
pub const STANDARD: Base64 = Base64::new(&alphabet::STANDARD);
/// With `-` and `_` (RFC 4648, section 5).
pub const URL: Base64 = Base64::new(&alphabet::URL_SAFE);

/// Base64 of one alphabet.
pub struct Base64(GeneralPurpose);

impl Base64 {
    const fn new(alphabet: &Alphabet) -> Self {
        Self(GeneralPurpose::new(alphabet, LENIENT))
    }

    /// The bytes of a text (nginx's `ngx_decode_base64` and `ngx_decode_base64url`); `None` where it is none.
    pub fn decode(&self, encoded: &[u8]) -> Option<Vec<u8>> {
        let text = encoded.split(|&b| b == b'=').next()?;
        self.0.decode(text).ok()
    }

    /// The text of bytes, with its padding (`ngx_encode_base64`).
    pub fn encode(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.encode(bytes).into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded() {
        let standard = |text: &str| STANDARD.decode(text.as_bytes());
        assert_eq!(standard("dXNlcjpwYXNz").as_deref(), Some(&b"user:pass"[..]));
        assert_eq!(standard("dQ==").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dQ=!").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dQ").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dR").as_deref(), Some(&b"u"[..]));
        assert_eq!(standard("dXN").as_deref(), Some(&b"us"[..]));
        assert_eq!(standard("dXP").as_deref(), Some(&b"us"[..]));
        assert_eq!(standard("").as_deref(), Some(&b""[..]));
        assert_eq!(standard("=").as_deref(), Some(&b""[..]));
        assert_eq!(standard("+/+/").as_deref(), Some(&[251, 255, 191][..]));
        for none in ["a", "dXNlc", "-_-_", "d Q", "dQ\n="] {
            assert_eq!(standard(none), None, "{none}");
        }
        let url = URL.decode(b"-_-_");
        assert_eq!(url.as_deref(), Some(&[251, 255, 191][..]));
        assert_eq!(URL.decode(b"+/+/"), None);
    }

    #[test]
    fn what_is_encoded_is_padded() {
        assert_eq!(STANDARD.encode(b"user:pass!"), b"dXNlcjpwYXNzIQ==");
        assert_eq!(STANDARD.encode(b"user:pass"), b"dXNlcjpwYXNz");
    }
}
