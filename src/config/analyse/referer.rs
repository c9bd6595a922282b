//! `valid_referers`: names, wildcards with paths, and patterns.

use bytes::Bytes;

use super::template::Piece;
use super::{Analyser, Outcome, emerg};
use crate::config::diagnostics::Diagnostic;
use crate::config::host_names::{Added, HostNames};
use crate::config::lexer::Word;
use crate::config::parser::Directive;
use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::written;

/// The lines of a block.
#[derive(Debug)]
pub struct Draft {
    pub none: bool,
    pub blocked: bool,
    pub server_names: bool,
    pub names: HostNames<Bytes>,
    pub patterns: Vec<Regex>,
    pub span: Span,
}

/// `valid_referers none | blocked | server_names | NAME[/PATH] | ~REGEX …`
pub fn valid_referers(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let level = &mut analyser.frame().level;
    let mut draft = level.modules.referers.take().unwrap_or_else(|| Draft {
        none: false,
        blocked: false,
        server_names: false,
        names: HostNames::default(),
        patterns: Vec::new(),
        span: directive.name.span,
    });
    let words = directive.args.iter();
    let outcome = words.map(|word| add(analyser, directive, word, &mut draft));
    let outcome = outcome.collect::<Outcome>();
    // Names of the server are still to be read, whatever is wrong here.
    analyser.frame().level.modules.referers = Some(draft);
    outcome
}

fn add(analyser: &mut Analyser, directive: &Directive, word: &Word, draft: &mut Draft) -> Outcome {
    let text = &word.value;
    match &**text {
        b"" => {
            return Err(emerg(directive, "invalid referer \"\"")
                .at(word.span)
                .label("expected a name; `none` stands for no referer at all"));
        }
        b"none" => draft.none = true,
        b"blocked" => draft.blocked = true,
        b"server_names" => draft.server_names = true,
        b"~" => return Err(emerg(directive, "empty regex in \"~\"").at(word.span)),
        [b'~', ..] => {
            // Its groups make no variables.
            let pattern = analyser.pattern(directive, Piece::from(word, 1), true)?;
            draft.patterns.push(pattern);
        }
        _ => {
            let slash = text.iter().position(|&b| b == b'/').unwrap_or(text.len());
            let (name, path) = (text.slice(..slash), text.slice(slash..));
            let added = draft.names.add(&name, path);
            if let Some(found) = refused(added, &name) {
                return Err(found
                    .line(directive.end)
                    .at(word.span)
                    .label(label(added, text)));
            }
        }
    }
    Ok(())
}

/// nginx's words for a name that cannot be added.
pub fn refused(added: Added, name: &[u8]) -> Option<Diagnostic> {
    let what = match added {
        Added::New => return None,
        Added::Known => "conflicting parameter",
        Added::Invalid => "invalid hostname or wildcard",
    };
    // nginx lowers a name on its way into the table.
    let lowered = added == Added::Known;
    let shown = match lowered {
        true => written::shown(name).to_ascii_lowercase(),
        false => written::shown(name).into_owned(),
    };
    Some(Diagnostic::emerg(format!("{what} \"{shown}\"")))
}

fn label(added: Added, text: &[u8]) -> &'static str {
    match added {
        Added::Known => "this name is there already",
        _ if text.starts_with(b"http") => "a name has no scheme here",
        _ => "a `*` stands for whole labels: `*.example.org` or `www.example.*`",
    }
}
