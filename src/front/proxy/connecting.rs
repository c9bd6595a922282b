//! Connections to peers: from which local address, and how nginx tells of one that fails.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use tokio::net::{TcpSocket, TcpStream, UnixStream};

use crate::config::model::{Bind, ListenAddress, LogLevel, Peer};
use crate::config::net;
use crate::config::written::shown;
use crate::front::request::Request;
use crate::front::room::Place;
use crate::front::{log, variables};
use crate::wire::stream::Stream;

use super::exchange::Failure;
use super::pool::PeerConnection;

/// `proxy_bind`, with its text; `None` where its value is empty or no address.
pub fn local_address(r: &Request, bind: &Bind) -> Option<(SocketAddr, Bytes)> {
    let template = match bind {
        Bind::Address(address, text) => return Some((*address, text.clone())),
        Bind::Template(template) => template,
    };
    let text = variables::evaluate(template, r);
    if text.is_empty() {
        return None;
    }
    let address = net::address_port(&text);
    if address.is_none() {
        let message = format!("invalid local address \"{}\"", shown(&text));
        log::error_at(r, LogLevel::Error, &message, None);
    }
    address.map(|address| (address, text))
}

pub async fn connect(
    address: ListenAddress,
    local: Option<(SocketAddr, Bytes)>,
    place: Place,
) -> Result<PeerConnection, Failure> {
    let stream = match (address, local) {
        (ListenAddress::Inet(address), None) => TcpStream::connect(address).await.map(Stream::Tcp),
        (ListenAddress::Inet(address), Some((local, text))) => {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4(),
                SocketAddr::V6(_) => TcpSocket::new_v6(),
            };
            let socket = socket.map_err(Failure::Connect)?;
            socket.bind(local).map_err(|error| Failure::Bind {
                local: shown(&text).into_owned(),
                error,
            })?;
            socket.connect(address).await.map(Stream::Tcp)
        }
        (ListenAddress::Unix(path), _) => UnixStream::connect(path).await.map(Stream::Unix),
    };
    stream
        .map(|stream| PeerConnection::new(stream, place))
        .map_err(Failure::Connect)
}

/// The system refused the connect without sending anything: nginx then names the address.
pub fn fails_at_once(peer: &Peer, error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(peer.address, ListenAddress::Unix(_))
        || matches!(
            error.kind(),
            Kind::NetworkUnreachable
                | Kind::AddrNotAvailable
                | Kind::PermissionDenied
                | Kind::InvalidInput
        )
}

/// nginx's level for a `connect()` that fails at once.
pub fn level_of(error: &io::Error) -> LogLevel {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused
        | Kind::WouldBlock
        | Kind::ConnectionReset
        | Kind::NetworkDown
        | Kind::NetworkUnreachable
        | Kind::HostUnreachable => LogLevel::Error,
        _ => LogLevel::Crit,
    }
}
