//! What the error log says of a request: the message, with nginx's context behind it.

use std::rc::Rc;
use std::sync::Arc;

use crate::config::model::{Location, LogLevel, Server};
use crate::config::written;
use crate::front::request::Request;
use crate::front::trace;
use crate::wire::connection::Connection;
use crate::wire::head::{Known, RequestHead};

use super::{Logs, level_name, start_of_line};

/// Writes a line of a request to the error log, with nginx's context behind the message. What it shows of the client's
/// bytes, [`written::shown`] made.
pub fn error(r: &Request, level: LogLevel, message: &str) {
    error_bytes(r, level, &written::bytes(message));
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
    if is_wanted(r, level) {
        let upstream = r.upstreams.url();
        Context::of(r).write(level, message, upstream.as_deref());
    }
}

/// The same, naming the upstream's URL.
pub fn error_at(r: &Request, level: LogLevel, message: &str, upstream: Option<&str>) {
    note(r, level, &written::bytes(message));
    if is_wanted(r, level) {
        Context::of(r).error_at(level, message, upstream);
    }
}

/// Whether a line of this level is written anywhere.
fn is_wanted(r: &Request, level: LogLevel) -> bool {
    let logs = &r.location.core.error_log;
    logs.iter().any(|log| level <= log.level) || r.worker.logs.echo
}

/// `explain` tells what the log would have said.
fn note(r: &Request, level: LogLevel, message: &[u8]) {
    r.note(|| trace::Step::Message {
        level: level_name(level).to_owned(),
        text: trace::text(message),
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
        self.write(level, &written::bytes(message), upstream);
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
            quoted(&mut line, ", upstream: ", &written::bytes(upstream));
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
