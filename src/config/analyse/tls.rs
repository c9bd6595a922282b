//! Directives of TLS and HTTP/2: those that nginx warns about, and those whose values are more than one word.

use super::frame::TlsZone;
use super::generic::{self, Set, Value};
use super::{Analyser, Outcome, duplicate, emerg, not_implemented, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::parser::Directive;
use crate::config::{values, written};

/// What nginx says that those of HTTP/2 are called now.
const OBSOLETE: [(&str, &str); 5] = [
    ("http2_max_requests", "keepalive_requests"),
    ("http2_max_field_size", "large_client_header_buffers"),
    ("http2_max_header_size", "large_client_header_buffers"),
    ("http2_recv_timeout", "client_header_timeout"),
    ("http2_idle_timeout", "keepalive_timeout"),
];

/// One of [`OBSOLETE`]: its value does not matter.
pub fn obsolete(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = directive.name.text();
    let Some((name, now)) = OBSOLETE.iter().find(|(old, _)| *old == name) else {
        return Ok(());
    };
    let message =
        format!("the \"{name}\" directive is obsolete, use the \"{now}\" directive instead");
    analyser.report(warn(directive, message), directive.end);
    Ok(())
}

/// `ssl_session_cache off | none | [builtin[:SESSIONS]] [shared:NAME:SIZE]`
pub fn session_cache(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    for word in &directive.args {
        let value = &word.value;
        if matches!(&value[..], b"off" | b"none" | b"builtin") {
            continue;
        }
        let sessions = value.strip_prefix(b"builtin:").and_then(values::number);
        match (sessions, zone(value)) {
            (_, Some(found)) => take_zone(analyser, directive, word, "session", found)?,
            (Some(_), None) => {}
            (None, None) => {
                return Err(bad_cache(directive, word, "session").label(
                    "expected `off`, `none`, `builtin`, `builtin:SESSIONS` or `shared:NAME:SIZE`",
                ));
            }
        }
    }
    Ok(())
}

/// `ssl_ocsp_cache off | shared:NAME:SIZE`
pub fn ocsp_cache(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let level = &mut analyser.frame().level;
    if let Some(first) = level.values.get("ssl_ocsp_cache").map(|set| set.span) {
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let set = Set {
        value: Value::Flag(!word.is("off")),
        span: directive.name.span,
        end: directive.end,
    };
    level.values.insert("ssl_ocsp_cache", set);
    if word.is("off") {
        return Ok(());
    }
    let found = zone(&word.value).ok_or_else(|| {
        bad_cache(directive, word, "OCSP").label("expected `off` or `shared:NAME:SIZE`")
    })?;
    take_zone(analyser, directive, word, "OCSP", found)
}

/// Eight pages of memory, as nginx asks for on the machines that most have.
const LEAST_CACHE: u64 = 8 * 4096;

/// `shared:NAME:SIZE`
fn zone(text: &[u8]) -> Option<(&[u8], u64)> {
    let text = text.strip_prefix(b"shared:")?;
    let colon = text.iter().position(|&byte| byte == b':')?;
    let (name, size) = text.split_at(colon);
    let size = values::size(size.get(1..)?)?;
    (!name.is_empty()).then_some((name, size))
}

/// A zone is as large wherever it is named.
fn take_zone(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
    what: &'static str,
    (name, size): (&[u8], u64),
) -> Outcome {
    if size < LEAST_CACHE {
        let message = format!("{what} cache \"{}\" is too small", word.text());
        return Err(emerg(directive, message)
            .at(word.span)
            .label(format!("the least is {}k", LEAST_CACHE / 1024)));
    }
    let zones = &mut analyser.shared.tls_zones;
    let Some(known) = zones.iter().find(|known| known.name == name) else {
        zones.push(TlsZone {
            name: name.to_vec(),
            what,
            size,
            span: word.span,
        });
        return Ok(());
    };
    let (shown, before) = (written::shown(name), known.size);
    let message = if known.what != what {
        format!("the shared memory zone \"{shown}\" is already declared for a different use")
    } else if before != size {
        format!(
            "the size {size} of shared memory zone \"{shown}\" conflicts with already declared size {before}"
        )
    } else {
        return Ok(());
    };
    Err(emerg(directive, message)
        .at(word.span)
        .note(known.span, "first given here"))
}

fn bad_cache(directive: &Directive, word: &Word, what: &str) -> Diagnostic {
    let message = format!("invalid {what} cache \"{}\"", word.text());
    emerg(directive, message).at(word.span)
}

/// `ssl on | off`
pub fn ssl(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let before = analyser.frame().level.values.get("ssl");
    if let Some(first) = before.map(|set| set.span) {
        return Err(duplicate(directive, Some(first)));
    }
    let on = generic::flag(directive)?;
    let set = Set {
        value: Value::Flag(on),
        span: directive.name.span,
        end: directive.end,
    };
    analyser.frame().level.values.insert("ssl", set);
    let found = warn(
        directive,
        "the \"ssl\" directive is deprecated, use the \"listen ... ssl\" directive instead",
    );
    analyser.report(found, directive.end);
    match on {
        true => Err(not_implemented(directive, directive.arg().span, "TLS")
            .label("without it, the answers here would not be encrypted")
            .help(
                "`ssl off;` has the server answer in plain HTTP; other lines of `ssl_…` may stay",
            )),
        false => Ok(()),
    }
}
