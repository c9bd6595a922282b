//! `root`, `alias`, `index` and `try_files`.

use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;

use super::template::Piece;
use super::{Analyser, Outcome, duplicate, emerg, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{IndexFile, LocationKind, Root, TryFallback, TryFile, TryFiles};
use crate::config::parser::Directive;
use crate::config::template::{Part, Template};
use crate::config::values;

/// `root PATH` and `alias PATH`
pub fn root(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let alias = directive.name.is("alias");
    let name = directive.name.text().into_owned();
    if let Some(first) = &analyser.frame().level.root {
        let other = if first.alias { "alias" } else { "root" };
        let span = first.span;
        if first.alias == alias {
            return Err(duplicate(directive, span));
        }
        let found = emerg(
            directive,
            format!(
                "\"{name}\" directive is duplicate, \"{other}\" directive was specified earlier"
            ),
        )
        .label("a block has one of `root` and `alias`");
        return Err(match span {
            Some(span) => found.note(span, "first given here"),
            None => found,
        });
    }
    let head = analyser.frame().head.clone();
    let kind = head.as_ref().map(|head| &head.kind);
    if alias && matches!(kind, Some(LocationKind::Named)) {
        return Err(emerg(
            directive,
            "the \"alias\" directive cannot be used inside the named location",
        ));
    }
    let word = directive.arg();
    for forbidden in ["document_root", "realpath_root"] {
        let text = word.text();
        if text.contains(&format!("${forbidden}")) || text.contains(&format!("${{{forbidden}}}")) {
            let message =
                format!("the ${forbidden} variable cannot be used in the \"{name}\" directive");
            return Err(emerg(directive, message).at(word.span));
        }
    }
    let to = match word.value.strip_suffix(b"/") {
        Some(rest) if !alias => rest.len(),
        _ => word.value.len(),
    };
    let path = analyser.compile(directive, Piece { word, from: 0, to }, true)?;
    // `root /` is the empty path, which stands as it is.
    let path = match &*word.value {
        b"/" => path,
        _ => analyser.below_prefix(path),
    };
    let alias_cut = match kind {
        Some(LocationKind::Regex(_)) | None => 0,
        Some(_) => head.as_ref().map_or(0, |head| head.name.len()),
    };
    let alias_cut = if alias { alias_cut } else { 0 };
    analyser.frame().level.root = Some(Root {
        path,
        alias,
        alias_cut,
        span: Some(directive.name.span),
    });
    Ok(())
}

impl Analyser {
    /// A path that does not begin with a variable gets the prefix in front.
    pub fn below_prefix(&self, path: Template) -> Template {
        let mut parts = path.parts.into_vec();
        match parts.first_mut() {
            Some(Part::Literal(text)) => *text = self.path_bytes(text),
            Some(_) => {}
            None => parts.push(Part::Literal(self.path_bytes(&Bytes::new()))),
        }
        Template {
            parts: parts.into(),
        }
    }

    pub fn path_bytes(&self, name: &[u8]) -> Bytes {
        Bytes::copy_from_slice(self.paths.below_prefix(name).as_os_str().as_bytes())
    }
}

/// `index FILE…`
pub fn index(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let last = directive.args.len().saturating_sub(1);
    for (i, word) in directive.args.iter().enumerate() {
        if word.value.starts_with(b"/") && i != last {
            let found = warn(
                directive,
                "only the last index in \"index\" directive should be absolute",
            );
            analyser.report(found.at(word.span), directive.end);
        }
        if word.value.is_empty() {
            let first = directive.arg().text();
            let message = format!("index \"{first}\" in \"index\" directive is invalid");
            return Err(emerg(directive, message).at(word.span));
        }
        let name = analyser.template(directive, word)?;
        analyser.frame().level.index.push(IndexFile { name });
    }
    Ok(())
}

/// `try_files FILE… URI` and `try_files FILE… =CODE`
pub fn try_files(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(first) = &analyser.frame().level.try_files {
        let first = first.span;
        return Err(duplicate(directive, Some(first)));
    }
    let Some((last, files)) = directive.args.split_last() else {
        return Ok(());
    };
    let mut candidates = Vec::new();
    for word in files {
        let cut = word.value.strip_suffix(b"/");
        let to = cut.map_or(word.value.len(), <[u8]>::len);
        let name = analyser.compile(directive, Piece { word, from: 0, to }, true)?;
        candidates.push(TryFile {
            name,
            directory: cut.is_some(),
        });
    }
    let fallback = fallback(analyser, directive, last)?;
    analyser.frame().level.try_files = Some(TryFiles {
        candidates,
        fallback,
        span: directive.name.span,
    });
    Ok(())
}

fn fallback(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
) -> Result<TryFallback, Diagnostic> {
    let template = analyser.template(directive, word)?;
    let Some(digits) = word.value.strip_prefix(b"=") else {
        return Ok(TryFallback::Uri(template));
    };
    let code = values::number(digits).filter(|&code| code <= 999);
    let code = code
        .and_then(|code| u16::try_from(code).ok())
        .ok_or_else(|| {
            emerg(directive, format!("invalid code \"{}\"", word.text()))
                .at(word.span)
                .label("expected a status code after `=`: `=404`")
        })?;
    // nginx takes `=0` for a URI.
    Ok(match code {
        0 => TryFallback::Uri(template),
        code => TryFallback::Status(code),
    })
}
