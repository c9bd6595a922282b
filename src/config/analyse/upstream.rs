//! `upstream`, its `server`s and `keepalive`, and what a `proxy_pass` refers to.

use std::time::Duration;

use bytes::Bytes;

use super::frame::{Frame, UpstreamDraft};
use super::http::close_of;
use super::{Analyser, Outcome, duplicate, emerg, invalid_parameter, not_implemented, warn};
use crate::config::diagnostics::{Diagnostic, Place};
use crate::config::lexer::Word;
use crate::config::model::Peer;
use crate::config::names::nearest;
use crate::config::net::{self, Url, Want};
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::values;
use crate::config::written;

/// What to do where a name of another network's does not resolve.
pub const STUB: &str = "with `--stub-upstreams`, the demo backend answers in its place";

/// `upstream NAME { … }`
pub fn block(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = directive.arg().value.clone();
    let url = Url {
        host: name,
        no_port: true,
        ..Url::default()
    };
    let index = match analyser.add_upstream(directive, &url, true) {
        Ok(index) => index,
        Err(found) => {
            // A wrong name does not hide the mistakes in the block.
            analyser.report(found, directive.end);
            analyser.shared.upstreams.push(draft(directive, &url, true));
            analyser.shared.upstreams.len() - 1
        }
    };
    let mut frame = Frame::new(Contexts::UPS);
    frame.opened = Some(directive.name.span);
    frame.upstream = Some(index);
    let frame = analyser.block(directive, frame);
    let Some(upstream) = analyser.shared.upstreams.get_mut(index) else {
        return Ok(());
    };
    upstream.level = frame.level;
    // A block in which everything is wrong has been reported already.
    let tried = directive
        .block
        .iter()
        .flat_map(|block| &block.directives)
        .any(|inner| inner.name.is("server"));
    if upstream.peers.is_empty() && !tried {
        let close = close_of(directive);
        let found = Diagnostic::emerg("no servers are inside upstream")
            .line(close)
            .at(directive.name.span)
            .label("this upstream has no `server`")
            .help("add a line for each backend: `server 127.0.0.1:5000;`");
        analyser.report(found, close);
    }
    Ok(())
}

fn draft(directive: &Directive, url: &Url, explicit: bool) -> UpstreamDraft {
    UpstreamDraft {
        host: url.host.clone(),
        port: url.port,
        no_port: url.no_port,
        explicit,
        addresses: url.addresses.clone(),
        peers: Vec::new(),
        level: super::frame::Level::default(),
        keepalive: None,
        span: directive.arg().span,
        end: directive.end,
    }
}

impl Analyser {
    /// The upstream that a URL names: a block's by name, else one of its own.
    pub fn upstream_of(
        &mut self,
        directive: &Directive,
        text: Bytes,
        want: Want,
    ) -> Result<(usize, Url), Diagnostic> {
        let url = net::parse(&text, want).map_err(|reason| {
            let shown = written::shown(&text).into_owned();
            emerg(directive, format!("{reason} in upstream \"{shown}\""))
                .at(directive.arg().span)
                .label("expected a host, with a port if need be: `http://127.0.0.1:5000`")
        })?;
        let index = self.add_upstream(directive, &url, false)?;
        Ok((index, url))
    }

    /// nginx's `ngx_http_upstream_add`.
    fn add_upstream(
        &mut self,
        directive: &Directive,
        url: &Url,
        create: bool,
    ) -> Result<usize, Diagnostic> {
        let host = written::shown(&url.host).into_owned();
        for (index, known) in self.shared.upstreams.iter_mut().enumerate() {
            if !known.host.eq_ignore_ascii_case(&url.host) {
                continue;
            }
            let span = directive.arg().span;
            if create && known.explicit {
                return Err(emerg(directive, format!("duplicate upstream \"{host}\""))
                    .at(span)
                    .note(known.span, "first given here"));
            }
            if known.explicit && !url.no_port {
                return Err(emerg(
                    directive,
                    format!("upstream \"{host}\" may not have port {}", url.port),
                )
                .at(span)
                .label("this names an `upstream` block: its servers have the ports")
                .note(known.span, "the block"));
            }
            if create && !known.no_port {
                let message = format!("upstream \"{host}\" may not have port {}", known.port);
                let mut found = emerg(directive, message)
                    .at(known.span)
                    .label("this names an `upstream` block: its servers have the ports")
                    .note(span, "the block");
                found.place = Place::Line {
                    file: known.end.file,
                    line: known.end.line,
                };
                return Err(found);
            }
            if known.port != 0 && url.port != 0 && known.port != url.port {
                continue;
            }
            if create {
                known.explicit = true;
                known.port = 0;
            }
            return Ok(index);
        }
        self.shared.upstreams.push(draft(directive, url, create));
        Ok(self.shared.upstreams.len() - 1)
    }
}

/// `server ADDRESS [PARAMETERS]` in an upstream
pub fn server(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let word = directive.arg();
    let mut peer = Peer {
        name: String::new(),
        address: crate::config::model::ListenAddress::Unix(std::path::PathBuf::new()),
        weight: 1,
        max_fails: 1,
        fail_timeout: Duration::from_secs(10),
        backup: false,
        down: false,
        stands_for: None,
        span: word.span,
    };
    for word in directive.args.iter().skip(1) {
        peer_parameter(directive, word, &mut peer)?;
    }
    let want = Want {
        default_port: 80,
        ..Want::default()
    };
    let stub = analyser.stub.filter(|_| {
        let read = net::parse(&word.value, want);
        read.is_err_and(|reason| reason == "host not found")
    });
    if let Some(address) = stub {
        let found = warn(
            directive,
            format!("host not found in upstream \"{}\"", word.text()),
        );
        let found = found
            .at(word.span)
            .label(format!("{address}, the demo backend, answers in its place"));
        analyser.report(found, directive.end);
        peer.stands_for = Some(word.text().into_owned());
    }
    let text = match stub {
        Some(address) => Bytes::from(address.to_string()),
        None => word.value.clone(),
    };
    let foreign = analyser.paths.foreign;
    let url = net::parse(&text, want).map_err(|reason| no_address(directive, reason, foreign))?;
    let Some(index) = analyser.frame().upstream else {
        return Ok(());
    };
    if let Some(upstream) = analyser.shared.upstreams.get_mut(index) {
        for (address, name) in url.addresses {
            upstream.peers.push(Peer {
                name,
                address,
                ..peer.clone()
            });
        }
    }
    Ok(())
}

/// One word behind the address.
fn peer_parameter(directive: &Directive, word: &Word, peer: &mut Peer) -> Outcome {
    let value = |prefix: &str| word.value.strip_prefix(prefix.as_bytes());
    let small = |text| values::number(text).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let invalid = || invalid_parameter(directive, word);
    if let Some(text) = value("weight=") {
        peer.weight = small(text).filter(|&n| n > 0).ok_or_else(invalid)?;
    } else if let Some(text) = value("max_conns=") {
        if small(text).ok_or_else(invalid)? > 0 {
            return Err(
                not_implemented(directive, word.span, "the parameter \"max_conns\"")
                    .help("without it, the rest is served, and no connections are counted"),
            );
        }
    } else if let Some(text) = value("max_fails=") {
        peer.max_fails = small(text).ok_or_else(invalid)?;
    } else if let Some(text) = value("fail_timeout=") {
        peer.fail_timeout = values::sec(text).ok_or_else(invalid)?;
    } else if word.is("backup") {
        peer.backup = true;
    } else if word.is("down") {
        peer.down = true;
    } else {
        const KNOWN: [&str; 6] = [
            "weight",
            "max_conns",
            "max_fails",
            "fail_timeout",
            "backup",
            "down",
        ];
        let text = word.text();
        let name = text.split('=').next().unwrap_or_default();
        return Err(match nearest(name, KNOWN) {
            Some(guess) if guess != name => invalid().help(format!("did you mean `{guess}`?")),
            _ => invalid(),
        });
    }
    Ok(())
}

/// What is said of a server whose address is none.
fn no_address(directive: &Directive, reason: &str, foreign: bool) -> Diagnostic {
    let word = directive.arg();
    let message = format!("{reason} in upstream \"{}\"", word.text());
    let found = emerg(directive, message).at(word.span);
    if word.value.starts_with(b"http://") || word.value.starts_with(b"https://") {
        let text = word.text();
        let bare = text.splitn(2, "//").last().unwrap_or_default();
        return found
            .label("an address has no scheme: `proxy_pass` gives it")
            .help(format!("write `server {};`", bare.trim_end_matches('/')));
    }
    match reason {
        "host not found" if foreign => found.label("this name has no address").help(STUB),
        "host not found" => found.label("this name has no address"),
        _ => found.label("expected a host, with a port if need be: `127.0.0.1:5000`"),
    }
}

/// `keepalive CONNECTIONS`
pub fn keepalive(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let Some(index) = analyser.frame().upstream else {
        return Ok(());
    };
    let Some(upstream) = analyser.shared.upstreams.get_mut(index) else {
        return Ok(());
    };
    if let Some((_, first)) = upstream.keepalive {
        return Err(duplicate(directive, Some(first)));
    }
    let word = directive.arg();
    let number = values::number(&word.value)
        .filter(|&n| n > 0)
        .ok_or_else(|| {
            let message = format!(
                "invalid value \"{}\" in \"keepalive\" directive",
                word.text()
            );
            emerg(directive, message)
                .at(word.span)
                .label("expected a number of idle connections to keep")
        })?;
    upstream.keepalive = Some((number, directive.name.span));
    Ok(())
}
