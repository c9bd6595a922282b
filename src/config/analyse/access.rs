//! `allow`, `deny` and `limit_except`: who may do what.

use std::net::{IpAddr, Ipv4Addr};

use super::frame::{Frame, LimitDraft};
use super::{Analyser, Outcome, duplicate, emerg, invalid_parameter, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{AccessFrom, AccessRule, mask};
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::values;

/// `allow ADDRESS | NETWORK | unix: | all`
pub fn allow(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    rule(analyser, directive, false)
}

/// `deny ADDRESS | NETWORK | unix: | all`
pub fn deny(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    rule(analyser, directive, true)
}

fn rule(analyser: &mut Analyser, directive: &Directive, deny: bool) -> Outcome {
    let word = directive.arg();
    let from = match &*word.value {
        b"all" => AccessFrom::All,
        b"unix:" => AccessFrom::Unix,
        _ => {
            let (address, bits) = network(analyser, directive, word)?;
            AccessFrom::Network { address, bits }
        }
    };
    analyser.frame().level.access.push(AccessRule {
        from,
        deny,
        span: directive.name.span,
    });
    Ok(())
}

/// An address, or a network in CIDR form; the bits behind the prefix are cleared, as nginx does with a warning.
pub fn network(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
) -> Result<(IpAddr, u8), Diagnostic> {
    let invalid = || {
        invalid_parameter(directive, word)
            .label("expected an address, a network such as `10.0.0.0/8`, or `all`")
    };
    let Some(read) = cidr(&word.value) else {
        return Err(invalid());
    };
    if !read.clean {
        let message = format!("low address bits of {} are meaningless", word.text());
        analyser.report(warn(directive, message).at(word.span), directive.end);
    }
    Ok((read.address, read.bits))
}

/// A network, and whether the bits behind its prefix were zero.
pub struct Cidr {
    pub address: IpAddr,
    pub bits: u8,
    pub clean: bool,
}

/// Reads `ADDRESS` or `ADDRESS/BITS` (nginx's `ngx_ptocidr`).
pub fn cidr(text: &[u8]) -> Option<Cidr> {
    let text = std::str::from_utf8(text).ok()?;
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(values::number(bits.as_bytes())?)),
        None => (text, None),
    };
    // nginx takes this one address for a failure to read one.
    let address: IpAddr = address.parse().ok().filter(|a| *a != Ipv4Addr::BROADCAST)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = u8::try_from(bits.unwrap_or(most))
        .ok()
        .filter(|&b| u64::from(b) <= most)?;
    let masked = mask(address, bits);
    Some(Cidr {
        address: masked,
        bits,
        clean: masked == address,
    })
}

/// The methods that `limit_except` knows.
const METHODS: [&str; 14] = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "MKCOL",
    "COPY",
    "MOVE",
    "OPTIONS",
    "PROPFIND",
    "PROPPATCH",
    "LOCK",
    "UNLOCK",
    "PATCH",
];

/// `limit_except METHOD… { … }`
pub fn limit_except(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = &analyser.frame().level.limit_except {
        let first = first.span;
        return Err(duplicate(directive, Some(first)));
    }
    let mut allowed = Vec::new();
    for word in &directive.args {
        let method = METHODS
            .iter()
            .find(|known| word.value.eq_ignore_ascii_case(known.as_bytes()));
        let Some(method) = method else {
            let found =
                emerg(directive, format!("invalid method \"{}\"", word.text())).at(word.span);
            return Err(match nearest(&word.text(), METHODS) {
                Some(guess) => found.help(format!("did you mean `{guess}`?")),
                None => found.label(format!("expected one of {}", METHODS.join(", "))),
            });
        };
        allowed.push(*method);
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let mut frame = Frame::new(Contexts::LMT);
    frame.opened = Some(directive.name.span);
    frame.head = analyser.frame().head.clone();
    let frame = analyser.block(directive, frame);
    analyser.frame().level.limit_except = Some(Box::new(LimitDraft {
        allowed,
        level: frame.level,
        span: directive.name.span,
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        let read =
            |text: &str| cidr(text.as_bytes()).map(|c| (c.address.to_string(), c.bits, c.clean));
        assert_eq!(read("10.1.2.3"), Some(("10.1.2.3".into(), 32, true)));
        assert_eq!(read("10.1.2.3/8"), Some(("10.0.0.0".into(), 8, false)));
        assert_eq!(read("0.0.0.0/0"), Some(("0.0.0.0".into(), 0, true)));
        assert_eq!(read("2001:db8::/32"), Some(("2001:db8::".into(), 32, true)));
        assert_eq!(read("::1"), Some(("::1".into(), 128, true)));
        for bad in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "a",
            "10.0.0.0/",
            "10.0.0.0/-1",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
