//! One write at a time, within `send_timeout` and `limit_rate`, and what is known of a connection after it.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};

use crate::wire::answer::{End, SendPolicy};
use crate::wire::connection::Connection;
use crate::wire::pace;

/// Most slices in one call.
pub(super) const MAX_SLICES: usize = 64;

/// Why a write ended early.
pub(super) fn failed(connection: &Connection) -> End {
    connection.broken.set(true);
    End::ClientLeft
}

/// The same, with the call that failed.
pub(super) fn failed_by(connection: &Connection, call: &'static str, error: io::Error) -> End {
    connection.write_error.replace(Some((call, error)));
    failed(connection)
}

/// One write of what the slices hold, within `send_timeout`.
pub(super) fn poll_write(
    connection: &Connection,
    policy: &SendPolicy,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<Result<usize, End>> {
    let written = match &policy.rate {
        None => connection.stream.poll_write(cx, slices),
        Some(rate) => {
            let most = ready!(pace::poll_allowance(connection, rate, cx));
            let slices = pace::first(slices, most);
            connection.stream.poll_write(cx, &slices)
        }
    };
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(failed(connection))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(failed_by(connection, "writev()", error))),
        Poll::Ready(Ok(n)) => {
            count(connection, policy, n as u64);
            Poll::Ready(Ok(n))
        }
        Poll::Pending => poll_send_timer(connection, policy, cx).map(Err),
    }
}

/// Counts bytes that left.
pub(super) fn count(connection: &Connection, policy: &SendPolicy, n: u64) {
    connection.sent.set(connection.sent.get() + n);
    connection.timer.clear();
    if let Some(rate) = &policy.rate {
        pace::delay(connection, rate, n);
    }
}

pub(super) fn poll_send_timer(
    connection: &Connection,
    policy: &SendPolicy,
    cx: &mut Context<'_>,
) -> Poll<End> {
    if !connection.timer.is_set() {
        connection.timer.set(policy.send_timeout);
    }
    ready!(connection.timer.poll_expired(cx));
    connection.broken.set(true);
    if policy.reset_timedout {
        connection.stream.reset_on_close();
    }
    Poll::Ready(End::TimedOut)
}

pub(super) async fn write_all(
    connection: &Connection,
    policy: &SendPolicy,
    parts: &mut [Bytes],
) -> End {
    let mut first = skip(parts, 0, 0);
    while first < parts.len() {
        let written = std::future::poll_fn(|cx| {
            let mut slices: [IoSlice<'_>; MAX_SLICES] = [IoSlice::new(&[]); MAX_SLICES];
            let count = fill(&mut slices, parts[first..].iter().filter(|p| !p.is_empty()));
            poll_write(connection, policy, cx, &slices[..count])
        })
        .await;
        match written {
            Ok(n) => first = skip(parts, first, n),
            Err(end) => return end,
        }
    }
    End::Complete
}

/// Points slices to the pieces, as many as there are of both; gives their number.
pub(super) fn fill<'a>(
    slices: &mut [IoSlice<'a>],
    pieces: impl Iterator<Item = &'a Bytes>,
) -> usize {
    let mut count = 0;
    for (slot, piece) in slices.iter_mut().zip(pieces) {
        *slot = IoSlice::new(piece);
        count += 1;
    }
    count
}

/// Drops the first `n` bytes of `parts[first..]`; gives the index of the first part with bytes left.
fn skip(parts: &mut [Bytes], mut first: usize, mut n: usize) -> usize {
    while let Some(part) = parts.get_mut(first) {
        if part.len() > n {
            part.advance(n);
            break;
        }
        n -= part.len();
        first += 1;
    }
    first
}
