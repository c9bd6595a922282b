//! Addresses as nginx writes and reads them: `listen`, `server` and the host of `proxy_pass`.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bytes::Bytes;

use super::model::ListenAddress;
use super::values;
use super::written;

/// What is asked of an address.
#[derive(Debug, Clone, Copy, Default)]
pub struct Want {
    /// Of `listen`: a port alone and `*` are right, ranges of ports too.
    pub listen: bool,
    /// A URI may follow.
    pub uri: bool,
    /// Names are not looked up.
    pub no_resolve: bool,
    pub default_port: u16,
}

/// An address that was read.
#[derive(Debug, Clone, Default)]
pub struct Url {
    /// As written; a path for `unix:`.
    pub host: Bytes,
    pub port: u16,
    pub port_text: Bytes,
    pub no_port: bool,
    /// With its `/` or `?`; empty where there is none.
    pub uri: Bytes,
    pub unix: bool,
    /// With nginx's text of each (`127.0.0.1:80`).
    pub addresses: Vec<(ListenAddress, String)>,
}

impl Url {
    /// `$proxy_host` and `$proxy_port`.
    pub fn shown(&self) -> (Bytes, Bytes) {
        if self.unix {
            return (Bytes::from_static(b"localhost"), Bytes::new());
        }
        if self.no_port || self.port == 80 {
            return (self.host.clone(), Bytes::from_static(b"80"));
        }
        let host = [&self.host[..], b":", &self.port_text].concat();
        (host.into(), self.port_text.clone())
    }
}

/// nginx's text of an address, for messages.
pub fn text(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Inet(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix:{}", written::path(path)),
    }
}

/// Reads an address. The error is nginx's reason.
pub fn parse(url: &Bytes, want: Want) -> Result<Url, &'static str> {
    if url.len() >= 5 && url[..5].eq_ignore_ascii_case(b"unix:") {
        return parse_unix(url, want);
    }
    if url.starts_with(b"[") {
        return parse_inet6(url, want);
    }
    parse_inet(url, want)
}

fn parse_unix(url: &Bytes, want: Want) -> Result<Url, &'static str> {
    let mut path = url.slice(5..);
    let mut uri = Bytes::new();
    if want.uri
        && let Some(colon) = path.iter().position(|&b| b == b':')
    {
        uri = path.slice(colon + 1..);
        path.truncate(colon);
    }
    if path.is_empty() {
        return Err("no path in the unix domain socket");
    }
    if path.len() >= 108 {
        return Err("too long path in the unix domain socket");
    }
    let file = PathBuf::from(OsStr::from_bytes(&path));
    let name = format!("unix:{}", file.display());
    Ok(Url {
        host: path,
        uri,
        unix: true,
        addresses: vec![(ListenAddress::Unix(file), name)],
        ..Url::default()
    })
}

/// A port, or two with a dash where that is right.
fn ports(text: &[u8], want: Want) -> Result<(u16, u16), &'static str> {
    let port = |text: &[u8]| match values::number(text) {
        Some(port @ 1..=65535) => u16::try_from(port).map_err(|_| "invalid port"),
        _ => Err("invalid port"),
    };
    let dash = text.iter().position(|&b| b == b'-').filter(|_| want.listen);
    let Some(dash) = dash else {
        let only = port(text)?;
        return Ok((only, only));
    };
    let last = port(&text[dash + 1..])?;
    let first = port(&text[..dash])?;
    if first > last {
        return Err("invalid port range");
    }
    Ok((first, last))
}

fn parse_inet(url: &Bytes, want: Want) -> Result<Url, &'static str> {
    let position = |byte: u8| url.iter().position(|&b| b == byte);
    let mut end = url.len();
    let mut read = Url::default();
    let uri = match (position(b'/'), position(b'?')) {
        (Some(slash), Some(mark)) => Some(slash.min(mark)),
        (slash, mark) => slash.or(mark),
    };
    if let Some(uri) = uri {
        if want.listen || !want.uri {
            return Err("invalid host");
        }
        read.uri = url.slice(uri..);
        end = uri;
    }
    let mut last_port = None;
    let host_end = match position(b':').filter(|&colon| colon < end) {
        Some(colon) => {
            let (first, last) = ports(&url[colon + 1..end], want)?;
            read.port = first;
            last_port = Some(last);
            read.port_text = url.slice(colon + 1..end);
            colon
        }
        None => {
            let alone = want.listen && uri.is_none() && !url.is_empty();
            let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            if alone && url.split(|&b| b == b'-').all(digits) {
                let (first, last) = ports(url, want)?;
                read.port = first;
                read.port_text = url.clone();
                read.addresses = addresses(IpAddr::V4(Ipv4Addr::UNSPECIFIED), first, last);
                return Ok(read);
            }
            read.no_port = true;
            read.port = want.default_port;
            end
        }
    };
    if host_end == 0 {
        return Err("no host");
    }
    read.host = url.slice(..host_end);
    let last = last_port.unwrap_or(read.port);
    let literal = if want.listen && &read.host[..] == b"*" {
        Some(Ipv4Addr::UNSPECIFIED)
    } else {
        ipv4(&read.host)
    };
    if let Some(address) = literal {
        read.addresses = addresses(IpAddr::V4(address), read.port, last);
    } else if !want.no_resolve {
        for address in resolve(&read.host)? {
            read.addresses.extend(addresses(address, read.port, last));
        }
    }
    Ok(read)
}

fn parse_inet6(url: &Bytes, want: Want) -> Result<Url, &'static str> {
    let close = url.iter().position(|&b| b == b']').ok_or("invalid host")?;
    let mut end = url.len();
    let mut read = Url::default();
    if let Some(slash) = url[close..].iter().position(|&b| b == b'/') {
        if want.listen || !want.uri {
            return Err("invalid host");
        }
        end = close + slash;
        read.uri = url.slice(end..);
    }
    let mut last = want.default_port;
    if close + 1 < end {
        if url[close + 1] != b':' {
            return Err("invalid host");
        }
        let range = ports(&url[close + 2..end], want)?;
        read.port = range.0;
        last = range.1;
        read.port_text = url.slice(close + 2..end);
    } else {
        read.no_port = true;
        read.port = want.default_port;
    }
    if close == 1 {
        return Err("no host");
    }
    read.host = url.slice(..=close);
    let text = std::str::from_utf8(&url[1..close]).map_err(|_| "invalid IPv6 address")?;
    let address: Ipv6Addr = text.parse().map_err(|_| "invalid IPv6 address")?;
    read.addresses = addresses(IpAddr::V6(address), read.port, last);
    Ok(read)
}

fn addresses(ip: IpAddr, first: u16, last: u16) -> Vec<(ListenAddress, String)> {
    (first..=last)
        .map(|port| {
            let address = SocketAddr::new(ip, port);
            (ListenAddress::Inet(address), address.to_string())
        })
        .collect()
}

/// Four decimal numbers; leading zeros are right.
pub fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split(|&b| b == b'.');
    for octet in &mut octets {
        let part = parts.next()?;
        *octet = u8::try_from(values::number(part)?).ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// An address in numbers, with a port or without (then it is 0): nginx's `ngx_parse_addr_port`.
pub fn address_port(text: &[u8]) -> Option<SocketAddr> {
    let colon = match text.last() {
        Some(b']') => None,
        _ => text.iter().rposition(|&b| b == b':'),
    };
    let several = text.iter().filter(|&&b| b == b':').count() > 1;
    let (address, port) = match colon {
        Some(colon) if !several || text.get(colon.checked_sub(1)?) == Some(&b']') => {
            let port = values::number(text.get(colon + 1..)?)?;
            let port = u16::try_from(port).ok().filter(|&port| port > 0)?;
            (text.get(..colon)?, port)
        }
        // With brackets there must be a port.
        _ if text.starts_with(b"[") => return None,
        _ => (text, 0),
    };
    let inner = address
        .strip_prefix(b"[")
        .and_then(|inner| inner.strip_suffix(b"]"));
    let ip = match ipv4(address) {
        Some(ip) => IpAddr::V4(ip),
        None => IpAddr::V6(
            std::str::from_utf8(inner.unwrap_or(address))
                .ok()?
                .parse()
                .ok()?,
        ),
    };
    Some(SocketAddr::new(ip, port))
}

/// The addresses of a name, of the families that this machine has (glibc's `AI_ADDRCONFIG`, which nginx asks for).
pub fn resolve(host: &[u8]) -> Result<Vec<IpAddr>, &'static str> {
    const UNKNOWN: &str = "host not found";
    let name = std::str::from_utf8(host).map_err(|_| UNKNOWN)?;
    if !crate::wall::may_look_up(name) {
        return Err(UNKNOWN);
    }
    let found = (name, 0).to_socket_addrs().map_err(|_| UNKNOWN)?;
    let mut all: Vec<IpAddr> = Vec::new();
    for address in found {
        if !all.contains(&address.ip()) {
            all.push(address.ip());
        }
    }
    let (v4, v6) = families();
    if v4 != v6 {
        all.retain(|ip| if v4 { ip.is_ipv4() } else { ip.is_ipv6() });
    }
    if all.is_empty() {
        Err(UNKNOWN)
    } else {
        Ok(all)
    }
}

/// Whether the machine has IPv4 and IPv6 addresses besides the loopback's (where that cannot be told: both).
fn families() -> (bool, bool) {
    let read = |path: &str| std::fs::read_to_string(path);
    let (Ok(v4), v6) = (
        read("/proc/net/fib_trie"),
        read("/proc/net/if_inet6").unwrap_or_default(),
    ) else {
        return (true, true);
    };
    // In fib_trie a local address is the line before "/32 host LOCAL".
    let mut before = "";
    let mut has_v4 = false;
    for line in v4.lines() {
        if line.contains("/32 host LOCAL") {
            let address = before.trim_start_matches([' ', '|', '-', '+']);
            has_v4 |= ipv4(address.as_bytes()).is_some_and(|ip| !ip.is_loopback());
        }
        before = line;
    }
    let loopback = "00000000000000000000000000000001";
    (has_v4, v6.lines().any(|line| !line.starts_with(loopback)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTEN: Want = Want {
        listen: true,
        uri: false,
        no_resolve: false,
        default_port: 80,
    };
    const PASS: Want = Want {
        listen: false,
        uri: true,
        no_resolve: true,
        default_port: 80,
    };

    fn names(text: &str, want: Want) -> Result<Vec<String>, &'static str> {
        let url = parse(&Bytes::copy_from_slice(text.as_bytes()), want)?;
        Ok(url.addresses.into_iter().map(|(_, name)| name).collect())
    }

    #[test]
    fn listens() {
        for (text, expected) in [
            ("3000", "0.0.0.0:3000"),
            ("*:3000", "0.0.0.0:3000"),
            ("*", "0.0.0.0:80"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::]:3000", "[::]:3000"),
            ("[::1]", "[::1]:80"),
            ("unix:/tmp/x.sock", "unix:/tmp/x.sock"),
        ] {
            assert_eq!(names(text, LISTEN), Ok(vec![expected.to_owned()]), "{text}");
        }
        assert_eq!(
            names("3000-3001", LISTEN),
            Ok(vec!["0.0.0.0:3000".into(), "0.0.0.0:3001".into()])
        );
        for (text, expected) in [
            ("0", "invalid port"),
            ("65536", "invalid port"),
            ("127.0.0.1:x", "invalid port"),
            ("3001-3000", "invalid port range"),
            ("127.0.0.1/x", "invalid host"),
            ("[::1", "invalid host"),
            ("[::1]x", "invalid host"),
            ("[]:80", "no host"),
            ("[::g]:80", "invalid IPv6 address"),
            (":80", "no host"),
            ("", "no host"),
            ("unix:", "no path in the unix domain socket"),
        ] {
            assert_eq!(names(text, LISTEN), Err(expected), "{text}");
        }
    }

    #[test]
    fn hosts_with_uri() {
        let read = |text: &str| {
            let url = parse(&Bytes::copy_from_slice(text.as_bytes()), PASS).unwrap_or_default();
            let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
            (text(&url.host), url.port, url.no_port, text(&url.uri))
        };
        assert_eq!(
            read("127.0.0.1:5000/"),
            ("127.0.0.1".into(), 5000, false, "/".into())
        );
        assert_eq!(read("backend"), ("backend".into(), 80, true, String::new()));
        assert_eq!(
            read("backend/a:b"),
            ("backend".into(), 80, true, "/a:b".into())
        );
        assert_eq!(
            read("backend?a/b"),
            ("backend".into(), 80, true, "?a/b".into())
        );
        assert_eq!(
            read("unix:/tmp/s:/x"),
            ("/tmp/s".into(), 0, false, "/x".into())
        );
        assert_eq!(
            read("[::1]:5000/x"),
            ("[::1]".into(), 5000, false, "/x".into())
        );
    }
}
