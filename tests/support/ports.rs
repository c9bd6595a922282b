//! Numbers of ports for programs that a test starts, and that bind them by themselves, later.
//!
//! A number that was bound and let go is anybody's: a client's own port may take it, or a `bind` to port 0. So these lie
//! below the ranges that systems give out by themselves (Linux from 32768, others from 49152), and each stays reserved
//! by a UDP socket of the same number, which is in no program's way: no two tests have one at the same time, in this
//! process or in another.
#![allow(dead_code)]

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::ops::{Deref, Range};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use socket2::{Domain, Socket, Type};

/// Five digits, so that lengths do not vary.
pub const FIVE_DIGITS: Range<u16> = 10_000..32_000;
/// Four, as 3000 and 5000 have, which are not among them.
pub const FOUR_DIGITS: Range<u16> = 5_001..10_000;
/// A prime that divides neither range's length: every number comes once a round, one that was just used late.
const STRIDE: u32 = 1009;

/// Ports that nobody else has as long as this lives; they differ.
pub struct Ports {
    numbers: Vec<u16>,
    _reserved: Vec<UdpSocket>,
}

impl Ports {
    /// So many, out of a range.
    pub fn free(count: usize, range: Range<u16>) -> Self {
        let all = (0..count).map(|_| reserve(range.clone(), |_| true).expect("a free port"));
        let (numbers, _reserved) = all.unzip();
        Self { numbers, _reserved }
    }
}

impl Deref for Ports {
    type Target = [u16];

    fn deref(&self) -> &[u16] {
        &self.numbers
    }
}

pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port of the range that nothing on this machine has bound and that `allowed` takes, with the socket that reserves it.
pub fn reserve(range: Range<u16>, allowed: impl Fn(u16) -> bool) -> io::Result<(u16, UdpSocket)> {
    static START: LazyLock<u32> =
        LazyLock::new(|| RandomState::new().hash_one(std::process::id()) as u32 >> 1);
    static STEPS: AtomicU32 = AtomicU32::new(0);
    let length = u32::from(range.end - range.start);
    for _ in 0..2000 {
        let step = STEPS.fetch_add(STRIDE, Ordering::Relaxed) % length;
        let port = range.start + ((*START % length + step) % length) as u16;
        if !allowed(port) {
            continue;
        }
        let Ok(reserved) = UdpSocket::bind(loopback(port)) else {
            continue;
        };
        // Tried on every address: a `listen` that names none must succeed too.
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        if Socket::new(Domain::IPV4, Type::STREAM, None)?
            .bind(&any.into())
            .is_ok()
        {
            return Ok((port, reserved));
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}
