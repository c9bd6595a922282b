//! `listen`: its parameters, and the address that servers share.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::frame::ListenDraft;
use super::{Analyser, Outcome, emerg, invalid_parameter, not_implemented};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{ListenAddress, ListenOptions, TcpKeepalive};
use crate::config::names::nearest;
use crate::config::net::{self, Want};
use crate::config::parser::Directive;
use crate::config::source::Span;
use crate::config::values;
use crate::config::written;

/// `NGX_LISTEN_BACKLOG` of Linux.
const BACKLOG: u32 = 511;

/// The parameters of a `listen`.
#[derive(Clone)]
struct Asked {
    default_server: Option<Span>,
    set: bool,
    options: ListenOptions,
    /// Something that nginx takes no notice of.
    ignored: Option<Diagnostic>,
    /// What the lab does not implement.
    refused: Vec<Diagnostic>,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            default_server: None,
            set: false,
            ignored: None,
            refused: Vec::new(),
            options: ListenOptions {
                backlog: BACKLOG,
                reuseport: false,
                ipv6only: true,
                wildcard: false,
                rcvbuf: None,
                sndbuf: None,
                keepalive: None,
            },
        }
    }
}

/// `listen ADDRESS [PARAMETERS]`
pub fn listen(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let Some(server) = &mut analyser.frame().server else {
        return Ok(());
    };
    server.listens = true;
    let id = server.id;
    let word = directive.arg();
    let want = Want {
        listen: true,
        default_port: 80,
        ..Want::default()
    };
    let url = net::parse(&word.value, want).map_err(|reason| {
        let found = emerg(directive, format!("{reason} in \"{}\" of the \"listen\" directive", word.text()));
        if reason == "invalid port" {
            return found.at(word.span).label("a port is a number from 1 to 65535");
        }
        found
            .at(word.span)
            .label("expected a port, an address, or both: `3000`, `127.0.0.1:3000`, `[::1]:3000`, `unix:/path`")
    })?;
    let mut asked = Asked::default();
    for word in directive.args.iter().skip(1) {
        parameter(directive, word, &mut asked)?;
    }
    let told = asked.refused.drain(..).chain(asked.ignored.take());
    for found in told {
        analyser.report(found, directive.end);
    }
    for (address, _) in url.addresses {
        analyser.add_listen(directive, id, address, &asked, word.span)?;
    }
    Ok(())
}

/// Where a server without a `listen` listens: port 80, or 8000 for an ordinary user.
pub(super) fn by_default(analyser: &mut Analyser, server: usize, close: &Directive) -> Outcome {
    let port = match rustix::process::getuid().is_root() {
        true => 80,
        false => 8000,
    };
    let address = ListenAddress::Inet(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port));
    analyser.add_listen(close, server, address, &Asked::default(), close.name.span)
}

/// One word behind the address.
fn parameter(directive: &Directive, word: &Word, asked: &mut Asked) -> Outcome {
    if word.is("default_server") || word.is("default") {
        asked.default_server = Some(word.span);
        return Ok(());
    }
    if word.value.starts_with(b"accept_filter=") {
        let message = format!(
            "accept filters \"{}\" are not supported on this platform, ignored",
            word.text()
        );
        asked.ignored = Some(Diagnostic {
            // nginx calls it an emergency, and goes on.
            goes_on: true,
            ..emerg(directive, message).at(word.span)
        });
        return Ok(());
    }
    if word.is("ssl") || word.is("http2") || word.is("proxy_protocol") {
        let what = format!("the parameter \"{}\" of \"listen\"", word.text());
        let found = not_implemented(directive, word.span, &what).help(match &*word.value {
            b"ssl" => {
                "without the word, the server answers in plain HTTP; lines of `ssl_…` may stay"
            }
            b"http2" => "without the word, the server answers in HTTP/1.1",
            _ => "without the word, no PROXY header is expected",
        });
        asked.refused.push(found);
        return Ok(());
    }
    socket_option(directive, word, &mut asked.options)?;
    asked.set = true;
    Ok(())
}

/// A word that concerns the socket.
fn socket_option(directive: &Directive, word: &Word, options: &mut ListenOptions) -> Outcome {
    let text = &word.value;
    let invalid = |what: &str| {
        Err(emerg(directive, format!("invalid {what} \"{}\"", word.text())).at(word.span))
    };
    if let Some(rest) = text.strip_prefix(b"backlog=") {
        match values::number(rest).and_then(|n| u32::try_from(n).ok()) {
            Some(backlog @ 1..) => options.backlog = backlog,
            _ => return invalid("backlog"),
        }
    } else if let Some(rest) = text.strip_prefix(b"ipv6only=o") {
        options.ipv6only = match rest {
            b"n" => true,
            b"ff" => false,
            rest => {
                let flags = written::shown(rest).into_owned();
                return Err(
                    emerg(directive, format!("invalid ipv6only flags \"o{flags}\"")).at(word.span),
                );
            }
        };
    } else if word.is("reuseport") {
        options.reuseport = true;
    } else if let Some(rest) = text.strip_prefix(b"rcvbuf=") {
        match values::size(rest).map(usize::try_from) {
            Some(Ok(size)) => options.rcvbuf = Some(size),
            _ => return invalid("rcvbuf"),
        }
    } else if let Some(rest) = text.strip_prefix(b"sndbuf=") {
        match values::size(rest).map(usize::try_from) {
            Some(Ok(size)) => options.sndbuf = Some(size),
            _ => return invalid("sndbuf"),
        }
    } else if let Some(rest) = text.strip_prefix(b"fastopen=") {
        if values::number(rest).is_none() {
            return invalid("fastopen");
        }
    } else if let Some(rest) = text.strip_prefix(b"so_keepalive=") {
        let keepalive = keepalive(rest).ok_or_else(|| {
            let value = written::shown(rest).into_owned();
            let message = format!("invalid so_keepalive value: \"{value}\"");
            emerg(directive, message).at(word.span)
        })?;
        options.keepalive = Some(keepalive);
    } else if !word.is("bind") && !word.is("deferred") {
        return Err(unknown_parameter(directive, word));
    }
    Ok(())
}

fn unknown_parameter(directive: &Directive, word: &Word) -> Diagnostic {
    const KNOWN: [&str; 6] = [
        "default_server",
        "backlog",
        "reuseport",
        "ipv6only",
        "so_keepalive",
        "deferred",
    ];
    invalid_parameter(directive, word).did_you_mean(nearest(&word.text(), KNOWN))
}

/// `on`, `off` or `IDLE:INTERVAL:COUNT` with at least one of the three.
fn keepalive(text: &[u8]) -> Option<TcpKeepalive> {
    let mut read = TcpKeepalive {
        on: text != b"off",
        ..TcpKeepalive::default()
    };
    if text == b"on" || text == b"off" {
        return Some(read);
    }
    let mut parts = text.splitn(3, |&b| b == b':');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (idle, interval, count) = (next(), next(), next());
    if let Some(text) = idle {
        read.idle = Some(values::sec(text)?).filter(|time| !time.is_zero());
    }
    if let Some(text) = interval {
        read.interval = Some(values::sec(text)?).filter(|time| !time.is_zero());
    }
    if let Some(text) = count {
        let count = u32::try_from(values::number(text)?).ok()?;
        read.count = Some(count).filter(|&count| count > 0);
    }
    let some = read.idle.is_some() || read.interval.is_some() || read.count.is_some();
    some.then_some(read)
}

impl Analyser {
    /// Adds a server to an address, as nginx's `ngx_http_add_listen`.
    fn add_listen(
        &mut self,
        directive: &Directive,
        server: usize,
        address: ListenAddress,
        asked: &Asked,
        span: Span,
    ) -> Outcome {
        let text = net::text(&address);
        let wildcard = matches!(&address, ListenAddress::Inet(a) if a.ip().is_unspecified());
        let options = ListenOptions {
            wildcard,
            ..asked.options.clone()
        };
        let Some(known) = self
            .shared
            .listens
            .iter_mut()
            .find(|known| known.address == address)
        else {
            self.shared.listens.push(ListenDraft {
                address,
                text,
                options,
                set: asked.set.then_some(span),
                bind: asked.set,
                default_server: asked.default_server.map(|span| (server, span)),
                servers: vec![(server, span)],
                span,
            });
            return Ok(());
        };
        if let Some((_, first)) = known.servers.iter().find(|(id, _)| *id == server) {
            return Err(emerg(directive, format!("a duplicate listen {text}"))
                .at(span)
                .label("this server listens there already")
                .note(*first, "first here"));
        }
        known.servers.push((server, span));
        if asked.set {
            if let Some(first) = known.set {
                return Err(emerg(directive, format!("duplicate listen options for {text}"))
                    .at(span)
                    .label("options of a socket are given once, in any one of the servers that share it")
                    .note(first, "first here"));
            }
            known.set = Some(span);
            known.bind = true;
            known.options = options;
        }
        if let Some(place) = asked.default_server {
            if let Some((_, first)) = known.default_server {
                return Err(
                    emerg(directive, format!("a duplicate default server for {text}"))
                        .at(place)
                        .label("only one server can be the default of an address")
                        .note(first, "first here"),
                );
            }
            known.default_server = Some((server, place));
        }
        Ok(())
    }
}
