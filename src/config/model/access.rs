//! `allow` and `deny`.

use std::net::IpAddr;

use crate::config::source::Span;

/// `allow` or `deny`.
#[derive(Debug, Clone)]
pub struct AccessRule {
    pub from: AccessFrom,
    pub deny: bool,
    pub span: Span,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFrom {
    All,
    /// Clients of a Unix socket.
    Unix,
    /// Addresses that begin with the same bits.
    Network {
        address: IpAddr,
        bits: u8,
    },
}

impl AccessFrom {
    /// Whether the rule is about this client; `None` is one of a Unix socket.
    pub fn covers(self, client: Option<IpAddr>) -> bool {
        match (self, client) {
            (Self::All, _) | (Self::Unix, None) => true,
            (Self::Network { address, bits }, Some(client)) => {
                address.is_ipv4() == client.is_ipv4() && mask(client, bits) == address
            }
            (Self::Unix, Some(_)) | (Self::Network { .. }, None) => false,
        }
    }
}

/// An address with only its first bits.
pub fn mask(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & keep).into())
        }
        IpAddr::V6(v6) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & keep).into())
        }
    }
}
