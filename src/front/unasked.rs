//! What the error log says of connections that end while no request is under way.

use std::io;

use crate::config::model::{Listen, ListenAddress, LogLevel};
use crate::wire::connection::Connection;
use crate::wire::serve::Unasked;

use super::log::{Logs, os_error, start_of_line};

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
    logs.write_error(&at.default_server.scope.core.error_log, level, &line);
}
