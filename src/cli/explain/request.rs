//! The request that is explained: the bytes that curl would send, and the address that they would go to.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::model::{Listen, ListenAddress, Model};
use crate::config::reach::Reached;

use super::ExplainArguments;

/// A request and where it goes.
pub struct Wanted {
    pub reached: Reached,
    pub raw: Vec<u8>,
}

/// Longest request that is taken.
const MOST: u64 = 64 * 1024 * 1024;

/// A URL taken apart.
struct Url<'a> {
    /// As the `Host` field says it; none for a bare path.
    authority: Option<&'a str>,
    target: String,
}

/// Makes the request.
///
/// # Errors
/// What is wrong with the arguments, and what to write instead.
pub fn make(wanted: &ExplainArguments, model: &Model) -> Result<Wanted, String> {
    let url = wanted.url.as_deref().map(parse).transpose()?;
    let authority = url.as_ref().and_then(|url| url.authority);
    let reached = reached(authority, model)?;
    let local = reached.local;
    let raw = match (&wanted.raw, url) {
        (Some(file), _) => read(file)?,
        (None, Some(url)) => {
            let host = match url.authority {
                Some(authority) => authority.to_owned(),
                None if local.ip().is_loopback() => host("localhost", local.port()),
                None => host(
                    &SocketAddr::new(local.ip(), 0).to_string().replace(":0", ""),
                    local.port(),
                ),
            };
            bytes(wanted, &host, &url.target)?
        }
        (None, None) => return Err("name a URL, such as /api/users".to_owned()),
    };
    Ok(Wanted { reached, raw })
}

fn host(name: &str, port: u16) -> String {
    if port == 80 {
        name.to_owned()
    } else {
        format!("{name}:{port}")
    }
}

fn parse(text: &str) -> Result<Url<'_>, String> {
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        let escaped: String = bad
            .to_string()
            .bytes()
            .map(|b| format!("%{b:02X}"))
            .collect();
        return Err(format!("\"{text}\" is no URL: write {escaped} for {bad:?}"));
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("https://") {
        return Err("the lab speaks no TLS: write http:// instead of https://".to_owned());
    }
    let without_fragment = |target: &str| target.split('#').next().unwrap_or_default().to_owned();
    if text.starts_with('/') {
        return Ok(Url {
            authority: None,
            target: without_fragment(text),
        });
    }
    let rest = match lower.find("://") {
        Some(4) if lower.starts_with("http") => text.get(7..).unwrap_or_default(),
        Some(at) => {
            let scheme = text.get(..at).unwrap_or_default();
            return Err(format!(
                "\"{scheme}\" is not what a web server speaks: write http://"
            ));
        }
        None => text,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let authority = authority.rsplit('@').next().unwrap_or_default();
    if authority.is_empty() {
        return Err(format!(
            "\"{text}\" names no host; write a path, such as /api/users, or a URL, such as http://localhost:3000/"
        ));
    }
    let target = without_fragment(target);
    let target = if target.starts_with('/') {
        target
    } else {
        format!("/{target}")
    };
    Ok(Url {
        authority: Some(authority),
        target,
    })
}

/// What a connection to the host and port of a URL reaches; the first `listen` where there is no URL.
fn reached(authority: Option<&str>, model: &Model) -> Result<Reached, String> {
    let all: Vec<SocketAddr> = model.listens.iter().filter_map(inet).collect();
    let (ip, port) = match authority {
        None => match all.first() {
            Some(first) => (None, first.port()),
            None => return Err("the file has no `listen`: nothing can be asked".to_owned()),
        },
        Some(authority) => split(authority)?,
    };
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    // A name may lead to any address: without asking DNS, this machine's, else the first on that port.
    let named = || {
        let first = all
            .iter()
            .find(|at| ip.is_none() && at.port() == port)?
            .ip();
        let somewhere = match first {
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        model.reached(somewhere, port)
    };
    let found = model.reached(ip.unwrap_or(localhost), port).or_else(named);
    found.ok_or_else(|| nothing_listens(authority.unwrap_or_default(), port, &all))
}

fn inet(listen: &Listen) -> Option<SocketAddr> {
    match listen.address {
        ListenAddress::Inet(address) => Some(address),
        ListenAddress::Unix(_) => None,
    }
}

fn nothing_listens(asked: &str, port: u16, all: &[SocketAddr]) -> String {
    let there: Vec<String> = all.iter().map(SocketAddr::to_string).collect();
    let port_80 = if asked.ends_with(&format!(":{port}")) {
        ""
    } else {
        " (an address without a port means 80)"
    };
    let path = if asked.contains(':') || asked == "localhost" {
        String::new()
    } else {
        format!(". Is it a path? It begins with a slash: /{asked}")
    };
    format!(
        "no server listens for {asked}{port_80}: the file listens on {}{path}",
        there.join(", ")
    )
}

/// The address, where the host is one, and the port.
fn split(authority: &str) -> Result<(Option<IpAddr>, u16), String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, "80"),
    };
    let port = match port.parse() {
        Ok(0) | Err(_) => {
            return Err(format!(
                "\"{port}\" in \"{authority}\" is no port: 1 to 65535"
            ));
        }
        Ok(port) => port,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    Ok((bare.parse().ok(), port))
}

/// The bytes, as curl would send them.
fn bytes(wanted: &ExplainArguments, host: &str, target: &str) -> Result<Vec<u8>, String> {
    let body = body(wanted)?;
    let method = match (&wanted.method, &body) {
        (Some(method), _) => method.as_str(),
        (None, _) if wanted.head => "HEAD",
        (None, Some(_)) => "POST",
        (None, None) => "GET",
    };
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "-X \"{method}\": a method is one word, such as GET or POST"
        ));
    }
    let agent = wanted.user_agent.as_deref().unwrap_or("curl");
    let mut fields = vec![
        ("Host".to_owned(), Some(host.to_owned())),
        ("User-Agent".to_owned(), Some(agent.to_owned())),
        ("Accept".to_owned(), Some("*/*".to_owned())),
    ];
    if let Some(body) = &body {
        let kind = "application/x-www-form-urlencoded".to_owned();
        fields.push(("Content-Length".to_owned(), Some(body.len().to_string())));
        fields.push(("Content-Type".to_owned(), Some(kind)));
    }
    let defaults = fields.len();
    for header in &wanted.headers {
        let (name, value) = field(header)?;
        match fields
            .iter_mut()
            .take(defaults)
            .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        {
            Some(known) => *known = (name, value),
            None => fields.push((name, value)),
        }
    }
    let chunked = fields.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("Transfer-Encoding")
            && value
                .as_deref()
                .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
    });
    if chunked && body.is_some() {
        fields.retain(|(name, _)| !name.eq_ignore_ascii_case("Content-Length"));
    }
    let mut raw = format!("{method} {target} HTTP/1.1\r\n");
    for (name, value) in fields {
        if let Some(value) = value {
            let separator = if value.is_empty() { ":" } else { ": " };
            raw.push_str(&format!("{name}{separator}{value}\r\n"));
        }
    }
    raw.push_str("\r\n");
    let mut raw = raw.into_bytes();
    match body {
        Some(body) if chunked => {
            raw.extend(format!("{:x}\r\n", body.len()).into_bytes());
            raw.extend(body);
            raw.extend_from_slice(b"\r\n0\r\n\r\n");
        }
        body => raw.extend(body.unwrap_or_default()),
    }
    Ok(raw)
}

/// All the data of the body.
fn body(wanted: &ExplainArguments) -> Result<Option<Vec<u8>>, String> {
    if let Some(text) = &wanted.data_binary {
        return match text.strip_prefix('@') {
            Some(file) => read(std::path::Path::new(file)).map(Some),
            None => Ok(Some(text.as_bytes().to_vec())),
        };
    }
    let parts: Result<Vec<_>, _> = wanted.data.iter().map(|text| data(text)).collect();
    let parts = parts?;
    Ok((!parts.is_empty()).then(|| parts.join(&b"&"[..])))
}

/// `Name: value`, `Name:` (none is sent) or `Name;` (an empty one), as curl takes them.
fn field(text: &str) -> Result<(String, Option<String>), String> {
    if text.contains(['\r', '\n']) {
        return Err(format!("-H {text:?}: a header field is one line"));
    }
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (
            name,
            Some(value.trim().to_owned()).filter(|v| !v.is_empty()),
        ),
        None => match text.strip_suffix(';') {
            Some(name) => (name, Some(String::new())),
            None => {
                return Err(format!(
                    "-H \"{text}\" has no colon: expected NAME: VALUE, such as -H 'X-Real-IP: 203.0.113.9'"
                ));
            }
        },
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "-H \"{text}\": a name of a header field is one word, such as X-Real-IP"
        ));
    }
    Ok((name.to_owned(), value))
}

/// The data, or with `@` that of a file, its line ends taken out, as curl does.
fn data(text: &str) -> Result<Vec<u8>, String> {
    let Some(file) = text.strip_prefix('@') else {
        return Ok(text.as_bytes().to_vec());
    };
    let mut bytes = read(std::path::Path::new(file))?;
    bytes.retain(|b| !matches!(b, b'\r' | b'\n'));
    Ok(bytes)
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("{} cannot be read: {error}", file.display());
    let mut bytes = Vec::new();
    if file.as_os_str() == "-" {
        let mut input = std::io::stdin().lock().take(MOST);
        input.read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let mut input = std::fs::File::open(file).map_err(failed)?.take(MOST);
        input.read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 == MOST {
        return Err(format!(
            "{} is longer than 64 MiB: too long to explain",
            file.display()
        ));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let parts = |text| parse(text).map(|url| (url.authority.map(str::to_owned), url.target));
        let some = |a: &str, t: &str| Ok((Some(a.to_owned()), t.to_owned()));
        assert_eq!(parts("/a?b#c"), Ok((None, "/a?b".to_owned())));
        assert_eq!(
            parts("http://localhost:3000/a"),
            some("localhost:3000", "/a")
        );
        assert_eq!(parts("HTTP://h"), some("h", "/"));
        assert_eq!(parts("localhost:3000?x"), some("localhost:3000", "/?x"));
        assert_eq!(parts("http://u:p@h:1/"), some("h:1", "/"));
        for wrong in ["https://h/", "ftp://h/", "http:///x", "/a b", "", "http://"] {
            assert!(parts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn fields_are_taken_as_curl_does() {
        let value = |v: &str| Some(v.to_owned());
        assert_eq!(field("A: b: c"), Ok(("A".to_owned(), value("b: c"))));
        assert_eq!(field("A:"), Ok(("A".to_owned(), None)));
        assert_eq!(field("A;"), Ok(("A".to_owned(), value(""))));
        for wrong in ["A", ": b", "A b: c", "A: b\r\nC: d"] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_of_urls() {
        assert_eq!(split("h"), Ok((None, 80)));
        assert_eq!(split("[::1]:3000"), Ok(("::1".parse().ok(), 3000)));
        assert_eq!(split("127.0.0.1"), Ok(("127.0.0.1".parse().ok(), 80)));
        assert!(split("h:port").is_err());
    }
}
