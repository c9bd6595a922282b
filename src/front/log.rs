//! Access and error logs: nginx's lines in nginx's files.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use rustix::process::Uid;

use crate::config::model::{ErrorLog, Location, LogLevel, LogTarget, Model};
use crate::config::written;
use crate::wire::date;

pub use super::sink::{LogError, open};
use super::sink::{Reopened, Sink};
use super::variables;

mod access;
mod error;

pub use access::access;
pub use error::{Context, error, error_at, error_bytes};

/// Most bytes of a line of the error log (nginx's `NGX_MAX_ERROR_STR`): what is longer is cut.
const LONGEST_ERROR: usize = 2048;

/// The open log files of a configuration, shared by its workers.
#[derive(Debug, Default)]
pub struct Logs {
    sinks: HashMap<LogTarget, Arc<Sink>>,
    /// By [`Model::logs`] index.
    access: Vec<Arc<Sink>>,
    /// Error lines go to the terminal too (lab mode).
    echo: bool,
}

impl Logs {
    /// Opens every log of `model`.
    ///
    /// # Errors
    /// The first file that cannot be opened.
    pub fn open(model: &Model, echo: bool) -> Result<Self, LogError> {
        let mut logs = Self {
            echo,
            ..Self::default()
        };
        for log in &model.logs {
            let sink = Arc::new(Sink::open(&log.target, log.buffer)?);
            logs.sinks.insert(log.target.clone(), sink.clone());
            logs.access.push(sink);
        }
        for log in &model.process.error_log {
            logs.sink(&log.target)?;
        }
        for listen in &model.listens {
            for server in &listen.servers {
                logs.open_errors_below(&server.scope)?;
                for location in server.named.values() {
                    logs.open_errors_below(location)?;
                }
            }
        }
        Ok(logs)
    }

    fn open_errors_below(&mut self, location: &Location) -> Result<(), LogError> {
        for log in location.core.error_log.iter() {
            self.sink(&log.target)?;
        }
        for child in location
            .children
            .statics
            .all()
            .iter()
            .chain(&location.children.regexes)
        {
            self.open_errors_below(child)?;
        }
        Ok(())
    }

    fn sink(&mut self, target: &LogTarget) -> Result<Arc<Sink>, LogError> {
        if let Some(sink) = self.sinks.get(target) {
            return Ok(sink.clone());
        }
        let sink = Arc::new(Sink::open(target, None)?);
        self.sinks.insert(target.clone(), sink.clone());
        Ok(sink)
    }

    /// Opens every file anew under its path (USR1, after a rotation), as the given user's; gives those that cannot be,
    /// which go on as they are.
    pub fn reopen(&self, owner: Option<Uid>) -> Vec<LogError> {
        let mut failed = Vec::new();
        let mut opened = Vec::new();
        for sink in self.sinks.values() {
            match sink.reopen(owner) {
                Ok(reopened) => opened.extend(reopened),
                Err(error) => failed.push(error),
            }
        }
        Reopened::all_take_their_place(opened);
        failed
    }

    /// Writes what waits in buffers.
    pub fn flush(&self) {
        self.sinks.values().for_each(|sink| sink.flush());
    }

    /// Writes a line that concerns no request to the process's own error logs.
    pub fn process(&self, model: &Model, level: LogLevel, message: &str) {
        let mut line = start_of_line(level);
        line.extend_from_slice(&written::bytes(message));
        line.push(b'\n');
        self.write_error(&model.process.error_log, level, &line);
    }

    pub(super) fn write_error(&self, logs: &[ErrorLog], level: LogLevel, line: &[u8]) {
        let cut;
        let line = match line.get(..LONGEST_ERROR - 1) {
            Some(start) if line.len() > LONGEST_ERROR => {
                cut = [start, b"\n"].concat();
                &cut
            }
            _ => line,
        };
        let mut on_terminal = false;
        for log in logs.iter().filter(|log| level <= log.level) {
            on_terminal |= log.target == LogTarget::Stderr;
            if let Some(sink) = self.sinks.get(&log.target) {
                // Where the line itself cannot be told, nobody can be told of that.
                let _ = sink.write_now(line, Some(level));
            }
        }
        if self.echo && !on_terminal && level <= LogLevel::Error {
            let _ = io::stderr().write_all(line);
        }
    }
}

/// `13: Permission denied`, as nginx ends its messages about system calls.
pub fn os_error(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            format!("{code}: {text}")
        }
        None => error.to_string(),
    }
}

/// The level of an error on a client's connection: that a client is gone is no fault of the server's.
pub fn level_of_clients(error: &io::Error) -> LogLevel {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionReset
        | Kind::BrokenPipe
        | Kind::NotConnected
        | Kind::TimedOut
        | Kind::ConnectionRefused
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable => LogLevel::Info,
        _ => LogLevel::Alert,
    }
}

/// The time, the level and the process, as each line begins: `2026/11/24 04:05:06 [error] 123#123: `.
pub fn start_of_line(level: LogLevel) -> Vec<u8> {
    let level = level_name(level);
    let pid = std::process::id();
    format!(
        "{} [{level}] {pid}#{pid}: ",
        date::error_log_time(variables::now())
    )
    .into_bytes()
}

/// As it stands between brackets.
pub fn level_name(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Emerg => "emerg",
        LogLevel::Alert => "alert",
        LogLevel::Crit => "crit",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Notice => "notice",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    }
}
