//! `include`: the directives of other files, in the context of the line.

use std::path::{Path, PathBuf};

use super::{Analyser, Outcome, emerg};
use crate::config::diagnostics::{Diagnostic, MISPLACED, Note, Severity};
use crate::config::glob;
use crate::config::parser::{self, Directive};
use crate::config::paths::errno;

/// Files may include each other this deep.
const MAX_DEPTH: usize = 64;

/// `include FILE;` or `include PATTERN;`
pub fn directive(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    for (_, tree) in files(analyser, directive)? {
        analyser.included(directive, &tree, |analyser, tree| analyser.walk(tree));
    }
    Ok(())
}

/// The files that a line includes, parsed; syntax errors are reported when each is walked.
pub fn files(
    analyser: &mut Analyser,
    directive: &Directive,
) -> Result<Vec<(u16, parser::Parsed)>, Diagnostic> {
    let word = directive.arg();
    let path = analyser.paths.included(&word.value);
    let paths = if glob::is_pattern(&word.value) {
        let paths = glob::glob(&path);
        analyser.sources.add_include(path, paths.clone());
        paths
    } else {
        vec![path]
    };
    if analyser.order.path.len() > MAX_DEPTH {
        let path = paths.first().cloned().unwrap_or_default();
        return Err(emerg(
            directive,
            format!(
                "open() \"{}\" failed (24: Too many open files)",
                path.to_string_lossy()
            ),
        )
        .at(word.span)
        .label("files include each other without end"));
    }
    let mut found = Vec::new();
    for path in paths {
        let name = path.clone();
        found.push(analyser.open(path).map_err(|found| {
            analyser.sources.add_include(name, Vec::new());
            let found = found.line(directive.end).at(word.span);
            let relative = !word.value.starts_with(b"/");
            let found = found.label("this file cannot be read");
            if relative {
                let folder = String::from_utf8_lossy(&analyser.paths.conf_prefix).into_owned();
                found.help(format!(
                    "it is looked for beside the configuration file, in {folder}"
                ))
            } else {
                found
            }
        })?);
    }
    Ok(found)
}

impl Analyser {
    /// Reads and parses a file.
    pub fn open(&mut self, path: PathBuf) -> Result<(u16, parser::Parsed), Diagnostic> {
        let text = read(&path)?;
        let parsed_text = text.clone();
        let file = self.sources.add(path, text);
        Ok((file, parser::parse(&parsed_text, file, false)))
    }

    /// Walks over an included file: what it finds is met where the line that includes it stands.
    pub fn included(
        &mut self,
        directive: &Directive,
        parsed: &parser::Parsed,
        walk: impl FnOnce(&mut Self, &[Directive]),
    ) {
        let before = self.found.len();
        self.order.path.push(directive.end.start);
        self.syntax_errors(&parsed.errors);
        walk(self, &parsed.directives);
        self.order.path.pop();
        // What may not stand there may be right in its file: then the line that includes it is in the wrong place.
        for found in self.found.iter_mut().skip(before) {
            if found.message.ends_with(MISPLACED) {
                let span = directive.name.span;
                let text = "its file is included here".to_owned();
                found.notes.push(Note { span, text });
            }
        }
    }

    /// Takes over what the parser found.
    pub fn syntax_errors(&mut self, errors: &[Diagnostic]) {
        for error in errors {
            let mut order = self.order.clone();
            order.path.extend(&error.order.path);
            self.found.push(Diagnostic {
                order,
                ..error.clone()
            });
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let shown = path.to_string_lossy();
    match crate::wall::may_read(path).and_then(|()| std::fs::read(path)) {
        Ok(text) => Ok(text),
        Err(error) if path.is_dir() => Err(Diagnostic::new(
            Severity::Crit,
            format!("pread() \"{shown}\" failed {}", errno(&error)),
        )),
        Err(error) => {
            let message = format!("open() \"{shown}\" failed {}", errno(&error));
            let found = Diagnostic::emerg(message);
            Err(match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    found.help("you may not read it: `chmod u+r` by its owner allows it")
                }
                _ => found,
            })
        }
    }
}
