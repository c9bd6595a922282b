//! `resolver`: the name servers that find the hosts of a `proxy_pass` with variables.

use std::sync::Arc;

use super::{Analyser, Outcome, duplicate, emerg};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{ListenAddress, Resolver};
use crate::config::net::{self, Want};
use crate::config::parser::Directive;
use crate::config::values;

/// `resolver ADDRESS… [valid=TIME] [ipv6=on|off]`
pub fn resolver(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = &analyser.frame().level.resolver {
        let first = first.span;
        return Err(duplicate(directive, Some(first)));
    }
    let mut made = Resolver {
        id: analyser.shared.resolvers,
        servers: Vec::new(),
        valid: None,
        ipv6: true,
        span: directive.name.span,
    };
    for word in &directive.args {
        if let Some(time) = word.value.strip_prefix(b"valid=") {
            let time = values::sec(time)
                .ok_or_else(|| parameter(directive, word).label("expected a time: `valid=30s`"))?;
            made.valid = Some(time);
            continue;
        }
        if let Some(flag) = word.value.strip_prefix(b"ipv6=") {
            made.ipv6 = match flag {
                b"on" => true,
                b"off" => false,
                _ => {
                    return Err(
                        parameter(directive, word).label("expected `ipv6=on` or `ipv6=off`")
                    );
                }
            };
            continue;
        }
        let want = Want {
            default_port: 53,
            ..Want::default()
        };
        let url = net::parse(&word.value, want).map_err(|reason| {
            emerg(
                directive,
                format!("{reason} in resolver \"{}\"", word.text()),
            )
            .at(word.span)
            .label("expected the address of a name server: `127.0.0.1` or `127.0.0.1:53`")
        })?;
        for (address, text) in url.addresses {
            if let ListenAddress::Inet(address) = address {
                made.servers.push((address, text));
            }
        }
    }
    if made.servers.is_empty() {
        return Err(emerg(directive, "no name servers defined")
            .help("name at least one server: `resolver 127.0.0.1;`"));
    }
    analyser.shared.resolvers += 1;
    analyser.frame().level.resolver = Some(Arc::new(made));
    Ok(())
}

/// nginx's words for a wrong parameter of this directive.
fn parameter(directive: &Directive, word: &Word) -> Diagnostic {
    emerg(directive, format!("invalid parameter: {}", word.text())).at(word.span)
}
