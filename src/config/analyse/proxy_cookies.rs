//! `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`: rules, or `off`.

use std::sync::Arc;

use super::frame::Level;
use super::template::Piece;
use super::{Analyser, Outcome, duplicate, invalid_parameter};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{CookieFlags, CookieFrom, CookieName, CookieRewrite};
use crate::config::parser::Directive;
use crate::config::source::Span;

/// The lines of one of the directives in one block.
#[derive(Debug)]
pub enum RulesDraft<T> {
    Off(Span),
    Rules(Vec<T>, Span),
}

/// `proxy_cookie_domain off | DOMAIN REPLACEMENT`
pub fn domain(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let (Some(from), Some(to)) = (directive.args.first(), directive.args.get(1)) else {
        return off(analyser, directive, |level| &mut level.cookie_domains);
    };
    let rule = match &from.value[..] {
        [b'~', ..] => CookieRewrite {
            from: CookieFrom::Regex(regex(analyser, directive, from, 1, true)?),
            to: analyser.template(directive, to)?,
        },
        _ => CookieRewrite {
            from: CookieFrom::Domain(undotted(analyser, directive, from)?),
            to: undotted(analyser, directive, to)?,
        },
    };
    add(analyser, directive, rule, |level| &mut level.cookie_domains)
}

/// `proxy_cookie_path off | PATH REPLACEMENT`
pub fn path(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let (Some(from), Some(to)) = (directive.args.first(), directive.args.get(1)) else {
        return off(analyser, directive, |level| &mut level.cookie_paths);
    };
    let from = match &from.value[..] {
        [b'~', b'*', ..] => CookieFrom::Regex(regex(analyser, directive, from, 2, true)?),
        [b'~', ..] => CookieFrom::Regex(regex(analyser, directive, from, 1, false)?),
        _ => CookieFrom::Prefix(analyser.template(directive, from)?),
    };
    let to = analyser.template(directive, to)?;
    add(analyser, directive, CookieRewrite { from, to }, |level| {
        &mut level.cookie_paths
    })
}

/// `proxy_cookie_flags off | COOKIE FLAG…`
pub fn flags(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let (Some(cookie), true) = (directive.args.first(), directive.args.len() > 1) else {
        return off(analyser, directive, |level| &mut level.cookie_flags);
    };
    let cookie = match &cookie.value[..] {
        [b'~', ..] => CookieName::Regex(regex(analyser, directive, cookie, 1, true)?),
        _ => CookieName::Name(analyser.template(directive, cookie)?),
    };
    let mut flags = Vec::new();
    // One that nginx does not know is taken, and does nothing.
    for word in directive.args.iter().skip(1) {
        flags.push(analyser.template(directive, word)?);
    }
    let rule = CookieFlags {
        cookie,
        flags: flags.into(),
    };
    add(analyser, directive, rule, |level| &mut level.cookie_flags)
}

/// A domain counts without its first dot.
fn undotted(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
) -> Result<crate::config::template::Template, Diagnostic> {
    let skip = usize::from(word.value.starts_with(b"."));
    analyser.compile(directive, Piece::from(word, skip), true)
}

fn regex(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
    skip: usize,
    caseless: bool,
) -> Result<Arc<crate::config::regex::Regex>, Diagnostic> {
    analyser
        .regex(directive, Piece::from(word, skip), caseless)
        .map(Arc::new)
}

type Slot<T> = fn(&mut Level) -> &mut Option<RulesDraft<T>>;

/// A line with one argument: only `off` is right.
fn off<T>(analyser: &mut Analyser, directive: &Directive, slot: Slot<T>) -> Outcome {
    let word = directive.arg();
    let slot = slot(&mut analyser.frame().level);
    let before = match slot {
        Some(RulesDraft::Off(first)) => return Err(duplicate(directive, Some(*first))),
        Some(RulesDraft::Rules(_, first)) => Some(*first),
        None => None,
    };
    if !word.is("off") {
        return Err(invalid_parameter(directive, word).label("expected `off` or more arguments"));
    }
    if before.is_some() {
        return Err(duplicate(directive, before));
    }
    *slot = Some(RulesDraft::Off(directive.name.span));
    Ok(())
}

fn add<T>(analyser: &mut Analyser, directive: &Directive, rule: T, slot: Slot<T>) -> Outcome {
    match slot(&mut analyser.frame().level) {
        Some(RulesDraft::Off(first)) => return Err(duplicate(directive, Some(*first))),
        Some(RulesDraft::Rules(rules, _)) => rules.push(rule),
        slot => *slot = Some(RulesDraft::Rules(vec![rule], directive.name.span)),
    }
    Ok(())
}
