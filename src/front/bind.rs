//! The sockets of a model: bound when it is first served, handed on or closed when another takes its place.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use crate::config::model::{Listen, ListenAddress, Model};

use super::server::{FrontError, FrontOptions};

/// A socket that is bound.
#[derive(Debug)]
pub struct Bound {
    /// Which of the model's listens it is.
    pub key: Key,
    pub socket: TcpListener,
    /// The address it really has.
    pub address: SocketAddr,
}

/// Knows a listen again in another model: by what the file says, or by where that really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    configured: ListenAddress,
    real: SocketAddr,
}

impl Key {
    fn of(at: &Listen, options: &FrontOptions) -> Result<Self, FrontError> {
        let ListenAddress::Inet(mapped) = options.listen_map.map(&at.address) else {
            let source = io::Error::new(
                io::ErrorKind::Unsupported,
                "Unix sockets are not served yet",
            );
            return Err(FrontError::Bind {
                address: format!("{:?}", at.address),
                source,
            });
        };
        let real = match at.options.wildcard && options.loopback_only {
            true => SocketAddr::from((Ipv4Addr::LOCALHOST, mapped.port())),
            false => mapped,
        };
        Ok(Self {
            configured: at.address.clone(),
            real,
        })
    }

    /// The address as the file says it.
    pub fn configured(&self) -> &ListenAddress {
        &self.configured
    }

    fn is(&self, other: &Key) -> bool {
        self.configured == other.configured || self.real.port() != 0 && self.real == other.real
    }

    /// The listen of `model` for a connection made to `local`; `None` where this address is no longer the model's.
    ///
    /// A wildcard takes the connections of its port's other addresses, which have no sockets of their own.
    pub fn listen(
        &self,
        model: &Model,
        options: &FrontOptions,
        local: Option<SocketAddr>,
    ) -> Option<usize> {
        let mut all = model.listens.iter().enumerate();
        let apart = all.find(|(_, at)| match at.address {
            ListenAddress::Inet(address) => !at.bound && Some(address) == local,
            ListenAddress::Unix(_) => false,
        });
        let own = || {
            let mut all = model.listens.iter().enumerate();
            all.find(|(_, at)| {
                let same = || Key::of(at, options).is_ok_and(|key| key.is(self));
                at.bound && (at.address == self.configured || same())
            })
        };
        apart.or_else(own).map(|(listen, _)| listen)
    }
}

/// Binds every address of `model` that is not held yet; those that are held are taken from there.
///
/// # Errors
/// The first address that cannot be bound; nothing new stays bound then.
pub fn bind(
    model: &Model,
    options: &FrontOptions,
    held: &[&Bound],
) -> Result<Vec<Bound>, FrontError> {
    let mut bound = Vec::new();
    for at in model.listens.iter().filter(|at| at.bound) {
        let key = Key::of(at, options)?;
        if let Some(known) = held.iter().find(|known| known.key.is(&key)) {
            bound.push(Bound {
                key,
                ..known.share()?
            });
            continue;
        }
        let real = key.real;
        let socket = bind_one(at, real).map_err(|source| FrontError::Bind {
            address: real.to_string(),
            source,
        })?;
        let address = socket.local_addr().unwrap_or(real);
        bound.push(Bound {
            key,
            socket,
            address,
        });
    }
    Ok(bound)
}

impl Bound {
    pub fn is_same(&self, other: &Bound) -> bool {
        self.key.is(&other.key)
    }

    /// Takes no more connections, though a server that was replaced still holds the socket: the address is free again.
    pub fn close(self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
    }

    /// The same socket once more: it stays open until every one is closed.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn share(&self) -> Result<Self, FrontError> {
        Ok(Self {
            key: self.key.clone(),
            socket: self.socket.try_clone().map_err(FrontError::Start)?,
            address: self.address,
        })
    }
}

fn bind_one(at: &Listen, address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(at.options.ipv6only)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(at.options.backlog).unwrap_or(511))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
