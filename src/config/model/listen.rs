//! Addresses, and which server answers at them for which name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::quick_map::QuickMap;
use crate::config::regex::Regex;
use crate::config::source::Span;

use super::Server;

/// An address that is listened on, with the servers behind it.
#[derive(Debug)]
pub struct Listen {
    pub address: ListenAddress,
    pub options: ListenOptions,
    /// It has a socket of its own. False where the wildcard address of the same port takes its connections, which are
    /// then told apart by the address that they were made to.
    pub bound: bool,
    /// The server that answers where no name matches (`default_server`, else the first).
    pub default_server: Arc<Server>,
    pub names: ServerNames,
    /// Every server of this address, in the file's order (for `explain`).
    pub servers: Vec<Arc<Server>>,
    /// Some server reads heads by other rules than the default one: who is asked decides.
    pub heads_differ: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    Inet(SocketAddr),
    /// `unix:PATH`, absolute.
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenOptions {
    pub backlog: u32,
    pub reuseport: bool,
    /// `ipv6only`, on by default.
    pub ipv6only: bool,
    /// True where the file gave no address or `*`: `listen 3000`.
    pub wildcard: bool,
    /// `rcvbuf` and `sndbuf`, in bytes.
    pub rcvbuf: Option<usize>,
    pub sndbuf: Option<usize>,
    pub keepalive: Option<TcpKeepalive>,
}

/// `so_keepalive`; what is not given is the system's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TcpKeepalive {
    pub on: bool,
    pub idle: Option<Duration>,
    pub interval: Option<Duration>,
    pub count: Option<u32>,
}

/// The name tables of one address, in nginx's order of precedence.
#[derive(Debug, Default)]
pub struct ServerNames {
    /// Lower-case.
    pub exact: QuickMap<Bytes, Arc<Server>>,
    /// `*.example.org` as `.example.org`; the longest wins. `.example.org` stands in `exact` too.
    pub leading: Vec<(Bytes, Arc<Server>)>,
    /// `www.*` as `www.`; the longest wins.
    pub trailing: Vec<(Bytes, Arc<Server>)>,
    /// In the file's order.
    pub regexes: Vec<(Arc<Regex>, Arc<Server>)>,
}
