//! What the error log says of connections that end while no request is under way.

use std::any::Any;
use std::io;
use std::sync::Arc;

use crate::config::model::{ErrorLog, Listen, ListenAddress, LogLevel};
use crate::wire::connection::Connection;
use crate::wire::serve::Unasked;

use super::log::{Logs, os_error, start_of_line};
use super::request::Request;

/// The error logs of the request's location are the connection's from now on (nginx's `ngx_set_connection_log`).
pub fn keep_logs(r: &Request) {
    let (own, of) = (&r.location.core.error_log, &r.connection.kept);
    let known = of.borrow().is_some();
    let at = r.model.listens.get(r.listen);
    let usual = at.is_some_and(|at| *own == at.default_server.scope.core.error_log);
    if known || !usual {
        of.replace((!usual).then(|| Box::new(own.clone()) as Box<dyn Any>));
    }
}

/// Writes that a client ended its connection while no request was under way: nginx names the address for the server, and
/// after a request neither.
pub fn log(logs: &Logs, at: &Listen, connection: &Connection, end: Unasked) {
    let level = LogLevel::Info;
    let peer = match connection.peer {
        Some(peer) => peer.ip().to_string(),
        None => "unix:".to_owned(),
    };
    let server = match &at.address {
        ListenAddress::Inet(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    };
    let said = match (end, connection.requests.get()) {
        (Unasked::Closed, 0) => "client closed connection".to_owned(),
        (Unasked::TimedOut, 0) => "client timed out (110: Connection timed out)".to_owned(),
        (Unasked::Failed(code), 0) => {
            let reason = os_error(&io::Error::from_raw_os_error(code));
            format!("recv() failed ({reason})")
        }
        (Unasked::Closed, _) => {
            let message = format!("client {peer} closed keepalive connection");
            return write(logs, at, connection, level, &message);
        }
        _ => return,
    };
    let message = format!("{said} while waiting for request, client: {peer}, server: {server}");
    write(logs, at, connection, level, &message);
}

/// A line that names its connection and no request.
fn write(logs: &Logs, at: &Listen, connection: &Connection, level: LogLevel, message: &str) {
    let mut line = start_of_line(level);
    line.extend_from_slice(format!("*{} {message}\n", connection.number).as_bytes());
    let kept = connection.kept.borrow();
    let kept = kept
        .as_deref()
        .and_then(|kept| kept.downcast_ref::<Arc<[ErrorLog]>>());
    let usual = &at.default_server.scope.core.error_log;
    logs.write_error(kept.unwrap_or(usual), level, &line);
}
