//! `include`: the directives of other files, in the context of the line.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Analyser, Outcome, builtin, emerg};
use crate::config::diagnostics::{Diagnostic, MISPLACED, Note, Severity};
use crate::config::glob;
use crate::config::parser::{self, Directive};
use crate::config::paths::errno;

/// Files may include each other this deep.
const MAX_DEPTH: usize = 64;

/// `include FILE;` or `include PATTERN;`
pub fn directive(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    each(analyser, directive, Analyser::walk)
}

/// Reads the files that a line includes, and walks over the directives of each before the next is opened, as nginx does.
///
/// # Errors
/// A file that cannot be read.
pub fn each(
    analyser: &mut Analyser,
    directive: &Directive,
    mut walk: impl FnMut(&mut Analyser, &[Directive]),
) -> Outcome {
    let word = directive.arg();
    let path = analyser.paths.included(&word.value);
    let paths = if glob::is_pattern(&word.value) {
        let paths = glob::glob(&path);
        analyser.sources.add_include(path, paths.clone());
        paths
    } else {
        vec![path]
    };
    if analyser.order.depth() > MAX_DEPTH {
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
    for (number, path) in (0..).zip(paths) {
        let parsed = match analyser.open(path.clone()) {
            Ok((_, parsed)) => parsed,
            Err(found) => match builtin::copy(analyser, directive, &path, &found) {
                Some(parsed) => parsed,
                None => {
                    let found = unreadable(analyser, directive, path, found);
                    if number == 0 {
                        return Err(found);
                    }
                    analyser.report_of_file(found, directive.end, number);
                    return Ok(());
                }
            },
        };
        analyser.included(directive, number, &parsed, &mut walk);
    }
    Ok(())
}

fn unreadable(
    analyser: &mut Analyser,
    directive: &Directive,
    path: PathBuf,
    found: Diagnostic,
) -> Diagnostic {
    let word = directive.arg();
    let found = found.line(directive.end).at(word.span);
    let found = found.label("this file cannot be read");
    let is_mapped = path.as_os_str().as_bytes() != &*word.value;
    analyser.sources.add_include(path, Vec::new());
    if word.value.starts_with(b"/") {
        return match analyser.paths.foreign && !is_mapped {
            true => found.help(format!(
                "`--map {}=FOLDER` reads what lies there from another folder",
                folder_to_map(&word.text())
            )),
            false => found,
        };
    }
    let folder = String::from_utf8_lossy(&analyser.paths.conf_prefix).into_owned();
    found.help(format!(
        "it is looked for beside the configuration file, in {folder}"
    ))
}

/// The folder of another machine that a file is in: its configuration's, if it is that, else the file's own.
fn folder_to_map(file: &str) -> &str {
    match file.strip_prefix(builtin::SYSTEM) {
        Some(rest) if rest.starts_with('/') => builtin::SYSTEM,
        _ => file.rsplit_once('/').map_or("/", |(folder, _)| folder),
    }
}

impl Analyser {
    /// Reads and parses a file.
    pub fn open(&mut self, path: PathBuf) -> Result<(u16, parser::Parsed), Diagnostic> {
        let text = read(&path)?;
        let parsed_text = text.clone();
        let file = self.sources.add(path, text);
        Ok((file, parser::parse(&parsed_text, file, false)))
    }

    /// Walks over an included file, the `number`th of its line: what it finds is met where that line stands, after what
    /// the files before it hold.
    pub fn included(
        &mut self,
        directive: &Directive,
        number: u32,
        parsed: &parser::Parsed,
        walk: impl FnOnce(&mut Self, &[Directive]),
    ) {
        let before = self.found.len();
        self.order.enter(directive.end, number);
        self.syntax_errors(&parsed.errors);
        walk(self, &parsed.directives);
        self.order.leave();
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
