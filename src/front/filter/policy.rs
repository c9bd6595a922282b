//! How a location wants its answers sent: time-outs, lingering, `sendfile`, and the rate.

use crate::config::model::{LingeringClose, LogLevel};
use crate::config::template::Template;
use crate::front::request::Request;
use crate::front::{log, variables};
use crate::wire::answer::{Lingering, Rate, SendPolicy};

/// How this location wants answers sent.
pub fn policy(r: &Request) -> SendPolicy {
    let core = &r.location.core;
    SendPolicy {
        send_timeout: core.send_timeout,
        postpone: core.postpone_output,
        keepalive_timeout: core.keepalive_timeout,
        lingering: match core.lingering_close {
            // nginx takes it for an error, and closes at once.
            _ if r.filter_finalized => Lingering::Off,
            LingeringClose::Off => Lingering::Off,
            LingeringClose::On => Lingering::On,
            LingeringClose::Always => Lingering::Always,
        },
        lingers_for_body: r.lingering,
        lingering_time: core.lingering_time,
        lingering_timeout: core.lingering_timeout,
        body_timeout: core.client_body_timeout,
        sendfile: core.sendfile,
        tcp_nopush: core.tcp_nopush,
        reset_timedout: core.reset_timedout_connection,
        rate: rate(r),
    }
}

/// `limit_rate`, where it limits.
fn rate(r: &Request) -> Option<Rate> {
    if r.unlimited {
        r.limit_rate.set(Some(0));
    }
    let rules = &r.location.filters.rate;
    if r.limit_rate.get().is_none() && rules.limit.is_none() {
        return None;
    }
    let bytes = r.limit_rate.get().unwrap_or_else(|| size(r, &rules.limit));
    r.limit_rate.set(Some(bytes));
    (bytes > 0).then(|| Rate {
        bytes,
        after: size(r, &rules.after),
        since: variables::started(r),
    })
}

/// A size with variables; one that is none counts as 0, and the log has it.
fn size(r: &Request, template: &Option<Template>) -> u64 {
    let Some(template) = template else { return 0 };
    let text = variables::evaluate(template, r);
    crate::config::size(&text).unwrap_or_else(|| {
        let message = [b"invalid size \"", &text[..], b"\""].concat();
        log::error_bytes(r, LogLevel::Error, &message);
        0
    })
}
