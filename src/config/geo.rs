//! What `geo` makes of an address: networks or ranges with their values, and proxies that may speak for others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::model::mask;
use super::net::address_port;
use super::template::Template;

/// A network: its address, the bits behind the prefix cleared, and the prefix's length.
pub type Network = (IpAddr, u8);

/// A `geo` block.
#[derive(Debug, Default)]
pub struct Geo {
    /// What is looked up; `None` is the client's address.
    pub source: Option<Template>,
    /// `proxy`: an address among these is one that `X-Forwarded-For` speaks of another for.
    pub proxies: Vec<Network>,
    /// `proxy_recursive`
    pub recursive: bool,
    pub table: Table,
}

/// Which addresses have which value.
#[derive(Debug)]
pub enum Table {
    Networks(HashMap<Network, Bytes>),
    /// `ranges`
    Ranges(Ranges),
}

impl Default for Table {
    fn default() -> Self {
        Self::Networks(HashMap::new())
    }
}

impl Geo {
    /// The value of an address; empty where nothing has it.
    pub fn find(&self, address: IpAddr) -> Bytes {
        let address = address.to_canonical();
        match &self.table {
            Table::Networks(networks) => smallest(networks, address),
            Table::Ranges(ranges) => ranges.find(address),
        }
    }

    /// The address that a client behind trusted proxies says it has (nginx's `ngx_http_get_forwarded_addr`);
    /// `forwarded` are the values of `X-Forwarded-For` in their order.
    pub fn forwarded<'a>(
        &self,
        mut address: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> IpAddr {
        for value in forwarded.rev() {
            let (last, whole) = self.forwarded_in(address, value);
            address = last;
            if !self.recursive || !whole {
                break;
            }
        }
        address
    }

    /// One value, from its end; whether every address in it was a proxy's but perhaps the first.
    fn forwarded_in(&self, mut address: IpAddr, value: &[u8]) -> (IpAddr, bool) {
        let blank = |b: &u8| matches!(b, b' ' | b',');
        let mut rest = value;
        loop {
            if !self.is_proxy(address) {
                return (address, false);
            }
            let end = rest.iter().rposition(|b| !blank(b)).map_or(0, |at| at + 1);
            let start = rest[..end].iter().rposition(blank).map_or(0, |at| at + 1);
            // nginx takes this one for no address (`INADDR_NONE`).
            let next = rest.get(start..end).and_then(address_port);
            let Some(next) = next.filter(|next| next.ip() != Ipv4Addr::BROADCAST) else {
                return (address, false);
            };
            address = next.ip();
            if !self.recursive || start == 0 {
                return (address, true);
            }
            rest = &rest[..start - 1];
        }
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.proxies.iter().any(|(network, bits)| {
            network.is_ipv4() == address.is_ipv4() && mask(address, *bits) == *network
        })
    }
}

/// The value of the smallest network that has the address.
fn smallest(networks: &HashMap<Network, Bytes>, address: IpAddr) -> Bytes {
    let most = if address.is_ipv4() { 32 } else { 128 };
    let found = (0..=most)
        .rev()
        .find_map(|bits| networks.get(&(mask(address, bits), bits)));
    found.cloned().unwrap_or_default()
}

/// Ranges of IPv4 addresses, by their first 16 bits, as nginx keeps them: what a range means to those before it is decided
/// for each of these parts.
#[derive(Debug, Default)]
pub struct Ranges {
    pub default: Option<Bytes>,
    parts: HashMap<u16, Vec<Part>>,
}

#[derive(Debug, Clone)]
struct Part {
    first: u16,
    last: u16,
    value: Bytes,
}

/// What was found where a range was to be added.
#[derive(Debug, PartialEq, Eq)]
pub enum Clash {
    /// The same range; its value was this.
    Same(Bytes),
    /// One that it neither holds nor lies in.
    Overlaps(Ipv4Addr, Ipv4Addr),
}

impl Ranges {
    /// Adds a range, inside others perhaps.
    pub fn add(&mut self, first: Ipv4Addr, last: Ipv4Addr, value: &Bytes) -> Vec<Clash> {
        let mut clashes = Vec::new();
        for (high, first, last) in parts_of(first, last) {
            let part = Part {
                first,
                last,
                value: value.clone(),
            };
            match put(self.parts.entry(high).or_default(), part) {
                None => {}
                Some(Found::Same(old)) => clashes.push(Clash::Same(old)),
                Some(Found::Overlaps(first, last)) => {
                    let address = |low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
                    clashes.push(Clash::Overlaps(address(first), address(last)));
                    break;
                }
            }
        }
        clashes
    }

    /// Takes a range out; false where a part of it is no range of its own.
    pub fn delete(&mut self, first: Ipv4Addr, last: Ipv4Addr) -> bool {
        let mut all = true;
        for (high, first, last) in parts_of(first, last) {
            let parts = self.parts.entry(high).or_default();
            let known = parts.len();
            parts.retain(|part| (part.first, part.last) != (first, last));
            all &= parts.len() < known;
        }
        all
    }

    fn find(&self, address: IpAddr) -> Bytes {
        // Another family's address is looked up as this one, as in nginx.
        let address = match address {
            IpAddr::V4(address) => u32::from(address),
            IpAddr::V6(_) => u32::MAX,
        };
        let low = (address & 0xffff) as u16;
        let parts = self.parts.get(&((address >> 16) as u16));
        let found = parts.and_then(|parts| {
            let fits = |part: &&Part| part.first <= low && low <= part.last;
            parts.iter().find(fits).map(|part| &part.value)
        });
        found.or(self.default.as_ref()).cloned().unwrap_or_default()
    }
}

/// A range cut where the first 16 bits change.
fn parts_of(first: Ipv4Addr, last: Ipv4Addr) -> impl Iterator<Item = (u16, u16, u16)> {
    let (first, last) = (u32::from(first), u32::from(last));
    let high = |address: u32| (address >> 16) as u16;
    let low = |address: u32| (address & 0xffff) as u16;
    (high(first)..=high(last)).map(move |part| {
        let from = if part == high(first) { low(first) } else { 0 };
        let to = if part == high(last) {
            low(last)
        } else {
            u16::MAX
        };
        (part, from, to)
    })
}

enum Found {
    Same(Bytes),
    Overlaps(u16, u16),
}

/// Adds a part to sorted ones that do not overlap.
fn put(parts: &mut Vec<Part>, new: Part) -> Option<Found> {
    let at = parts.partition_point(|part| part.last < new.first);
    let Some(there) = parts.get_mut(at).filter(|part| part.first <= new.last) else {
        parts.insert(at, new);
        return None;
    };
    if (there.first, there.last) == (new.first, new.last) {
        let old = std::mem::replace(&mut there.value, new.value);
        return Some(Found::Same(old));
    }
    if new.first < there.first || there.last < new.last {
        // nginx looks from the end.
        let overlapped = parts.iter().rev().find(|part| part.first <= new.last)?;
        return Some(Found::Overlaps(overlapped.first, overlapped.last));
    }
    let outer = there.clone();
    let before = (outer.first < new.first).then(|| Part {
        last: new.first - 1,
        ..outer.clone()
    });
    let after = (new.last < outer.last).then(|| Part {
        first: new.last + 1,
        ..outer.clone()
    });
    parts.splice(at..=at, before.into_iter().chain([new]).chain(after));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn v4(text: &str) -> Ipv4Addr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_smallest_network_wins() {
        let networks = [
            ("10.0.0.0", 8, "ten"),
            ("10.1.0.0", 16, "one"),
            ("::", 0, "six"),
        ];
        let networks = networks.map(|(network, bits, value)| {
            (
                (address(network), bits),
                Bytes::from_static(value.as_bytes()),
            )
        });
        let geo = Geo {
            table: Table::Networks(networks.into()),
            ..Geo::default()
        };
        assert_eq!(geo.find(address("10.1.2.3")), "one");
        assert_eq!(geo.find(address("10.2.2.3")), "ten");
        assert_eq!(geo.find(address("11.2.2.3")), "");
        assert_eq!(geo.find(address("::ffff:10.2.2.3")), "ten");
        assert_eq!(geo.find(address("2001::")), "six");
    }

    #[test]
    fn ranges_split_and_clash() {
        let mut ranges = Ranges::default();
        let mut add = |first: &str, last: &str, value: &'static str| {
            ranges.add(v4(first), v4(last), &Bytes::from_static(value.as_bytes()))
        };
        assert_eq!(add("10.0.0.0", "10.2.0.255", "a"), []);
        assert_eq!(add("10.1.0.5", "10.1.0.9", "b"), []);
        assert_eq!(add("10.1.0.5", "10.1.0.6", "c"), []);
        assert_eq!(add("10.2.0.255", "10.2.0.255", "d"), []);
        assert_eq!(
            add("10.0.0.0", "10.0.255.255", "e"),
            [Clash::Same(Bytes::from_static(b"a"))]
        );
        assert_eq!(
            add("10.2.0.250", "10.2.1.0", "f"),
            [Clash::Overlaps(v4("10.2.0.255"), v4("10.2.0.255"))]
        );
        for (of, value) in [
            ("10.0.0.0", "e"),
            ("10.1.0.4", "a"),
            ("10.1.0.6", "c"),
            ("10.1.0.7", "b"),
            ("10.1.0.10", "a"),
            ("10.2.0.255", "d"),
            ("10.2.1.0", ""),
            ("::1", ""),
        ] {
            assert_eq!(ranges.find(address(of)), value, "{of}");
        }
        assert!(ranges.delete(v4("10.1.0.5"), v4("10.1.0.6")));
        assert!(!ranges.delete(v4("10.1.0.5"), v4("10.1.0.6")));
    }

    #[test]
    fn proxies_are_looked_through() {
        let proxies = vec![(address("10.0.0.0"), 8)];
        let geo = |recursive| Geo {
            proxies: proxies.clone(),
            recursive,
            ..Geo::default()
        };
        for (recursive, value, found) in [
            (false, "192.0.2.1, 10.0.0.2", "10.0.0.2"),
            (true, "192.0.2.1, 10.0.0.2", "192.0.2.1"),
            (true, "192.0.2.1:80 ,10.0.0.2,", "192.0.2.1"),
            (true, "192.0.2.1, x, 10.0.0.2", "10.0.0.2"),
            (true, "10.0.0.3", "10.0.0.3"),
            (true, "", "10.0.0.1"),
        ] {
            let of = geo(recursive).forwarded(address("10.0.0.1"), [value.as_bytes()].into_iter());
            assert_eq!(of, address(found), "{value}");
        }
        let outside = geo(true).forwarded(address("192.0.2.9"), [&b"1.1.1.1"[..]].into_iter());
        assert_eq!(outside, address("192.0.2.9"));
    }
}
