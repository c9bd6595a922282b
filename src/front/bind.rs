//! The sockets of a model: bound when it is first served, handed on or closed when another takes its place.

use std::fs::Permissions;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt;

use crate::config::model::{Listen, ListenAddress, ListenOptions, LogLevel, Model, TcpKeepalive};
use crate::config::net;

use super::server::{FrontError, FrontOptions};

/// A socket that is bound.
#[derive(Debug)]
pub struct Bound {
    /// Which of the model's listens it is.
    pub key: Key,
    pub socket: Socket,
    /// The address it really has.
    pub address: ListenAddress,
}

/// A listening socket.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

impl Socket {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Tcp(socket) => Self::Tcp(socket.try_clone()?),
            Self::Unix(socket) => Self::Unix(socket.try_clone()?),
        })
    }
}

/// Knows a listen again in another model: by what the file says, or by where that really is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    configured: ListenAddress,
    real: ListenAddress,
}

impl Key {
    fn of(at: &Listen, options: &FrontOptions) -> Self {
        let real = match options.listen_map.map(&at.address) {
            ListenAddress::Inet(mapped) if at.options.wildcard && options.loopback_only => {
                ListenAddress::Inet(SocketAddr::from((Ipv4Addr::LOCALHOST, mapped.port())))
            }
            mapped => mapped,
        };
        Self {
            configured: at.address.clone(),
            real,
        }
    }

    /// The address as the file says it.
    pub fn configured(&self) -> &ListenAddress {
        &self.configured
    }

    fn is(&self, other: &Key) -> bool {
        let any_port = matches!(self.real, ListenAddress::Inet(real) if real.port() == 0);
        self.configured == other.configured || !any_port && self.real == other.real
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
                let same = || Key::of(at, options).is(self);
                at.bound && (at.address == self.configured || same())
            })
        };
        apart.or_else(own).map(|(listen, _)| listen)
    }
}

/// How often nginx tries an address that is taken, and how long it waits in between (`ngx_open_listening_sockets`).
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// Hears what goes wrong while it is still being tried.
pub type Told<'a> = &'a dyn Fn(LogLevel, &str);

/// Binds every address of `model` that is not held yet; those that are held are taken from there. With
/// [`FrontOptions::patient`] one that is taken is tried again.
///
/// # Errors
/// The first address that cannot be bound; nothing new stays bound then.
pub fn bind(
    model: &Model,
    options: &FrontOptions,
    held: &[&Bound],
    told: Told<'_>,
) -> Result<Vec<Bound>, FrontError> {
    let wanted = || model.listens.iter().filter(|at| at.bound);
    let mut bound: Vec<Option<Bound>> = wanted().map(|_| None).collect();
    let mut fresh = Vec::new();
    for _ in 0..TRIES {
        let mut taken = false;
        for (at, place) in wanted().zip(&mut bound) {
            if place.is_some() {
                continue;
            }
            let key = Key::of(at, options);
            let one = match held.iter().find(|known| known.key.is(&key)) {
                Some(known) => known.share().map(|known| Bound { key, ..known }),
                None => bind_one(at, key).inspect(|one| fresh.push(one.address.clone())),
            };
            match one {
                Ok(one) => *place = Some(one),
                Err(error) if options.patient && error.is_taken() => {
                    told(LogLevel::Emerg, &error.to_string());
                    taken = true;
                }
                Err(error) => {
                    fresh.iter().for_each(forget);
                    return Err(error);
                }
            }
        }
        if !taken {
            return Ok(bound.into_iter().flatten().collect());
        }
        told(LogLevel::Notice, "try again to bind() after 500ms");
        std::thread::sleep(PAUSE);
    }
    fresh.iter().for_each(forget);
    Err(FrontError::StillTaken)
}

impl Bound {
    pub fn is_same(&self, other: &Bound) -> bool {
        self.key.is(&other.key)
    }

    /// Takes no more connections, though a server that was replaced still holds the socket: the address is free again.
    pub fn close(self) {
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        self.forget();
    }

    /// Removes the file of a Unix socket.
    pub fn forget(&self) {
        forget(&self.address);
    }

    /// The same socket once more: it stays open until every one is closed.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn share(&self) -> Result<Self, FrontError> {
        Ok(Self {
            key: self.key.clone(),
            socket: self.socket.try_clone().map_err(FrontError::Start)?,
            address: self.address.clone(),
        })
    }
}

/// Removes the file of a Unix socket.
pub fn forget(address: &ListenAddress) {
    if let ListenAddress::Unix(path) = address {
        let _ = std::fs::remove_file(path);
    }
}

/// Binds every address of `model` and lets them go again; one that is taken is no mistake.
///
/// # Errors
/// The first address that cannot be bound for another reason.
pub fn try_to_bind(model: &Model, options: &FrontOptions) -> Result<(), FrontError> {
    for at in model.listens.iter().filter(|at| at.bound) {
        match bind_one(at, Key::of(at, options)) {
            Ok(bound) => bound.forget(),
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn bind_one(at: &Listen, key: Key) -> Result<Bound, FrontError> {
    let failed = |source| FrontError::Bind {
        address: net::text(&key.real),
        source,
    };
    let (socket, address) = match &key.real {
        ListenAddress::Inet(real) => {
            let socket = bind_inet(at, *real).map_err(failed)?;
            let address = socket.local_addr().unwrap_or(*real);
            (Socket::Tcp(socket), ListenAddress::Inet(address))
        }
        ListenAddress::Unix(path) => {
            let socket = bind_unix(at, path).map_err(failed)?;
            (Socket::Unix(socket), key.real.clone())
        }
    };
    Ok(Bound {
        key,
        socket,
        address,
    })
}

fn bind_inet(at: &Listen, address: SocketAddr) -> io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    #[cfg(not(target_os = "solaris"))]
    if at.options.reuseport {
        sockopt::set_socket_reuseport(&socket, true)?;
    }
    if address.is_ipv6() {
        socket.set_only_v6(at.options.ipv6only)?;
    }
    socket.bind(&address.into())?;
    tune(socket.as_fd(), &at.options);
    if let Some(keepalive) = &at.options.keepalive {
        keep_alive(socket.as_fd(), keepalive);
    }
    socket.listen(backlog(&at.options))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Anybody may connect, as with nginx.
fn bind_unix(at: &Listen, path: &Path) -> io::Result<UnixListener> {
    use socket2::{Domain, SockAddr, Socket, Type};
    crate::wall::may_write(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let ready = || {
        std::fs::set_permissions(path, Permissions::from_mode(0o666))?;
        tune(socket.as_fd(), &at.options);
        socket.listen(backlog(&at.options))?;
        socket.set_nonblocking(true)
    };
    if let Err(error) = ready() {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(socket.into())
}

fn backlog(options: &ListenOptions) -> i32 {
    i32::try_from(options.backlog).unwrap_or(511)
}

/// Sizes that the system does not grant are no reason not to serve; nginx logs them and goes on.
fn tune(socket: BorrowedFd<'_>, options: &ListenOptions) {
    if let Some(size) = options.rcvbuf {
        let _ = sockopt::set_socket_recv_buffer_size(socket, size);
    }
    if let Some(size) = options.sndbuf {
        let _ = sockopt::set_socket_send_buffer_size(socket, size);
    }
}

/// `so_keepalive`: accepted sockets have it from the listening one.
fn keep_alive(socket: BorrowedFd<'_>, keepalive: &TcpKeepalive) {
    let _ = sockopt::set_socket_keepalive(socket, keepalive.on);
    if let Some(idle) = keepalive.idle {
        let _ = sockopt::set_tcp_keepidle(socket, idle);
    }
    if let Some(interval) = keepalive.interval {
        let _ = sockopt::set_tcp_keepintvl(socket, interval);
    }
    if let Some(count) = keepalive.count {
        let _ = sockopt::set_tcp_keepcnt(socket, count);
    }
}
