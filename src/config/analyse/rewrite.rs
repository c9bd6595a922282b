//! Directives of the rewrite phase; so far `return`.

use super::{Analyser, Outcome, emerg};
use crate::config::model::{Return, ReturnBody, RewriteStep};
use crate::config::parser::Directive;
use crate::config::template::Template;
use crate::config::values;

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
    analyser.frame().level.rewrite.push(step);
    Ok(())
}
