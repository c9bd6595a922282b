//! Values as they are written: texts, numbers, addresses, times of upstreams. Each says whether there is one.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;

use crate::wire::digits::{put_decimal, put_ip};

use super::time::print_time;

pub(super) fn put(out: &mut BytesMut, value: Option<&[u8]>) -> bool {
    if let Some(value) = value {
        out.extend_from_slice(value);
    }
    value.is_some()
}

/// A value that is none where it is empty.
pub(super) fn put_some(out: &mut BytesMut, value: &[u8]) -> bool {
    out.extend_from_slice(value);
    !value.is_empty()
}

pub(super) fn number(out: &mut BytesMut, n: u64) -> bool {
    put_decimal(out, n);
    true
}

pub(super) fn signed(out: &mut BytesMut, n: i64) -> bool {
    if n < 0 {
        out.extend_from_slice(b"-");
    }
    number(out, n.unsigned_abs())
}

pub(super) fn address(out: &mut BytesMut, address: SocketAddr) -> bool {
    put_ip(out, address.ip());
    true
}

pub(super) fn seconds(out: &mut BytesMut, time: Option<Duration>) {
    match time {
        Some(time) => {
            print_time(out, time);
        }
        None => out.extend_from_slice(b"-"),
    }
}
