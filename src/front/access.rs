//! The access phase: `allow` and `deny`, and the other configuration of a method that `limit_except` leaves out.

use std::net::IpAddr;

use crate::config::model::LogLevel;
use crate::wire::head::Method;

use super::log;
use super::reply::Flow;
use super::request::Request;
use super::trace::{self, Step};

/// Refuses the client that a rule denies.
///
/// # Errors
/// 403, with nginx's line in the error log.
pub fn check(r: &Request) -> Result<(), Flow> {
    let rules = &r.location.core.access;
    if rules.is_empty() {
        return Ok(());
    }
    let client = r.connection.peer.map(|peer| plain(peer.ip()));
    match rules.iter().find(|rule| rule.from.covers(client)) {
        Some(rule) if rule.deny => {
            r.note(|| Step::Refused {
                directive: trace::place(&r.model, rule.span),
                reason: match client {
                    Some(client) => format!("refuses the client, {client}"),
                    None => "refuses the client".to_owned(),
                },
                status: 403,
            });
            log::error(r, LogLevel::Error, "access forbidden by rule");
            Err(Flow::Status(403))
        }
        _ => Ok(()),
    }
}

/// An IPv4 address that came in an IPv6 one.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl Request {
    /// The configuration of `limit_except`, where the method is none of those that it names.
    pub fn apply_limit_except(&mut self) {
        let Some(limit) = &self.location.limit_except else {
            return;
        };
        // Of a line that could not be read nginx knows the method all the same, if it is HEAD.
        let name = match self.method {
            Method::Head => b"HEAD",
            _ => &self.method_name[..],
        };
        let named = limit.allowed.iter().any(|own| own.as_bytes() == name);
        if !named {
            self.location = limit.level.clone();
        }
    }
}
