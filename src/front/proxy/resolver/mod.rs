//! Finds the addresses of a host through the name servers of `resolver`, as nginx does: UDP queries for A and AAAA,
//! asked again every five seconds, answers kept as long as they or `valid=` say.

mod packet;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::config::model::Resolver;
use packet::{Found, Kind};

/// nginx's `resend_timeout`.
const RESEND: Duration = Duration::from_secs(5);
/// How many names may stand for one another (`NGX_RESOLVER_MAX_RECURSION`).
const MAX_ALIASES: usize = 50;
/// Largest answer by UDP that nginx reads.
const MAX_MESSAGE: usize = 4096;

/// Why a name has no address, with nginx's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", .0, text(*.0))]
pub struct Unresolved(pub u8);

impl Unresolved {
    const NO_SUCH_NAME: Self = Self(3);
    const TIMED_OUT: Self = Self(110);
}

fn text(code: u8) -> &'static str {
    match code {
        1 => "Format error",
        2 => "Server failure",
        3 => "Host not found",
        4 => "Unimplemented",
        5 => "Operation refused",
        110 => "Operation timed out",
        _ => "Unknown error",
    }
}

/// A worker's memory of names, by the resolver's id and the name in lower case.
#[derive(Debug, Default)]
pub struct Names {
    known: RefCell<HashMap<(usize, Bytes), Known>>,
    turn: RefCell<usize>,
}

#[derive(Debug, Clone)]
struct Known {
    addresses: Vec<IpAddr>,
    asked: Instant,
    valid: Duration,
}

/// Names kept at most; a file's variables may make any number of them.
const MAX_KNOWN: usize = 1000;

impl Names {
    /// The addresses of `host` (in lower case), each with `port`, beginning with any of them.
    ///
    /// # Errors
    /// The servers know no address, or did not answer within `limit`.
    pub async fn find(
        &self,
        resolver: &Resolver,
        host: &Bytes,
        port: u16,
        limit: Duration,
    ) -> Result<Vec<SocketAddr>, Unresolved> {
        let asked = timeout(limit, self.addresses(resolver, host.clone()));
        let mut addresses = asked.await.unwrap_or(Err(Unresolved::TIMED_OUT))?;
        let count = addresses.len().max(1);
        let turn = {
            let mut turn = self.turn.borrow_mut();
            *turn = turn.wrapping_add(1);
            *turn
        };
        addresses.rotate_left(turn % count);
        let with_port = |ip| SocketAddr::new(ip, port);
        Ok(addresses.into_iter().map(with_port).collect())
    }

    async fn addresses(&self, resolver: &Resolver, name: Bytes) -> Result<Vec<IpAddr>, Unresolved> {
        let mut name = name;
        for _ in 0..MAX_ALIASES {
            let key = (resolver.id, name.clone());
            if let Some(known) = self.known.borrow().get(&key).filter(|k| k.is_fresh()) {
                return Ok(known.addresses.clone());
            }
            let (v4, v6) = match resolver.ipv6 {
                true => {
                    let (v4, v6) = futures::join!(
                        self.ask(resolver, &name, Kind::A),
                        self.ask(resolver, &name, Kind::Aaaa)
                    );
                    (v4?, v6?)
                }
                false => {
                    let none = Found {
                        ttl: u32::MAX,
                        ..Found::default()
                    };
                    (self.ask(resolver, &name, Kind::A).await?, none)
                }
            };
            let mut addresses = v4.addresses;
            addresses.extend(v6.addresses);
            if !addresses.is_empty() {
                let ttl = v4.ttl.min(v6.ttl);
                let known = Known {
                    addresses: addresses.clone(),
                    asked: Instant::now(),
                    valid: resolver
                        .valid
                        .unwrap_or(Duration::from_secs(u64::from(ttl))),
                };
                self.keep(key, known);
                return Ok(addresses);
            }
            match (v4.code, v4.alias.or(v6.alias)) {
                (0, Some(alias)) => name = Bytes::from(alias.to_ascii_lowercase()),
                (0, None) => return Err(Unresolved::NO_SUCH_NAME),
                (code, _) => return Err(Unresolved(code)),
            }
        }
        Err(Unresolved::NO_SUCH_NAME)
    }

    fn keep(&self, key: (usize, Bytes), value: Known) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN {
            known.retain(|_, known| known.is_fresh());
        }
        if known.len() < MAX_KNOWN {
            known.insert(key, value);
        }
    }

    /// Asks until an answer comes: one server after the other.
    async fn ask(&self, resolver: &Resolver, name: &[u8], kind: Kind) -> Result<Found, Unresolved> {
        let mut servers = resolver.servers.iter().cycle();
        loop {
            let Some((server, text)) = servers.next() else {
                return Err(Unresolved::TIMED_OUT);
            };
            match timeout(RESEND, exchange(*server, name, kind)).await {
                Ok(Ok(Some(found))) => return Ok(found),
                Ok(Ok(None)) => return Err(Unresolved::NO_SUCH_NAME),
                Ok(Err(error)) => {
                    let error = crate::front::log::os_error(&error);
                    ::log::warn!("resolver {text}: {error}");
                    // As if nothing had come: the next turn comes in its time.
                    tokio::time::sleep(RESEND).await;
                }
                Err(_) => {}
            }
        }
    }
}

impl Known {
    /// nginx counts in whole seconds, and the last one counts.
    fn is_fresh(&self) -> bool {
        self.asked.elapsed().as_secs() <= self.valid.as_secs()
    }
}

/// One query and its answer; `None` where the host cannot be a name.
async fn exchange(server: SocketAddr, name: &[u8], kind: Kind) -> io::Result<Option<Found>> {
    if crate::wall::stands() {
        return Ok(None);
    }
    let id = random_id();
    let Some(query) = packet::query(id, name, kind) else {
        return Ok(None);
    };
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(&query).await?;
    let mut message = vec![0; MAX_MESSAGE];
    loop {
        let n = socket.recv(&mut message).await?;
        match packet::answer(message.get(..n).unwrap_or_default(), id, name, kind) {
            Some(found) if found.truncated => break,
            Some(found) => return Ok(Some(found)),
            None => {}
        }
    }
    whole(server, &query, id, name, kind).await
}

/// The same by TCP, where an answer did not fit (RFC 1035, section 4.2.2).
async fn whole(
    server: SocketAddr,
    query: &[u8],
    id: u16,
    name: &[u8],
    kind: Kind,
) -> io::Result<Option<Found>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).unwrap_or_default();
    stream
        .write_all(&[&length.to_be_bytes(), query].concat())
        .await?;
    let length = stream.read_u16().await?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    match packet::answer(&message, id, name, kind) {
        Some(found) => Ok(Some(found)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Not to be guessed by whoever would answer in the server's place.
fn random_id() -> u16 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher();
    random.finish() as u16
}
