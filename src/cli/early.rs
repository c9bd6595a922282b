//! What is said before a configuration can be used: on the standard error, and in the log that `-e` names, which is
//! opened at once.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::config::LoadOptions;
use crate::config::diagnostics::{Diagnostic, Severity};
use crate::config::model::LogLevel;
use crate::config::render::render;
use crate::config::source::Sources;
use crate::config::written;
use crate::front::log::{self, LogError, level_name, start_of_line};

use super::output;

/// The standard error, and the log of `-e` where there is one.
#[derive(Debug)]
pub struct Early {
    file: Option<RefCell<File>>,
    colour: bool,
}

impl Early {
    /// A log that cannot be opened is complained about, and nothing more.
    pub fn open(load: &LoadOptions, colour: bool) -> Self {
        let named = load.error_log.as_deref();
        let named = named.filter(|name| *name != Path::new("stderr") && *name != Path::new(""));
        let path = named.map(|name| load.shown(name));
        let file = path.and_then(|path| {
            let file = log::open(&path);
            let complain = |error: LogError| {
                output::complain(format_args!(
                    "nginx: [alert] could not open error log file: {error}"
                ));
            };
            file.map_err(complain).ok()
        });
        Self {
            file: file.map(RefCell::new),
            colour,
        }
    }

    /// Findings with their places; the log gets nginx's line of each.
    pub fn show(&self, found: &[Diagnostic], sources: &Sources) {
        for found in found {
            output::show(render(found, sources, self.colour));
        }
        for (level, line) in lines(found, sources) {
            self.log(level, &line);
        }
    }

    /// A line of nginx's: `nginx: [alert] …`.
    pub fn complain(&self, level: LogLevel, message: &str) {
        output::complain(format_args!("nginx: [{}] {message}", level_name(level)));
        self.log(level, message);
    }

    /// A line for the log alone.
    pub fn log(&self, level: LogLevel, message: &str) {
        let Some(file) = &self.file else { return };
        let mut line = start_of_line(level);
        line.extend_from_slice(&written::bytes(message));
        line.push(b'\n');
        // A log that cannot be written stops nothing.
        let _ = file.borrow_mut().write_all(&line);
    }
}

/// nginx's lines of findings, as a log has them.
pub fn lines(found: &[Diagnostic], sources: &Sources) -> impl Iterator<Item = (LogLevel, String)> {
    found.iter().map(|found| {
        let text = found.line_text(sources);
        let message = text.split_once("] ").map_or(&*text, |(_, message)| message);
        (level(found.severity), message.to_owned())
    })
}

fn level(severity: Severity) -> LogLevel {
    match severity {
        Severity::Emerg => LogLevel::Emerg,
        Severity::Alert => LogLevel::Alert,
        Severity::Crit => LogLevel::Crit,
        Severity::Warn => LogLevel::Warn,
    }
}
