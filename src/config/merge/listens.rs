//! Addresses with their servers and tables of names.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::Merge;
use crate::config::analyse::frame::{ListenDraft, NameDraft};
use crate::config::analyse::http::RANK_NAMES;
use crate::config::diagnostics::Diagnostic;
use crate::config::hash::Bounds;
use crate::config::model::{Listen, ListenAddress, Server, ServerNames};
use crate::config::written;

/// The names of a server, and whether the last regex among them has groups.
type Names = (Vec<NameDraft>, bool);

impl Merge<'_> {
    pub fn listens(
        &mut self,
        servers: &[Arc<Server>],
        names: &[Names],
        bounds: &Bounds,
    ) -> Vec<Listen> {
        let drafts = in_nginxs_order(std::mem::take(&mut self.analyser.shared.listens));
        // A wildcard's socket takes the connections of every other address of its port that asks for no socket of its own.
        let wildcards: HashSet<_> = drafts
            .iter()
            .filter(|draft| draft.options.wildcard)
            .filter_map(|draft| port(&draft.address))
            .collect();
        let mut listens = Vec::new();
        for draft in drafts {
            let taken = !draft.options.wildcard && !draft.bind;
            let bound =
                !(taken && port(&draft.address).is_some_and(|port| wildcards.contains(&port)));
            let looked_at = |listen: &Listen| {
                let default = names.get(listen.default_server.id);
                listen.servers.len() > 1 || default.is_some_and(|(_, captures)| *captures)
            };
            let listen = self.listen(draft, bound, servers, names);
            if let Some(listen) = listen.as_ref().filter(|listen| looked_at(listen)) {
                let names = &listen.names.exact;
                let found = bounds.check(names.keys().map(|name| &name[..]));
                if let Some(found) = found.filter(|_| !names.is_empty()) {
                    self.report_each(RANK_NAMES, found.at(listen.span));
                }
            }
            listens.extend(listen);
        }
        listens
    }

    fn listen(
        &mut self,
        draft: ListenDraft,
        bound: bool,
        servers: &[Arc<Server>],
        names: &[Names],
    ) -> Option<Listen> {
        let default = draft
            .default_server
            .map(|(id, _)| id)
            .or(draft.servers.first().map(|(id, _)| *id))?;
        let default_server = servers.get(default)?.clone();
        let behind: Vec<_> = draft
            .servers
            .iter()
            .filter_map(|(id, _)| servers.get(*id).cloned())
            .collect();
        // nginx looks at names only where there is something to choose.
        let looked_at =
            behind.len() > 1 || names.get(default).is_some_and(|(_, captures)| *captures);
        let mut table = Table {
            names: ServerNames::default(),
            text: &draft.text,
            looked_at,
        };
        for server in &behind {
            let Some((own, _)) = names.get(server.id) else {
                continue;
            };
            if own.is_empty() {
                self.add_name(&mut table, &Bytes::new(), None, server);
            }
            for name in own {
                match &name.regex {
                    // Tried in vain, a pattern would still leave its captures, or run away.
                    Some(_) if !looked_at => {}
                    Some(regex) => table.names.regexes.push((regex.clone(), server.clone())),
                    None => self.add_name(&mut table, &name.name, Some(name), server),
                }
            }
        }
        table
            .names
            .leading
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        table
            .names
            .trailing
            .sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let heads_differ = behind.iter().any(|s| s.head != default_server.head);
        Some(Listen {
            address: draft.address,
            options: draft.options,
            bound,
            default_server,
            names: table.names,
            servers: behind,
            heads_differ,
            span: draft.span,
        })
    }

    /// nginx's rules for names and wildcards; the first server that gives a name has it.
    fn add_name(
        &mut self,
        table: &mut Table<'_>,
        name: &Bytes,
        draft: Option<&NameDraft>,
        server: &Arc<Server>,
    ) {
        let added = table.add(name, server);
        if !table.looked_at {
            return;
        }
        let shown = written::shown(name);
        let found = match added {
            Added::New => return,
            Added::Known => {
                let message = format!(
                    "conflicting server name \"{shown}\" on {}, ignored",
                    table.text
                );
                Diagnostic::warn(message)
                    .label("another server of this address has this name already: it answers")
            }
            Added::Invalid => {
                let message = format!(
                    "invalid server name or wildcard \"{shown}\" on {}",
                    table.text
                );
                Diagnostic::emerg(message)
                    .label("a `*` may stand at the beginning or the end only, for whole labels")
            }
        };
        let found = match draft {
            Some(draft) => found.at(draft.word.span),
            None => found.at(server.span),
        };
        self.report_each(RANK_NAMES, found);
    }
}

struct Table<'a> {
    names: ServerNames,
    /// nginx's text of the address.
    text: &'a str,
    looked_at: bool,
}

enum Added {
    New,
    Known,
    Invalid,
}

impl Table<'_> {
    fn add(&mut self, name: &Bytes, server: &Arc<Server>) -> Added {
        let stars = name.iter().filter(|&&b| b == b'*').count();
        if stars > 1 || name.windows(2).any(|pair| pair == b"..") || name.contains(&0) {
            return Added::Invalid;
        }
        let put = |list: &mut Vec<(Bytes, Arc<Server>)>, name: Bytes| {
            if list.iter().any(|(known, _)| *known == name) {
                return Added::Known;
            }
            list.push((name, server.clone()));
            Added::New
        };
        if name.len() > 1 && name.starts_with(b".") {
            if self.names.exact.contains_key(&name[1..]) {
                return Added::Known;
            }
            self.names.exact.insert(name.slice(1..), server.clone());
            return put(&mut self.names.leading, name.clone());
        }
        if name.len() > 2 && name.starts_with(b"*.") {
            return put(&mut self.names.leading, name.slice(1..));
        }
        if name.len() > 2 && name.ends_with(b".*") {
            return put(&mut self.names.trailing, name.slice(..name.len() - 1));
        }
        if stars > 0 {
            return Added::Invalid;
        }
        if self.names.exact.contains_key(name) {
            return Added::Known;
        }
        self.names.exact.insert(name.clone(), server.clone());
        Added::New
    }
}

/// Ports as they first come in the file; of each, addresses with options of a socket before others, the wildcard last
/// (`ngx_http_cmp_conf_addrs`). So nginx looks at names, and so it binds.
fn in_nginxs_order(drafts: Vec<ListenDraft>) -> Vec<ListenDraft> {
    let mut ports = Vec::new();
    let mut ordered: Vec<_> = drafts
        .into_iter()
        .map(|draft| {
            let port = port(&draft.address);
            let turn = ports.iter().position(|known| *known == port);
            let turn = turn.unwrap_or_else(|| {
                ports.push(port);
                ports.len() - 1
            });
            ((turn, draft.options.wildcard, !draft.bind), draft)
        })
        .collect();
    ordered.sort_by_key(|(key, _)| *key);
    ordered.into_iter().map(|(_, draft)| draft).collect()
}

fn port(address: &ListenAddress) -> Option<(bool, u16)> {
    match address {
        ListenAddress::Inet(address) => Some((address.is_ipv6(), address.port())),
        ListenAddress::Unix(_) => None,
    }
}
