//! Which `listen` takes a connection, by the address that the client connects to (nginx's `ngx_http_init_connection`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::model::{Listen, ListenAddress, Model};

/// A `listen` of a model, and the connection's two addresses as the server sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Its number in [`Model::listens`].
    pub listen: usize,
    /// `$server_addr` and `$server_port`.
    pub local: SocketAddr,
    /// A client on this machine; its port is 0.
    pub peer: SocketAddr,
}

impl Model {
    /// What a client on this machine reaches at `ip` and `port`: the very address, else the wildcard of its family, else
    /// `[::]` with `ipv6only=off`.
    pub fn reached(&self, ip: IpAddr, port: u16) -> Option<Reached> {
        let on_port = |fits: &dyn Fn(IpAddr, &Listen) -> bool| {
            self.listens.iter().position(|listen| match listen.address {
                ListenAddress::Inet(at) => at.port() == port && fits(at.ip(), listen),
                ListenAddress::Unix(_) => false,
            })
        };
        let wildcard = |at: IpAddr| at.is_unspecified() && at.is_ipv4() == ip.is_ipv4();
        let found = on_port(&|at, _| at == ip).or_else(|| on_port(&|at, _| wildcard(at)));
        if let Some(listen) = found {
            return Some(Reached::at(listen, ip, port));
        }
        let IpAddr::V4(v4) = ip else {
            return None;
        };
        let both = |at: IpAddr, listen: &Listen| {
            at.is_ipv6() && at.is_unspecified() && !listen.options.ipv6only
        };
        let listen = on_port(&both)?;
        Some(Reached::at(listen, v4.to_ipv6_mapped().into(), port))
    }
}

impl Reached {
    fn at(listen: usize, ip: IpAddr, port: u16) -> Self {
        let from = match ip {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
                Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()
            }
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        };
        Self {
            listen,
            local: SocketAddr::new(ip, port),
            peer: SocketAddr::new(from, 0),
        }
    }
}
