//! `proxy_pass`, `proxy_redirect` and `proxy_bind`.

use std::sync::Arc;

use bytes::Bytes;

use super::frame::{PassDraft, PassTarget, RedirectDraft};
use super::template::Piece;
use super::{Analyser, Outcome, duplicate, emerg, invalid_parameter, not_implemented};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Bind, LocationKind, ProxyRedirect, RedirectFrom};
use crate::config::net::{self, Url, Want};
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::template::Template;

/// `proxy_pass URL`
pub fn pass(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = &analyser.frame().level.pass {
        let first = first.span;
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let url = word.value.clone();
    let span = directive.name.span;
    // Of those who would answer, the last one named does.
    analyser.frame().level.modules.handler = None;
    if url.contains(&b'$') {
        let template = analyser.template(directive, word)?;
        let target = PassTarget::Dynamic(template);
        analyser.frame().level.pass = Some(PassDraft { url, target, span });
        return Ok(());
    }
    let starts = |scheme: &[u8]| {
        url.len() >= scheme.len() && url[..scheme.len()].eq_ignore_ascii_case(scheme)
    };
    if starts(b"https://") {
        return Err(not_implemented(
            directive,
            word.span,
            "\"https://\" in \"proxy_pass\"",
        ));
    }
    if !starts(b"http://") {
        return Err(emerg(directive, "invalid URL prefix")
            .at(word.span)
            .label("expected `http://` and a host")
            .help(format!(
                "write `proxy_pass http://{};`",
                word.text().trim_start_matches('/')
            )));
    }
    let want = Want {
        uri: true,
        no_resolve: true,
        default_port: 80,
        ..Want::default()
    };
    let (upstream, read) = analyser.upstream_of(directive, url.slice(7..), want)?;
    let frame = analyser.frame();
    let location = match &frame.head {
        Some(head)
            if frame.context == Contexts::LOC
                && !matches!(head.kind, LocationKind::Named | LocationKind::Regex(_)) =>
        {
            head.name.clone()
        }
        _ if !read.uri.is_empty() => return Err(uri_part(directive, &read)),
        _ => Bytes::new(),
    };
    let (host, port) = read.shown();
    let uri = (!read.uri.is_empty()).then_some(read.uri);
    let target = PassTarget::Literal {
        upstream,
        host,
        port,
        uri,
        location,
    };
    analyser.frame().level.pass = Some(PassDraft { url, target, span });
    Ok(())
}

fn uri_part(directive: &Directive, url: &Url) -> Diagnostic {
    let word = directive.arg();
    let from = word.value.len() - url.uri.len();
    let piece = Piece::whole(word);
    emerg(
        directive,
        "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named location, \
         or inside \"if\" statement, or inside \"limit_except\" block",
    )
    .at(piece.span(from, word.value.len()))
    .label("remove this part: here nginx cannot know which part of the request's URI it would replace")
}

/// `proxy_redirect default | off | FROM TO`
pub fn redirect(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(RedirectDraft::Off(first)) = analyser.frame().level.redirect {
        return Err(duplicate(directive, Some(first)));
    }
    let rule = match &*directive.args {
        [word] if word.is("off") => {
            if let Some(RedirectDraft::Rules(_, first)) = analyser.frame().level.redirect {
                return Err(duplicate(directive, Some(first)));
            }
            analyser.frame().level.redirect = Some(RedirectDraft::Off(directive.name.span));
            return Ok(());
        }
        [word] if word.is("default") => default_of_pass(analyser, directive)?,
        [word] => {
            return Err(invalid_parameter(directive, word)
                .label("expected `default`, `off` or two arguments"));
        }
        [from, to, ..] => {
            let regex = |analyser: &mut Analyser, skip, caseless| {
                analyser
                    .regex(directive, Piece::from(from, skip), caseless)
                    .map(Arc::new)
            };
            let from = match &from.value[..] {
                [b'~', b'*', ..] => RedirectFrom::Regex(regex(analyser, 2, true)?),
                [b'~', ..] => RedirectFrom::Regex(regex(analyser, 1, false)?),
                _ => RedirectFrom::Prefix(analyser.template(directive, from)?),
            };
            ProxyRedirect {
                from,
                to: analyser.template(directive, to)?,
            }
        }
        [] => return Ok(()),
    };
    let level = &mut analyser.frame().level;
    match &mut level.redirect {
        Some(RedirectDraft::Rules(rules, _)) => rules.push(rule),
        other => *other = Some(RedirectDraft::Rules(vec![rule], directive.name.span)),
    }
    Ok(())
}

fn default_of_pass(
    analyser: &mut Analyser,
    directive: &Directive,
) -> Result<ProxyRedirect, Diagnostic> {
    match &analyser.frame().level.pass {
        Some(PassDraft {
            target: PassTarget::Dynamic(_),
            ..
        }) => Err(emerg(
            directive,
            "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
        )),
        Some(pass) => expand(pass).ok_or_else(|| emerg(directive, "invalid URL prefix")),
        None => Err(emerg(
            directive,
            "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
        )),
    }
}

/// What `default` stands for with a literal `proxy_pass`.
pub fn expand(pass: &PassDraft) -> Option<ProxyRedirect> {
    let PassTarget::Literal { uri, location, .. } = &pass.target else {
        return None;
    };
    let (from, to) = match uri {
        Some(_) => (pass.url.clone(), location.clone()),
        None => (
            Bytes::from([&pass.url[..], b"/"].concat()),
            Bytes::from_static(b"/"),
        ),
    };
    Some(ProxyRedirect {
        from: RedirectFrom::Prefix(Template::literal(from)),
        to: Template::literal(to),
    })
}

/// `proxy_bind ADDRESS [transparent] | off`
pub fn bind(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some((_, first)) = &analyser.frame().level.bind {
        let first = *first;
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let span = directive.name.span;
    if directive.args.len() == 1 && word.is("off") {
        analyser.frame().level.bind = Some((None, span));
        return Ok(());
    }
    let template = analyser.template(directive, word)?;
    let bind = match template.as_literal() {
        None => Bind::Template(template),
        Some(text) => {
            let address = net::address_port(text).ok_or_else(|| {
                emerg(directive, format!("invalid address \"{}\"", word.text()))
                    .at(word.span)
                    .label("expected an address of this machine (`127.0.0.2`), or `off`")
            })?;
            Bind::Address(address, text.clone())
        }
    };
    match directive.args.get(1) {
        Some(word) if word.is("transparent") => {
            return Err(not_implemented(
                directive,
                word.span,
                "the parameter \"transparent\"",
            ));
        }
        Some(word) => return Err(invalid_parameter(directive, word)),
        None => {}
    }
    analyser.frame().level.bind = Some((Some(bind), span));
    Ok(())
}
