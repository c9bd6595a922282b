//! Where a `proxy_pass` leads for one request: known at load time, or made of variables.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{ListenAddress, LogLevel, Peer, ProxyTarget, Upstream};
use crate::config::net::{self, Want};
use crate::config::written::shown;
use crate::front::request::Request;
use crate::front::{log, variables};

use super::head::Target;

/// Who is to be asked.
pub enum Whom {
    Upstream(Arc<Upstream>),
    /// A name that no upstream has: its addresses must be asked for.
    Name {
        host: Bytes,
        port: u16,
    },
}

/// The upstream and URI of this request; also sets `$proxy_host` and `$proxy_port`.
///
/// # Errors
/// The status to answer with where variables give no usable URL.
pub fn resolve(r: &mut Request) -> Result<(Whom, Target), u16> {
    let location = r.location.clone();
    let Some(pass) = &location.proxy.pass else {
        return Err(500);
    };
    match &pass.target {
        ProxyTarget::Literal {
            upstream,
            host,
            port,
            uri,
            location_len,
        } => {
            r.proxy_host = Some(host.clone());
            r.proxy_port = Some(port.clone());
            let target = Target {
                uri: uri.clone(),
                location_len: *location_len,
                whole: false,
            };
            Ok((Whom::Upstream(upstream.clone()), target))
        }
        ProxyTarget::Dynamic(template) => {
            let url = variables::evaluate(template, r);
            dynamic(r, &url)
        }
    }
}

/// Reads a URL that variables made.
fn dynamic(r: &mut Request, url: &Bytes) -> Result<(Whom, Target), u16> {
    // They are there, and empty, until the URL says what they are.
    r.proxy_host = Some(Bytes::new());
    r.proxy_port = Some(Bytes::new());
    let refuse = |r: &Request, message: String| {
        log::error(r, LogLevel::Error, &message);
        Err(500)
    };
    let begins = |scheme: &str| {
        url.len() > scheme.len()
            && url
                .get(..scheme.len())
                .is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    if begins("https://") {
        return refuse(r, "https protocol requires SSL support".to_owned());
    }
    if !begins("http://") {
        return refuse(r, format!("invalid URL prefix in \"{}\"", shown(url)));
    }
    let rest = url.slice(7..);
    let want = Want {
        uri: true,
        no_resolve: true,
        default_port: 80,
        ..Want::default()
    };
    let read = match net::parse(&rest, want) {
        Ok(read) => read,
        Err(reason) => {
            return refuse(r, format!("{reason} in upstream \"{}\"", shown(&rest)));
        }
    };
    let (host, port) = read.shown();
    (r.proxy_host, r.proxy_port) = (Some(host), Some(port));
    let uri = match read.uri.first() {
        None => None,
        Some(b'?') => Some(Bytes::from([b"/", &read.uri[..]].concat())),
        Some(_) => Some(read.uri.clone()),
    };
    let target = Target {
        whole: uri.is_some(),
        uri,
        location_len: 0,
    };
    let known = r.model.upstreams.iter().find(|upstream| {
        upstream.host.eq_ignore_ascii_case(&read.host)
            && (upstream.port == read.port || upstream.port == 0 && read.no_port)
    });
    let whom = match (known, read.addresses.into_iter().next()) {
        (Some(upstream), _) => Whom::Upstream(upstream.clone()),
        (None, Some(address)) => Whom::Upstream(made(r, &read.host, vec![address], None)),
        (None, None) => Whom::Name {
            host: read.host,
            port: read.port,
        },
    };
    Ok((whom, target))
}

/// The upstream of addresses that were found for a name.
pub fn found(r: &Request, host: &Bytes, addresses: Vec<SocketAddr>) -> Arc<Upstream> {
    let named = |address: SocketAddr| (ListenAddress::Inet(address), address.to_string());
    made(r, host, addresses.into_iter().map(named).collect(), None)
}

/// The upstream of the demo backend's address, for a name that has none.
pub fn standing_for(r: &Request, host: &Bytes, name: String, stub: SocketAddr) -> Arc<Upstream> {
    let address = (ListenAddress::Inet(stub), stub.to_string());
    made(r, host, vec![address], Some(name))
}

/// An upstream for one request; nothing is remembered of how its peers do.
fn made(
    r: &Request,
    host: &Bytes,
    addresses: Vec<(ListenAddress, String)>,
    stands_for: Option<String>,
) -> Arc<Upstream> {
    let span = r.location.span;
    let peer = |(address, name)| Peer {
        name,
        address,
        weight: 1,
        max_fails: 1,
        fail_timeout: std::time::Duration::from_secs(10),
        backup: false,
        down: false,
        stands_for: stands_for.clone(),
        span,
    };
    Arc::new(Upstream {
        id: Upstream::MADE,
        name: String::from_utf8_lossy(host).into_owned(),
        host: host.clone(),
        port: 0,
        implicit: true,
        peers: addresses.into_iter().map(peer).collect(),
        keepalive: None,
        span,
    })
}
