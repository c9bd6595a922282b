//! Variables of the upstream: what became of each try.

use std::time::Duration;

use bytes::BytesMut;

use crate::front::proxy::states::UpstreamState;
use crate::front::request::Request;
use crate::wire::digits::put_decimal;

use super::put;

/// `$upstream_addr`
pub(super) fn addr(r: &Request, out: &mut BytesMut) -> bool {
    each(r, out, |state, out| {
        out.extend_from_slice(state.address().unwrap_or_default().as_bytes());
    })
}

/// `$upstream_status`
pub(super) fn status(r: &Request, out: &mut BytesMut) -> bool {
    each(r, out, |state, out| match state.status {
        0 => out.extend_from_slice(b"-"),
        status => put_decimal(out, u64::from(status)),
    })
}

pub(super) fn number(r: &Request, out: &mut BytesMut, of: fn(&UpstreamState) -> u64) -> bool {
    each(r, out, |state, out| put_decimal(out, of(state)))
}

pub(super) fn seconds(
    r: &Request,
    out: &mut BytesMut,
    of: fn(&UpstreamState) -> Option<Duration>,
) -> bool {
    each(r, out, |state, out| put::seconds(out, of(state)))
}

/// A value for each try, separated by commas, and by a colon where another location went on. What has no address stands
/// for that, as in nginx, unless it is the first.
fn each(
    r: &Request,
    out: &mut BytesMut,
    mut write: impl FnMut(&UpstreamState, &mut BytesMut),
) -> bool {
    let tries = r.upstreams.tries.borrow();
    let mut rest = tries.iter();
    while let Some(state) = rest.next() {
        write(state, out);
        match rest.as_slice().first() {
            None => break,
            Some(next) if next.address().is_some() => out.extend_from_slice(b", "),
            Some(_) => {
                out.extend_from_slice(b" : ");
                rest.next();
            }
        }
    }
    !tries.is_empty()
}
