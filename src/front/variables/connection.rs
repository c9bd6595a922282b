//! Variables of the client's connection: its two ends, and what the kernel measures of it.

use std::net::IpAddr;

use bytes::BytesMut;

use crate::config::model::ListenAddress;
use crate::config::{net, written};
use crate::front::request::Request;
use crate::wire::tcp_info::{self, TcpInfo};

use super::put::{address, number, put};

/// The client's address, in 4 or 16 bytes.
pub(super) fn binary_remote_addr(r: &Request, out: &mut BytesMut) -> bool {
    match r.connection.peer.map(|peer| peer.ip()) {
        Some(IpAddr::V4(ip)) => put(out, Some(&ip.octets())),
        Some(IpAddr::V6(ip)) => put(out, Some(&ip.octets())),
        None => put(out, Some(b"unix:")),
    }
}

/// Empty where the client came over a Unix socket.
pub(super) fn remote_port(r: &Request, out: &mut BytesMut) -> bool {
    match r.connection.peer {
        Some(peer) => number(out, u64::from(peer.port())),
        None => put(out, Some(b"")),
    }
}

pub(super) fn server_addr(r: &Request, out: &mut BytesMut) -> bool {
    match r.connection.local {
        Some(local) => address(out, local),
        None => {
            let listen = r.listen().map(|listen| net::text(&listen.address));
            put(out, Some(&written::bytes(&listen.unwrap_or_default())))
        }
    }
}

/// Empty on a Unix socket.
pub(super) fn server_port(r: &Request, out: &mut BytesMut) -> bool {
    match r.listen().map(|listen| &listen.address) {
        Some(ListenAddress::Inet(address)) => number(out, u64::from(address.port())),
        _ => put(out, Some(b"")),
    }
}

/// What the kernel measures of the client's connection; a Unix socket has none of it.
pub(super) fn tcp_info(r: &Request, out: &mut BytesMut, figure: fn(&TcpInfo) -> u32) -> bool {
    let on_unix = || matches!(r.listen(), Some(at) if matches!(at.address, ListenAddress::Unix(_)));
    let info = match r.worker.effects.happen() {
        true => tcp_info::of(&r.connection.stream).or(r.connection.last_tcp_info.get()),
        // What is only explained has no connection: it would have figures, whatever they are.
        false => (!on_unix()).then(TcpInfo::default),
    };
    info.is_some_and(|info| number(out, u64::from(figure(&info))))
}
