//! The clock, as variables tell it.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;

use crate::front::request::Request;
use crate::wire::date;
use crate::wire::digits::{put_decimal, put_padded};

/// `$time_local`, formatted once a second.
pub(super) fn log_time(out: &mut BytesMut) -> bool {
    thread_local! {
        static CACHE: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    let now = now();
    CACHE.with_borrow_mut(|(second, text)| {
        if *second != now {
            (*second, *text) = (now, date::log_time(now));
        }
        out.extend_from_slice(text.as_bytes());
    });
    true
}

/// Seconds since 1970.
pub fn now() -> i64 {
    unix_time().as_secs() as i64
}

/// When the request began, in seconds since 1970.
pub fn started(r: &Request) -> i64 {
    unix_time().saturating_sub(r.started.elapsed()).as_secs() as i64
}

pub(super) fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

pub(super) fn print_time(out: &mut BytesMut, time: Duration) -> bool {
    put_decimal(out, time.as_secs());
    out.extend_from_slice(b".");
    put_padded(out, u64::from(time.subsec_millis()), 3);
    true
}
