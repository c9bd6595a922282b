//! Directives of TLS and HTTP/2 that nginx warns about.

use super::generic::{self, Set, Value};
use super::{Analyser, Outcome, duplicate, not_implemented, warn};
use crate::config::parser::Directive;

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
