//! `limit_rate`: how many bytes may leave now, and how long the next ones wait (nginx's write filter's arithmetic).

use std::io::IoSlice;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::answer::Rate;
use super::connection::Connection;

/// Ready with the number of bytes that may leave now; waits while there are none.
pub fn poll_allowance(connection: &Connection, rate: &Rate, cx: &mut Context<'_>) -> Poll<u64> {
    loop {
        if connection.delayed.get() {
            ready!(connection.timer.poll_expired(cx));
            connection.delayed.set(false);
        }
        let total = rate.bytes.saturating_mul(seconds(rate.since));
        let total = total.saturating_add(rate.after);
        let sent = connection.sent.get();
        if total > sent {
            return Poll::Ready(total - sent);
        }
        wait(
            connection,
            (sent - total).saturating_mul(1000) / rate.bytes.max(1) + 1,
        );
    }
}

/// After so many bytes (which are counted already) nothing leaves for as long as they stand for.
pub fn delay(connection: &Connection, rate: &Rate, sent: u64) {
    let counted = connection.sent.get().saturating_sub(rate.after).min(sent);
    let millis = counted.saturating_mul(1000) / rate.bytes.max(1);
    if millis > 0 {
        wait(connection, millis);
    }
}

fn wait(connection: &Connection, millis: u64) {
    connection.timer.set(Duration::from_millis(millis));
    connection.delayed.set(true);
}

/// How many seconds have begun, the first included.
pub fn seconds(since: i64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs() as i64);
    u64::try_from(now - since + 1).unwrap_or(1)
}

/// The first `most` bytes of the slices.
pub fn first<'a>(slices: &'a [IoSlice<'a>], most: u64) -> Vec<IoSlice<'a>> {
    let mut left = usize::try_from(most).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(slices.len());
    for slice in slices {
        if left == 0 {
            break;
        }
        let part = slice.get(..left).unwrap_or(slice);
        left -= part.len();
        out.push(IoSlice::new(part));
    }
    out
}
