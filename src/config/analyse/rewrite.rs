//! Directives of the rewrite phase: `return`, `rewrite`, `set`, `break` and `if`.

use std::sync::Arc;

use super::frame::{Frame, IfDraft, RewriteDraft};
use super::template::Piece;
use super::{Analyser, Outcome, condition, emerg, invalid_parameter, not_implemented};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{
    Return, ReturnBody, Rewrite, RewriteEnd, RewriteStep, SetTarget, SlotSource,
};
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::template::Template;
use crate::config::values;
use crate::config::variables::{self, Builtin, Known, Var};

/// `return CODE`, `return CODE TEXT`, `return CODE URL`, `return URL`
pub fn return_(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let first = directive.arg();
    let invalid = || {
        emerg(
            directive,
            format!("invalid return code \"{}\"", first.text()),
        )
        .at(first.span)
    };
    let (status, text) = match values::number(&first.value) {
        Some(status) if status > 999 => {
            return Err(invalid().label("a status code is at most 999"));
        }
        Some(status) => (
            u16::try_from(status).unwrap_or_default(),
            directive.args.get(1),
        ),
        None => {
            let url = ["http://", "https://", "$scheme"];
            let is_url = url
                .iter()
                .any(|start| first.value.starts_with(start.as_bytes()));
            if directive.args.len() != 1 || !is_url {
                return Err(invalid().label(
                    "expected a status code, or a URL that begins with http:// or https://",
                ));
            }
            (302, Some(first))
        }
    };
    let template = match text {
        Some(word) => analyser.template(directive, word)?,
        None => Template::default(),
    };
    let body = match status {
        301 | 302 | 303 | 307 | 308 => ReturnBody::Redirect(template),
        400.. if template.parts.is_empty() => ReturnBody::None,
        _ => ReturnBody::Text(template),
    };
    let step = RewriteStep::Return(Return {
        status,
        body,
        span: directive.name.span,
    });
    analyser.step(step);
    Ok(())
}

impl Analyser {
    fn step(&mut self, step: RewriteStep) {
        let step = RewriteDraft::Step(step);
        self.frame().level.rewrite.push(step);
    }
}

/// `break`
pub fn break_(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    analyser.step(RewriteStep::Break(directive.name.span));
    Ok(())
}

/// `set $NAME VALUE`
pub fn set(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [word, value] = &*directive.args else {
        return Ok(());
    };
    let target = set_target(analyser, directive, word)?;
    let value = analyser.template(directive, value)?;
    analyser.step(RewriteStep::Set {
        target,
        value,
        span: directive.name.span,
    });
    Ok(())
}

fn set_target(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
) -> Result<SetTarget, Diagnostic> {
    let text = word.text();
    let Some(name) = text.strip_prefix('$').filter(|name| !name.is_empty()) else {
        return Err(
            emerg(directive, format!("invalid variable name \"{text}\""))
                .at(word.span)
                .label("a variable's name begins with `$`"),
        );
    };
    analyser.own_variable(directive, word, name, SlotSource::Set)
}

impl Analyser {
    /// Makes a variable of the file's own, where nginx lets a file make it.
    pub fn own_variable(
        &mut self,
        directive: &Directive,
        word: &Word,
        name: &str,
        source: SlotSource,
    ) -> Result<SetTarget, Diagnostic> {
        let lower = name.to_ascii_lowercase();
        match variables::known(&lower) {
            Some(Known::Var(Var::Builtin(Builtin::Args))) if matches!(source, SlotSource::Set) => {
                return Ok(SetTarget::Args);
            }
            Some(Known::Var(Var::Builtin(Builtin::LimitRate)))
                if matches!(source, SlotSource::Set) =>
            {
                return Ok(SetTarget::LimitRate);
            }
            // nginx lets other directives make these too.
            _ if matches!(&*lower, "args" | "limit_rate") => {
                let what = format!("a `${lower}` that is made by \"{}\"", directive.name.text());
                return Err(not_implemented(directive, word.span, &what));
            }
            Some(known) if !known.can_be_made() => {
                return Err(
                    emerg(directive, format!("the duplicate \"{name}\" variable"))
                        .at(word.span)
                        .label("nginx has a variable of this name, which cannot be set"),
                );
            }
            // It is what nginx says it is until the file sets it.
            Some(Known::Var(var)) if matches!(source, SlotSource::Set) => {
                let slot = self.variables.define(&lower, SlotSource::Nginx(var));
                return Ok(SetTarget::Slot(slot));
            }
            Some(_) | None => {}
        }
        Ok(SetTarget::Slot(self.variables.define(&lower, source)))
    }
}

/// `rewrite REGEX REPLACEMENT [last | break | redirect | permanent]`
pub fn rewrite(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [pattern, replacement, rest @ ..] = &*directive.args else {
        return Ok(());
    };
    let regex = analyser.regex(directive, Piece::whole(pattern), false)?;
    let text = &replacement.value;
    if text.is_empty() {
        return Err(emerg(directive, "empty replacement").at(replacement.span));
    }
    let add_args = !text.ends_with(b"?");
    let to = text.len() - usize::from(!add_args);
    let urls = ["http://", "https://", "$scheme"];
    let is_url = urls.iter().any(|url| text.starts_with(url.as_bytes()));
    let mut end = match is_url {
        true => RewriteEnd::Redirect(302),
        false => RewriteEnd::Continue,
    };
    if let Some(flag) = rest.first() {
        end = match &*flag.value {
            b"last" if !is_url => RewriteEnd::Last,
            b"break" if !is_url => RewriteEnd::Break,
            // A URL is a redirect whatever else is said.
            b"last" | b"break" => end,
            b"redirect" => RewriteEnd::Redirect(302),
            b"permanent" => RewriteEnd::Redirect(301),
            _ => {
                let found = invalid_parameter(directive, flag)
                    .label("expected `last`, `break`, `redirect` or `permanent`");
                return Err(match &*flag.value {
                    b"301" => found.help("a 301 is called `permanent` here"),
                    b"302" => found.help("a 302 is called `redirect` here"),
                    _ => found,
                });
            }
        };
    }
    let mut compile = |from, to| {
        let piece = Piece {
            word: replacement,
            from,
            to,
        };
        analyser.compile(directive, piece, true)
    };
    let redirects = matches!(end, RewriteEnd::Redirect(_));
    let question = text[..to].iter().position(|&b| b == b'?');
    let (path, args) = match question.filter(|_| !redirects) {
        Some(at) => (compile(0, at)?, Some(compile(at + 1, to)?)),
        None => (compile(0, to)?, None),
    };
    analyser.step(RewriteStep::Rewrite(Box::new(Rewrite {
        regex: Arc::new(regex),
        path,
        args,
        has_args: redirects && question.is_some(),
        add_args,
        end,
        span: directive.name.span,
    })));
    Ok(())
}

/// `if (CONDITION) { … }`
pub fn if_(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let outer = analyser.frame();
    let context = match outer.context {
        Contexts::SRV => Contexts::SIF,
        _ => Contexts::LIF,
    };
    let mut frame = Frame::new(context);
    frame.opened = Some(directive.name.span);
    frame.head = outer.head.clone();
    // A wrong condition does not hide the mistakes in its block, nor does one that is missing.
    let condition = match condition::read(analyser, directive) {
        _ if directive.args.is_empty() => None,
        Ok(condition) => Some(condition),
        Err(found) => {
            analyser.report(found, directive.end);
            None
        }
    };
    let frame = analyser.block(directive, frame);
    if let Some(condition) = condition {
        let step = RewriteDraft::If(Box::new(IfDraft {
            condition,
            level: frame.level,
            span: directive.name.span,
        }));
        analyser.frame().level.rewrite.push(step);
    }
    Ok(())
}
