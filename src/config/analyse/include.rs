//! `include`: the directives of other files, in the context of the line.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Analyser, Outcome, builtin, emerg};
use crate::config::diagnostics::{Diagnostic, MISPLACED, Note, Severity};
use crate::config::glob;
use crate::config::parser::{self, Directive};
use crate::config::paths::errno;
use crate::config::written;

/// Files may include each other this deep.
const MAX_DEPTH: usize = 64;

/// `include FILE;` or `include PATTERN;`
pub fn directive(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    each(analyser, directive, true, Analyser::walk)
}

/// Reads the files that a line includes, and walks over the directives of each before the next is opened, as nginx does.
/// With `patterns` the name may be one.
///
/// # Errors
/// A file that cannot be read.
pub fn each(
    analyser: &mut Analyser,
    directive: &Directive,
    patterns: bool,
    mut walk: impl FnMut(&mut Analyser, &[Directive]),
) -> Outcome {
    let word = directive.arg();
    let path = analyser.paths.included(&word.value);
    // nginx looks at the whole name, with the folder that it lies in.
    let paths = if patterns && glob::is_pattern(path.as_os_str().as_bytes()) {
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
            format!("open() \"{}\" failed", written::path(&path)),
        )
        .because("(24: Too many open files)".to_owned())
        .at(word.span)
        .label("files include each other without end"));
    }
    for (number, path) in (0..).zip(paths) {
        // nginx has stopped long ago: a file that includes itself, and more than once, would have no end here.
        let goes_round = analyser.including.contains(&path);
        if goes_round && analyser.found.iter().any(Diagnostic::is_fatal) {
            continue;
        }
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
        analyser.including.push(path);
        analyser.included(directive, number, &parsed, &mut walk);
        analyser.including.pop();
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
    // After what was found in the files before it.
    let found = found.at(word.span).met_at(directive.end.start + 1);
    if found.severity == Severity::Crit {
        // nginx says no line where it is the reading that fails.
        return found.label("what this finds is no file that can be read");
    }
    let found = found.line(directive.end);
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
    let folder = written::shown(&analyser.paths.conf_prefix).into_owned();
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

/// Reads a file as nginx does: as many bytes as its size says, which is none where it is a pipe or a device.
fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let shown = written::path(path);
    let opened = crate::wall::may_read(path).and_then(|()| File::open(path));
    let (file, size) = opened
        .and_then(|file| file.metadata().map(|about| (file, about.len())))
        .map_err(|error| {
            let message = format!("open() \"{shown}\" failed");
            let found = Diagnostic::emerg(message).because(errno(&error));
            match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    found.help("you may not read it: `chmod u+r` by its owner allows it")
                }
                _ => found,
            }
        })?;
    let mut text = Vec::new();
    if size == 0 {
        return Ok(text);
    }
    match file.take(size).read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => Err(
            Diagnostic::new(Severity::Crit, format!("pread() \"{shown}\" failed"))
                .because(errno(&error)),
        ),
    }
}
