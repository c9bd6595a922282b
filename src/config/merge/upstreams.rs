//! Upstreams: names are resolved here, when all blocks are known, as in nginx.

use std::sync::Arc;
use std::time::Duration;

use super::Merge;
use crate::config::analyse::chain::{Set, Value};
use crate::config::analyse::frame::UpstreamDraft;
use crate::config::analyse::http::RANK_UPSTREAM;
use crate::config::analyse::upstream::STUB;
use crate::config::diagnostics::{Diagnostic, Place, Severity};
use crate::config::model::{Keepalive, ListenAddress, Peer, Upstream};
use crate::config::names::nearest;
use crate::config::net;
use crate::config::written;

/// Why a name's address matters.
const LOOKED_UP: &str =
    "nginx looks names up when it starts: is the name right, and is its machine known here?";

impl Merge<'_> {
    pub fn upstreams(&mut self) -> Vec<Arc<Upstream>> {
        let drafts = std::mem::take(&mut self.analyser.shared.upstreams);
        let blocks = drafts.iter().filter(|draft| draft.explicit);
        let blocks: Vec<String> = blocks
            .map(|draft| written::shown(&draft.host).into_owned())
            .collect();
        drafts
            .into_iter()
            .enumerate()
            .map(|(id, draft)| Arc::new(self.upstream(id, draft, &blocks)))
            .collect()
    }

    fn upstream(&mut self, id: usize, mut draft: UpstreamDraft, blocks: &[String]) -> Upstream {
        let name = written::shown(&draft.host).into_owned();
        let mut peers = std::mem::take(&mut draft.peers);
        if draft.explicit {
            if !peers.is_empty() && peers.iter().all(|peer| peer.backup) {
                let found = self.of(&draft, &format!("no servers in upstream \"{name}\""));
                self.report(RANK_UPSTREAM, found.label("all its servers are `backup`"));
            }
        } else {
            peers = self.implicit_peers(&draft, &name, blocks);
        }
        let shown = if draft.explicit || draft.port == 0 || draft.no_port {
            name
        } else {
            format!("{name}:{}", draft.port)
        };
        Upstream {
            id,
            name: written::legible(&shown),
            host: draft.host.clone(),
            port: draft.port,
            implicit: !draft.explicit,
            peers,
            keepalive: keepalive(&draft),
            span: draft.span,
        }
    }

    /// A finding with the line where the upstream is first named.
    fn of(&self, draft: &UpstreamDraft, message: &str) -> Diagnostic {
        let mut found = Diagnostic::emerg(message).at(draft.span);
        found.place = Place::Line {
            file: draft.end.file,
            line: draft.end.line,
        };
        found
    }

    /// `blocks` are the names of the file's own `upstream` blocks.
    fn implicit_peers(
        &mut self,
        draft: &UpstreamDraft,
        name: &str,
        blocks: &[String],
    ) -> Vec<Peer> {
        let mut addresses = draft.addresses.clone();
        let mut stands_for = None;
        if addresses.is_empty() {
            match net::resolve(&draft.host) {
                Ok(found) => addresses.extend(found.into_iter().map(|ip| {
                    let address = std::net::SocketAddr::new(ip, draft.port);
                    (ListenAddress::Inet(address), address.to_string())
                })),
                Err(reason) if self.analyser.stub.is_some() => {
                    let shown = format!("{name}:{}", draft.port);
                    if let Some(stub) = self.analyser.stub {
                        let mut found = self.of(draft, &format!("{reason} in upstream \"{name}\""));
                        found.severity = Severity::Warn;
                        let found =
                            found.label(format!("{stub}, the demo backend, answers in its place"));
                        self.report(RANK_UPSTREAM, found);
                        addresses.push((ListenAddress::Inet(stub), stub.to_string()));
                    }
                    stands_for = Some(written::legible(&shown));
                }
                // A block of this name takes no port, and that was said.
                Err(_) if blocks.iter().any(|block| block == name) => {}
                Err(reason) => {
                    let found = self
                        .of(draft, &format!("{reason} in upstream \"{name}\""))
                        .label("no `upstream` block has this name, and no machine answers to it");
                    let found = match nearest(name, blocks.iter().map(String::as_str)) {
                        Some(guess) => found.help(format!("did you mean the `upstream {guess}`?")),
                        None if self.analyser.paths.foreign => found.help(LOOKED_UP).help(STUB),
                        None => found.help(LOOKED_UP),
                    };
                    self.report(RANK_UPSTREAM, found);
                }
            }
        }
        let peer = |(address, name)| Peer {
            name,
            address,
            weight: 1,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            backup: false,
            down: false,
            stands_for: stands_for.clone(),
            span: draft.span,
        };
        addresses.into_iter().map(peer).collect()
    }
}

fn keepalive(draft: &UpstreamDraft) -> Option<Keepalive> {
    let (connections, _) = draft.keepalive?;
    let time = |name: &str, default: u64| match draft.level.values.get(name) {
        Some(Set {
            value: Value::Time(time),
            ..
        }) => *time,
        _ => Duration::from_secs(default),
    };
    let requests = match draft.level.values.get("keepalive_requests") {
        Some(Set {
            value: Value::Number(number),
            ..
        }) => *number,
        _ => 1000,
    };
    Some(Keepalive {
        connections: usize::try_from(connections).unwrap_or(usize::MAX),
        requests,
        time: time("keepalive_time", 3600),
        timeout: time("keepalive_timeout", 60),
    })
}
