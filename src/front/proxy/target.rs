//! Where a `proxy_pass` leads for one request: known at load time, or made of variables.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{ListenAddress, LogLevel, Peer, ProxyTarget, Upstream};
use crate::front::request::Request;
use crate::front::{log, variables};

use super::head::{self, Target};

/// The upstream and URI of this request; also sets `$proxy_host` and `$proxy_port`.
///
/// # Errors
/// The status to answer with where variables give no usable URL.
pub fn resolve(r: &mut Request) -> Result<Target, u16> {
    let location = r.location.clone();
    let Some(pass) = &location.proxy.pass else {
        return Err(500);
    };
    if let Some((target, host, port)) = head::literal(&pass.target) {
        r.proxy_host = host.clone();
        r.proxy_port = port.clone();
        return Ok(target);
    }
    let ProxyTarget::Dynamic(template) = &pass.target else {
        return Err(500);
    };
    let url = variables::evaluate(template, r);
    dynamic(r, &url)
}

/// Reads a URL that variables made: a known upstream's name, or an address in numbers.
fn dynamic(r: &mut Request, url: &Bytes) -> Result<Target, u16> {
    let shown = String::from_utf8_lossy(url).into_owned();
    let Some(rest) = url
        .get(..7)
        .filter(|s| s.eq_ignore_ascii_case(b"http://"))
        .map(|_| url.slice(7..))
    else {
        log::error(
            r,
            LogLevel::Error,
            &format!("invalid URL prefix in \"{shown}\""),
        );
        return Err(500);
    };
    let end = rest
        .iter()
        .position(|&b| b == b'/' || b == b'?')
        .unwrap_or(rest.len());
    let (host, uri) = (rest.slice(..end), rest.slice(end..));
    let name = String::from_utf8_lossy(&host).into_owned();
    r.proxy_host = host.clone();
    r.proxy_port = Bytes::copy_from_slice(
        name.rsplit_once(':')
            .map_or("80", |(_, port)| port)
            .as_bytes(),
    );
    let uri = match uri.first() {
        None => None,
        Some(b'?') => Some(Bytes::from([b"/", &uri[..]].concat())),
        Some(_) => Some(uri),
    };
    let upstream = match r.model.upstreams.iter().find(|u| u.name == name) {
        Some(upstream) => upstream.clone(),
        None => numeric(r, &name)?,
    };
    let whole = uri.is_some();
    Ok(Target {
        upstream,
        uri,
        location_len: 0,
        whole,
    })
}

/// An upstream of one address.
fn numeric(r: &Request, name: &str) -> Result<Arc<Upstream>, u16> {
    let with_port = if name.parse::<std::net::IpAddr>().is_ok() {
        format!("{name}:80")
    } else {
        name.to_owned()
    };
    let Ok(address) = with_port.parse::<SocketAddr>() else {
        let host = name.split(':').next().unwrap_or(name);
        log::error(
            r,
            LogLevel::Error,
            &format!("no resolver defined to resolve {host}"),
        );
        return Err(502);
    };
    let span = r.location.span;
    let peer = Peer {
        name: address.to_string(),
        address: ListenAddress::Inet(address),
        weight: 1,
        max_fails: 1,
        fail_timeout: std::time::Duration::from_secs(10),
        backup: false,
        down: false,
        span,
    };
    Ok(Arc::new(Upstream {
        id: usize::MAX,
        name: name.to_owned(),
        implicit: true,
        peers: vec![peer],
        keepalive: None,
        span,
    }))
}
