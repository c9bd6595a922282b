//! On inside the server: to another URI from the start, or to a named location.

use bytes::Bytes;

use crate::config::model::LogLevel;
use crate::config::written::shown;
use crate::front::log;
use crate::front::request::Request;
use crate::front::trace::{self, Step};

/// The URI and what stands behind its first `?` (nginx's `ngx_http_split_args`).
pub(super) fn split_args(target: Bytes) -> (Bytes, Bytes) {
    match target.iter().position(|&b| b == b'?') {
        Some(at) => (target.slice(..at), target.slice(at + 1..)),
        None => (target, Bytes::new()),
    }
}

/// Another URI from the start (nginx's `ngx_http_internal_redirect`).
pub(super) fn internal_redirect(r: &mut Request, uri: Bytes, args: Bytes) -> Result<(), u16> {
    r.uri_changes -= 1;
    if r.uri_changes == 0 {
        let message = format!(
            "rewrite or internal redirection cycle while internally redirecting to \"{}\"",
            shown(&uri)
        );
        log::error(r, LogLevel::Error, &message);
        return Err(500);
    }
    r.note(|| Step::Internal {
        uri: trace::text(&uri),
        args: trace::text(&args),
    });
    r.uri = uri;
    r.args = args;
    r.internal = true;
    r.uri_as_received = false;
    r.action.set(None);
    r.accepts.take();
    r.valid_location = true;
    r.add_uri_to_alias = false;
    r.forget_contexts();
    // The server's own level counts here, if only for what it says about connections.
    r.location = r.server.scope.clone();
    r.apply_location_limits();
    Ok(())
}

pub(super) fn named_location(r: &mut Request, name: &Bytes) -> Result<(), u16> {
    r.uri_changes -= 1;
    if r.uri_changes == 0 {
        let message = format!(
            "rewrite or internal redirection cycle while redirect to named location \"{}\"",
            shown(name)
        );
        log::error(r, LogLevel::Error, &message);
        return Err(500);
    }
    let Some(location) = r.server.named.get(name).cloned() else {
        log::error(
            r,
            LogLevel::Error,
            &format!("could not find named location \"{}\"", shown(name)),
        );
        return Err(500);
    };
    r.note(|| Step::Named {
        location: trace::text(name),
        place: trace::place(&r.model, location.span),
    });
    r.internal = true;
    r.handler = None;
    r.forget_contexts();
    r.location = location;
    r.apply_location_limits();
    Ok(())
}
