//! Directives back to text: what the parser then reads is the same again, but for the places.

use proxy_lab::config::lexer::{Quote, Word};
use proxy_lab::config::parser::Directive;

/// One directive a line, blocks indented.
pub fn print(directives: &[Directive]) -> Vec<u8> {
    let mut out = Vec::new();
    write_all(directives, 0, &mut out);
    out
}

fn write_all(directives: &[Directive], depth: usize, out: &mut Vec<u8>) {
    for directive in directives {
        out.extend(std::iter::repeat_n(b' ', depth));
        write_word(&directive.name, out);
        for word in &directive.args {
            out.push(b' ');
            write_word(word, out);
        }
        match &directive.block {
            // A `{` right behind a word would belong to it where that ends in `$`.
            Some(block) => {
                out.extend_from_slice(b" {\n");
                write_all(&block.directives, depth + 1, out);
                out.extend(std::iter::repeat_n(b' ', depth));
                out.extend_from_slice(b"}\n");
            }
            None => out.extend_from_slice(b" ;\n"),
        }
    }
}

/// A word as it has to be written to be read as this value, in the quotes that it had.
fn write_word(word: &Word, out: &mut Vec<u8>) {
    let mut bytes = word.value.iter().copied().peekable();
    match word.quote {
        Quote::Single | Quote::Double => {
            let quote = if word.quote == Quote::Single {
                b'\''
            } else {
                b'"'
            };
            out.push(quote);
            for byte in bytes {
                if byte == quote || byte == b'\\' {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(quote);
        }
        Quote::Bare => {
            while let Some(byte) = bytes.next() {
                match byte {
                    b'\t' => out.extend_from_slice(b"\\t"),
                    b'\r' => out.extend_from_slice(b"\\r"),
                    b'\n' => out.extend_from_slice(b"\\n"),
                    b'"' | b'\'' => out.extend([b'\\', byte]),
                    // What a backslash protects, and what it does not stand for, it stays in front of.
                    b'\\' => match bytes.peek() {
                        Some(b't' | b'r' | b'n' | b'"' | b'\'' | b'\\' | b'$') | None => {
                            out.extend_from_slice(b"\\\\");
                        }
                        Some(next) => {
                            out.extend([b'\\', *next]);
                            bytes.next();
                        }
                    },
                    other => out.push(other),
                }
            }
        }
    }
}
