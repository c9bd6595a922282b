//! Bytes as readable text, and back: what cases send and what recordings hold.
//!
//! The end of a line stands for CRLF. `\n`, `\r`, `\t`, `\0`, `\\` and `\xHH` are single bytes, a `\` before the end of a line
//! joins two lines, `\{unit*N}` repeats a unit N times. `@NAME@` stands for a value of the run (a port) where that name is known.

use super::OracleError;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Values of one run that texts name as `@NAME@`.
pub type Names = [(String, String)];

/// The bytes that `text` stands for.
pub fn parse(text: &str, names: &Names) -> Result<Vec<u8>, OracleError> {
    let fail = |what| OracleError::Text {
        text: text.chars().take(200).collect(),
        what,
    };
    let source = expand(text, names);
    let mut out = Vec::with_capacity(source.len() + 16);
    let mut rest = source.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'\n' => out.extend_from_slice(b"\r\n"),
            b'\\' => {
                let (&kind, tail) = rest
                    .split_first()
                    .ok_or_else(|| fail("ends in a backslash"))?;
                rest = tail;
                if kind == b'{' {
                    let end = rest
                        .iter()
                        .position(|&b| b == b'}')
                        .ok_or_else(|| fail("\\{ without }"))?;
                    let (inside, tail) = rest.split_at(end);
                    rest = tail.get(1..).unwrap_or_default();
                    out.extend(repeated(inside).ok_or_else(|| fail("not \\{unit*N}"))?);
                } else {
                    rest = escape(kind, rest, &mut out).ok_or_else(|| fail("unknown escape"))?;
                }
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// Puts the values of a run in place of their names.
pub fn expand(text: &str, names: &Names) -> String {
    let mut text = text.to_string();
    for (name, value) in names {
        text = text.replace(&format!("@{name}@"), value);
    }
    text
}

/// One escape after its backslash; what is left of the text.
fn escape<'a>(kind: u8, rest: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    match kind {
        b'\n' => {}
        b'n' => out.push(b'\n'),
        b'r' => out.push(b'\r'),
        b't' => out.push(b'\t'),
        b'0' => out.push(0),
        b'\\' => out.push(b'\\'),
        b'x' => {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            return rest.get(2..);
        }
        _ => return None,
    }
    Some(rest)
}

/// `unit*N`, the inside of `\{…}`; the unit may hold escapes.
fn repeated(inside: &[u8]) -> Option<Vec<u8>> {
    let star = inside.iter().rposition(|&b| b == b'*')?;
    let unit = parse(std::str::from_utf8(inside.get(..star)?).ok()?, &[]).ok()?;
    let times: usize = std::str::from_utf8(inside.get(star + 1..)?)
        .ok()?
        .parse()
        .ok()?;
    (times <= 100_000_000).then(|| unit.repeat(times))
}

/// More bytes than this are shown by their beginning, their end and their SHA-256.
const LONG: usize = 2500;
/// A run of one byte longer than this is shown as `\{x*N}`.
const RUN: usize = 40;

/// `bytes` as the text that stands for them; different bytes give different texts.
pub fn render(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut at = 0;
    let mut shown = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        if shown > LONG && rest.len() > 500 {
            summary(rest, &mut out);
            break;
        }
        let run = rest.iter().take_while(|&&b| b == byte).count();
        if run > RUN {
            out.push_str("\\{");
            match byte {
                b'}' | b'*' => {
                    let _ = write!(out, "\\x{byte:02x}");
                }
                _ => one(byte, &mut out),
            }
            let _ = write!(out, "*{run}}}");
            at += run;
            shown += 8;
        } else if rest.starts_with(b"\r\n") {
            out.push('\n');
            at += 2;
            shown += 2;
        } else {
            one(byte, &mut out);
            if byte == b'\n' {
                out.push_str("\\\n");
            }
            at += 1;
            shown += 1;
        }
    }
    if !out.is_empty() && !out.ends_with('\n') {
        out.push_str("\\\n");
    }
    out
}

fn one(byte: u8, out: &mut String) {
    match byte {
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b'\\' => out.push_str("\\\\"),
        0x20..=0x7e => out.push(char::from(byte)),
        _ => {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
}

fn summary(rest: &[u8], out: &mut String) {
    let mut digest = String::new();
    for byte in Sha256::digest(rest) {
        let _ = write!(digest, "{byte:02x}");
    }
    let _ = write!(
        out,
        "\\\n\\[{} more bytes, SHA-256 {digest}, the last: ",
        rest.len()
    );
    for &byte in rest
        .get(rest.len().saturating_sub(40)..)
        .unwrap_or_default()
    {
        one(byte, out);
    }
    out.push(']');
}
