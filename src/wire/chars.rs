//! Classes of bytes, as tables built at compile time: one look-up decides what the parsers do with a byte.

pub(crate) const CR: u8 = b'\r';
pub(crate) const LF: u8 = b'\n';

/// Bytes of a URI that need no attention: no controls, spaces, or any of `# % + . / ?`.
pub(crate) static USUAL: [bool; 256] = usual();

const fn usual() -> [bool; 256] {
    let mut table = [true; 256];
    let mut i = 0;
    while i <= 0x20 {
        table[i] = false;
        i += 1;
    }
    table[0x7f] = false;
    let special = b"#%+./?";
    let mut i = 0;
    while i < special.len() {
        table[special[i] as usize] = false;
        i += 1;
    }
    table
}

pub(crate) fn is_usual(ch: u8) -> bool {
    USUAL[usize::from(ch)]
}

/// What a byte is in the name of a header field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameByte {
    /// A letter, a digit or `-`.
    Plain,
    Underscore,
    Colon,
    /// CR, LF, other controls, space, DEL.
    Control,
    /// `/`: an upstream may repeat its status line.
    Slash,
    /// Anything else: makes the name invalid, but not the head.
    Odd,
}

static NAME: [NameByte; 256] = name();

const fn name() -> [NameByte; 256] {
    let mut table = [NameByte::Odd; 256];
    let mut i = 0;
    while i < 256 {
        let ch = i as u8;
        table[i] = match ch {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' => NameByte::Plain,
            b'_' => NameByte::Underscore,
            b':' => NameByte::Colon,
            b'/' => NameByte::Slash,
            0..=0x20 | 0x7f => NameByte::Control,
            _ => NameByte::Odd,
        };
        i += 1;
    }
    table
}

pub(crate) fn name_byte(ch: u8) -> NameByte {
    NAME[usize::from(ch)]
}

/// Does `text` contain `word` (lower-case) in any case?
pub(crate) fn contains_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|part| part.eq_ignore_ascii_case(word))
}

/// Where `word` first occurs in `text`.
pub(crate) fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, word)
}

/// A decimal number of at most `i64::MAX`; no sign, no spaces, at least one digit.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for &ch in text {
        let digit = ch.checked_sub(b'0').filter(|d| *d <= 9)?;
        value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    u64::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"007"), Some(7));
        assert_eq!(decimal(b"9223372036854775807"), Some(i64::MAX as u64));
        for bad in [
            &b""[..],
            b"+1",
            b"-1",
            b"1 ",
            b"0x1",
            b"9223372036854775808",
            b"1,1",
        ] {
            assert_eq!(decimal(bad), None, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn usual_bytes() {
        let unusual: Vec<u8> = (0..=255).filter(|b| !is_usual(*b)).collect();
        let mut expected: Vec<u8> = (0..=0x20).collect();
        expected.extend(b"#%+./?\x7f");
        assert_eq!(unusual, expected);
    }

    #[test]
    fn words() {
        assert!(contains_ignoring_case(b"x, CLOSE", b"close"));
        assert!(!contains_ignoring_case(b"clos", b"close"));
        assert!(!contains_ignoring_case(b"", b"close"));
        assert_eq!(find(b"abcabc", b"ca"), Some(2));
    }
}
