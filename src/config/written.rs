//! The bytes of a configuration in messages. nginx puts a word into its line as it stands in the file, UTF-8 or not; here
//! messages are text, in which a byte that is no UTF-8 is a character of its own until the message is written.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes 0x80 to 0xff are the last 128 characters there are, which are nobody's: U+10FF80 to U+10FFFF.
const STANDS_FOR: u32 = 0x10_ff00;

/// Bytes as text. [`bytes`] makes the very same bytes of it again.
pub fn shown(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(|ch| byte_of(ch).is_some()) => Cow::Borrowed(text),
        _ => {
            let mut out = String::with_capacity(bytes.len());
            for chunk in bytes.utf8_chunks() {
                for ch in chunk.valid().chars() {
                    match byte_of(ch) {
                        None => out.push(ch),
                        Some(_) => push(&mut out, ch.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
                push(&mut out, chunk.invalid());
            }
            Cow::Owned(out)
        }
    }
}

fn push(out: &mut String, bytes: &[u8]) {
    out.extend(
        bytes
            .iter()
            .filter_map(|&byte| char::from_u32(STANDS_FOR + u32::from(byte))),
    );
}

/// The byte that a character stands for.
fn byte_of(ch: char) -> Option<u8> {
    let byte = u32::from(ch).checked_sub(STANDS_FOR)?;
    u8::try_from(byte).ok().filter(|byte| !byte.is_ascii())
}

/// A file's name as text.
pub fn path(path: &Path) -> Cow<'_, str> {
    shown(path.as_os_str().as_bytes())
}

/// What a text of [`shown`] is where it is written: on a terminal, in a log.
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains(|ch| byte_of(ch).is_some()) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    for ch in text.chars() {
        match byte_of(ch) {
            Some(byte) => out.push(byte),
            None => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(out)
}

/// The same for readers who want UTF-8 (JSON): what is none is the replacement character.
pub fn legible(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// What a function of C takes for a text: all before the first NUL.
pub fn before_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back() {
        let last = "\u{10ff80} \u{10ffff}".as_bytes();
        for all in [
            &b""[..],
            b"plain",
            "\u{e4}\u{1f600}".as_bytes(),
            b"\xff\xfep\0",
            last,
            &[last, b"\xf4\x8f\xbe"].concat(),
            &(0..=255).collect::<Vec<u8>>(),
        ] {
            assert_eq!(&*bytes(&shown(all)), all, "{all:?}");
        }
        assert_eq!(legible(&shown(b"a\xffb")), "a\u{fffd}b");
        assert_eq!(before_nul(b"a\0b"), b"a");
    }
}
