//! The lines of the access logs: a format's variables, escaped as it says.

use std::io::Write;

use bytes::BytesMut;

use crate::config::model::{AccessFile, LogEscape, LogLevel};
use crate::config::template::{Part, Template};
use crate::front::request::Request;
use crate::front::sink::{self, Sink};
use crate::front::{files, variables};

use super::{LogError, error_at, os_error};

/// Writes the request's access log lines.
pub fn access(r: &Request) {
    for log in r.location.core.access_logs.iter() {
        if let Some(condition) = &log.condition {
            let value = variables::evaluate(condition, r);
            if value.is_empty() || &*value == b"0" {
                continue;
            }
        }
        let mut line = BytesMut::with_capacity(256);
        fill(&log.format.template, log.format.escape, r, &mut line);
        line.extend_from_slice(b"\n");
        match &log.file {
            AccessFile::Opened(index) => {
                if let Some(sink) = r.worker.logs.access.get(*index)
                    && let Err(failed) = Sink::write(sink, &line)
                {
                    unsent(r, &failed);
                }
            }
            AccessFile::Named(path) => write_named(r, path, &line),
        }
    }
}

/// A line that syslog did not take.
fn unsent(r: &Request, failed: &sink::Unsent) {
    let (logs, model) = (&r.worker.logs, &r.model);
    logs.process(model, failed.level(), &failed.to_string());
    let message = "send() to syslog failed while logging request";
    error_at(r, LogLevel::Warn, message, None);
}

/// A line to a log whose path has variables: nginx asks that `root` exists, so that no client makes up folders or files
/// of a site that there is not.
fn write_named(r: &Request, path: &Template, line: &[u8]) {
    let root = variables::root_path(&r.location.core.root, r);
    let root = files::as_path(&root);
    let tested = crate::wall::may_read(root).and_then(|()| std::fs::metadata(root));
    if let Err(error) = tested {
        let text = root.display();
        let message = format!("testing \"{text}\" existence failed ({})", os_error(&error));
        super::error(r, LogLevel::Error, &message);
        return;
    }
    let name = variables::evaluate(path, r);
    let full = r.model.prefix.join(files::as_path(&name));
    let written = sink::open(&full).and_then(|file| {
        (&file).write_all(line).map_err(|source| LogError {
            path: full.clone(),
            source,
        })
    });
    if let Err(failed) = written {
        super::error(r, LogLevel::Crit, &failed.to_string());
    }
}

fn fill(template: &Template, escape: LogEscape, r: &Request, line: &mut BytesMut) {
    for part in &template.parts {
        let Part::Variable(var) = part else {
            if let Part::Literal(text) = part {
                line.extend_from_slice(text);
            }
            continue;
        };
        let start = line.len();
        let found = variables::append_logged(var, r, line);
        match escape {
            _ if !found && escape == LogEscape::Default => {
                line.truncate(start);
                line.extend_from_slice(b"-");
            }
            LogEscape::Default => escape_tail(line, start, needs_hex, escape_default),
            LogEscape::Json => escape_tail(line, start, needs_json, escape_json),
            LogEscape::None => {}
        }
    }
}

/// Escapes what stands behind `start`, where anything there has to be escaped: most values have nothing.
fn escape_tail(
    line: &mut BytesMut,
    start: usize,
    needed: impl Fn(u8) -> bool,
    escape: impl Fn(&[u8], &mut BytesMut),
) {
    let value = line.get(start..).unwrap_or_default();
    if value.iter().fold(false, |any, &b| any | needed(b)) {
        let value = line.split_off(start);
        escape(&value, line);
    }
}

fn needs_hex(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\' || b >= 0x7f
}

fn needs_json(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\'
}

/// `"`, `\` and bytes outside printable ASCII as `\xHH`.
fn escape_default(value: &[u8], line: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &b in value {
        if needs_hex(b) {
            let (high, low) = (HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]);
            line.extend_from_slice(&[b'\\', b'x', high, low]);
        } else {
            line.extend_from_slice(&[b]);
        }
    }
}

/// As a JSON string's content (nginx's `escape=json`).
fn escape_json(value: &[u8], line: &mut BytesMut) {
    for &b in value {
        match b {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            8 => line.extend_from_slice(b"\\b"),
            12 => line.extend_from_slice(b"\\f"),
            0..0x20 => line.extend_from_slice(format!("\\u{b:04X}").as_bytes()),
            _ => line.extend_from_slice(&[b]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_escape_is_hex() {
        let mut line = BytesMut::new();
        escape_default(b"a\"b\\\xc3\x7f\n", &mut line);
        assert_eq!(&line[..], br"a\x22b\x5C\xC3\x7F\x0A");
    }

    #[test]
    fn json_escape() {
        let mut line = BytesMut::new();
        escape_json(b"a\"\x01\n", &mut line);
        assert_eq!(&line[..], br#"a\"\u0001\n"#);
    }
}
