//! Access and error logs: nginx's lines in nginx's files.

use std::collections::HashMap;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;

use bytes::BytesMut;

use crate::config::model::{AccessFile, Location, LogEscape, LogLevel, LogTarget, Model, Server};
use crate::config::template::{Part, Template};
use crate::wire::connection::Connection;
use crate::wire::date;
use crate::wire::head::{Known, RequestHead};

use super::request::Request;
pub use super::sink::LogError;
use super::sink::{self, Sink};
use super::variables;

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

    fn open_errors_below(
        &mut self,
        location: &crate::config::model::Location,
    ) -> Result<(), LogError> {
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

    /// Opens every file anew under its path (USR1, after a rotation).
    ///
    /// # Errors
    /// The first file that cannot be opened; it and the rest go on as they are.
    pub fn reopen(&self) -> Result<(), LogError> {
        self.sinks.values().try_for_each(|sink| sink.reopen())
    }

    /// Writes what waits in buffers.
    pub fn flush(&self) {
        self.sinks.values().for_each(|sink| sink.flush());
    }

    /// Writes a line that concerns no request to the process's own error logs.
    pub fn process(&self, model: &Model, level: LogLevel, message: &str) {
        let mut line = start_of_line(level);
        line.extend_from_slice(message.as_bytes());
        line.push(b'\n');
        self.write_error(&model.process.error_log, level, &line);
    }

    pub(super) fn write_error(
        &self,
        logs: &[crate::config::model::ErrorLog],
        level: LogLevel,
        line: &[u8],
    ) {
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

/// Writes a line of a request to the error log, with nginx's context behind the message.
pub fn error(r: &Request, level: LogLevel, message: &str) {
    error_bytes(r, level, message.as_bytes());
}

/// The same for a message with bytes of the client's.
pub fn error_bytes(r: &Request, level: LogLevel, message: &[u8]) {
    let with_action;
    let message = match r.action.get() {
        Some(action) => {
            with_action = [message, b" while ", action.as_bytes()].concat();
            &with_action
        }
        None => message,
    };
    note(r, level, message);
    if r.location
        .core
        .error_log
        .iter()
        .any(|log| level <= log.level)
        || r.worker.logs.echo
    {
        let upstream = r.upstreams.url();
        Context::of(r).write(level, message, upstream.as_deref());
    }
}

/// The same, naming the upstream's URL.
pub fn error_at(r: &Request, level: LogLevel, message: &str, upstream: Option<&str>) {
    note(r, level, message.as_bytes());
    if r.location
        .core
        .error_log
        .iter()
        .any(|log| level <= log.level)
        || r.worker.logs.echo
    {
        Context::of(r).error_at(level, message, upstream);
    }
}

/// `explain` tells what the log would have said.
fn note(r: &Request, level: LogLevel, message: &[u8]) {
    r.note(|| super::trace::Step::Message {
        level: level_name(level).to_owned(),
        text: super::trace::text(message),
    });
}

/// What an error line says of its request; outlives the request's borrow.
pub struct Context {
    logs: Arc<Logs>,
    pub location: Arc<Location>,
    server: Arc<Server>,
    connection: Rc<Connection>,
    head: Rc<RequestHead>,
}

impl Context {
    pub fn of(r: &Request) -> Self {
        Self {
            logs: r.worker.logs.clone(),
            location: r.location.clone(),
            server: r.server.clone(),
            connection: r.connection.clone(),
            head: r.head.clone(),
        }
    }

    /// Writes one line; `upstream` is the URL asked for.
    pub fn error_at(&self, level: LogLevel, message: &str, upstream: Option<&str>) {
        self.write(level, message.as_bytes(), upstream);
    }

    fn write(&self, level: LogLevel, message: &[u8], upstream: Option<&str>) {
        let mut line = start_of_line(level);
        line.extend_from_slice(format!("*{} ", self.connection.number).as_bytes());
        line.extend_from_slice(message);
        line.extend_from_slice(b", client: ");
        line.extend_from_slice(&self.connection.peer_text);
        line.extend_from_slice(b", server: ");
        line.extend_from_slice(&self.server.name);
        let raw = &self.head.raw;
        if !self.head.line.is_empty() {
            quoted(&mut line, ", request: ", self.head.line.of(raw));
        }
        if let Some(upstream) = upstream {
            quoted(&mut line, ", upstream: ", upstream.as_bytes());
        }
        if let Some(host) = self.head.field(Known::Host) {
            quoted(&mut line, ", host: ", host);
        }
        if let Some(referer) = self.head.field(Known::Referer) {
            quoted(&mut line, ", referrer: ", referer);
        }
        line.extend_from_slice(b"\n");
        self.logs
            .write_error(&self.location.core.error_log, level, &line);
    }
}

fn quoted(line: &mut Vec<u8>, label: &str, value: &[u8]) {
    line.extend_from_slice(label.as_bytes());
    line.push(b'"');
    line.extend_from_slice(value);
    line.push(b'"');
}

/// `2026/11/24 04:05:06 [error] 123#123: `
/// The time, the level and the process, as each line begins.
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

/// Writes the request's access log lines.
pub fn access(r: &Request) {
    for log in r.location.core.access_logs.iter() {
        if let Some(condition) = &log.condition {
            let value = variables::evaluate(condition, r);
            if value.is_empty() || &*value == b"0" {
                continue;
            }
        }
        let mut line = BytesMut::with_capacity(256);
        fill(&log.format.template, log.format.escape, r, &mut line);
        line.extend_from_slice(b"\n");
        match &log.file {
            AccessFile::Opened(index) => {
                if let Some(sink) = r.worker.logs.access.get(*index)
                    && let Err(failed) = Sink::write(sink, &line)
                {
                    unsent(r, &failed);
                }
            }
            AccessFile::Named(path) => write_named(r, path, &line),
        }
    }
}

/// A line that syslog did not take.
fn unsent(r: &Request, failed: &sink::Unsent) {
    let (logs, model) = (&r.worker.logs, &r.model);
    logs.process(model, failed.level(), &failed.to_string());
    let message = "send() to syslog failed while logging request";
    self::error_at(r, LogLevel::Warn, message, None);
}

/// A line to a log whose path has variables: nginx asks that `root` exists, so that no client makes up folders or files
/// of a site that there is not.
fn write_named(r: &Request, path: &Template, line: &[u8]) {
    let root = variables::root_path(&r.location.core.root, r);
    let root = super::files::as_path(&root);
    let tested = crate::wall::may_read(root).and_then(|()| std::fs::metadata(root));
    if let Err(error) = tested {
        let text = root.display();
        let message = format!("testing \"{text}\" existence failed ({})", os_error(&error));
        self::error(r, LogLevel::Error, &message);
        return;
    }
    let name = variables::evaluate(path, r);
    let full = r.model.prefix.join(super::files::as_path(&name));
    let written = sink::open(&full).and_then(|file| {
        (&file).write_all(line).map_err(|source| LogError {
            path: full.clone(),
            source,
        })
    });
    if let Err(failed) = written {
        self::error(r, LogLevel::Crit, &failed.to_string());
    }
}

fn fill(template: &Template, escape: LogEscape, r: &Request, line: &mut BytesMut) {
    for part in &template.parts {
        let Part::Variable(var) = part else {
            if let Part::Literal(text) = part {
                line.extend_from_slice(text);
            }
            continue;
        };
        let start = line.len();
        let found = variables::append_logged(var, r, line);
        match escape {
            _ if !found && escape == LogEscape::Default => {
                line.truncate(start);
                line.extend_from_slice(b"-");
            }
            LogEscape::Default => escape_tail(line, start, needs_hex, escape_default),
            LogEscape::Json => escape_tail(line, start, needs_json, escape_json),
            LogEscape::None => {}
        }
    }
}

/// Escapes what stands behind `start`, where anything there has to be escaped: most values have nothing.
fn escape_tail(
    line: &mut BytesMut,
    start: usize,
    needed: impl Fn(u8) -> bool,
    escape: impl Fn(&[u8], &mut BytesMut),
) {
    let value = line.get(start..).unwrap_or_default();
    if value.iter().fold(false, |any, &b| any | needed(b)) {
        let value = line.split_off(start);
        escape(&value, line);
    }
}

fn needs_hex(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\' || b >= 0x7f
}

fn needs_json(b: u8) -> bool {
    b < 0x20 || b == b'"' || b == b'\\'
}

/// `"`, `\` and bytes outside printable ASCII as `\xHH`.
fn escape_default(value: &[u8], line: &mut BytesMut) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for &b in value {
        if needs_hex(b) {
            let (high, low) = (HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]);
            line.extend_from_slice(&[b'\\', b'x', high, low]);
        } else {
            line.extend_from_slice(&[b]);
        }
    }
}

/// As a JSON string's content (nginx's `escape=json`).
fn escape_json(value: &[u8], line: &mut BytesMut) {
    for &b in value {
        match b {
            b'"' => line.extend_from_slice(b"\\\""),
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            b'\t' => line.extend_from_slice(b"\\t"),
            8 => line.extend_from_slice(b"\\b"),
            12 => line.extend_from_slice(b"\\f"),
            0..0x20 => line.extend_from_slice(format!("\\u{b:04X}").as_bytes()),
            _ => line.extend_from_slice(&[b]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_escape_is_hex() {
        let mut line = BytesMut::new();
        escape_default(b"a\"b\\\xc3\x7f\n", &mut line);
        assert_eq!(&line[..], br"a\x22b\x5C\xC3\x7F\x0A");
    }

    #[test]
    fn json_escape() {
        let mut line = BytesMut::new();
        escape_json(b"a\"\x01\n", &mut line);
        assert_eq!(&line[..], br#"a\"\u0001\n"#);
    }
}
