//! Drafts to the model: nginx's merging of `http`, `server`, `location` and nested ones, then names, listens and upstreams.

mod browser;
mod core;
mod duplicates;
mod filters;
mod level;
mod listens;
mod lost;
mod modules;
mod proxy;
mod proxy_headers;
mod proxy_rules;
mod tables;
mod upstreams;

use std::sync::Arc;

use bytes::Bytes;

use super::analyse::Analyser;
use super::analyse::chain::Chain;
use super::analyse::frame::{
    HttpDraft, Level, LocationDraft, LocationHead, NameDraft, RewriteDraft, ServerDraft,
};
use super::analyse::http::{RANK_CORE, RANK_LOCATIONS};
use super::diagnostics::{Diagnostic, Order};
use super::model::{
    Handler, HeadSettings, If, LimitExcept, Listen, Location, LocationKind, Locations, LogFormat,
    RewriteStep, Server, Upstream,
};
use super::quick_map::QuickMap;
use super::regex::Regex;
use super::source::Span;
use super::tree::PrefixTree;
pub use core::error_logs;
use duplicates::duplicates;
use level::{Outer, Parts};

/// What `http` becomes.
pub struct Merged {
    pub listens: Vec<Listen>,
    pub servers: Vec<Arc<Server>>,
    pub upstreams: Vec<Arc<Upstream>>,
}

/// The state of the merge.
struct Merge<'a> {
    analyser: &'a mut Analyser,
    upstreams: Vec<Arc<Upstream>>,
    combined: Arc<LogFormat>,
    /// `http` says nothing about access logs.
    default_log: bool,
    /// The names of the server that is being merged, those that are patterns with theirs.
    server_names: Vec<(Bytes, Option<Arc<Regex>>)>,
    /// The end of `http`, for findings that nginx has there.
    close: Span,
    order: Order,
}

/// A block with a configuration of its own inside a location.
#[derive(PartialEq, Eq)]
enum Inner {
    If,
    LimitExcept,
}

/// Merges the whole of `http`.
pub fn http(analyser: &mut Analyser, draft: HttpDraft) -> Merged {
    let HttpDraft {
        mut level,
        close,
        order,
    } = draft;
    let combined = match super::analyse::log::combined(analyser) {
        Ok(format) => format,
        Err(_) => {
            return Merged {
                listens: Vec::new(),
                servers: Vec::new(),
                upstreams: Vec::new(),
            };
        }
    };
    let mut merge = Merge {
        analyser,
        upstreams: Vec::new(),
        combined,
        default_log: false,
        server_names: Vec::new(),
        close,
        order,
    };
    merge.upstreams = merge.upstreams();
    let parts = Parts::take(&mut level);
    let chain = Chain {
        level: &level,
        outer: None,
    };
    let settings = merge.settings(&chain, parts, None, None);
    let outer = Outer {
        chain,
        settings: &settings,
    };
    let drafts = std::mem::take(&mut merge.analyser.shared.servers);
    for found in drafts.iter().flat_map(|draft| duplicates(&draft.locations)) {
        merge.report_each(RANK_LOCATIONS, found);
    }
    let mut names = Vec::new();
    let mut servers = Vec::new();
    for mut draft in drafts {
        names.push((std::mem::take(&mut draft.names), draft.captures));
        let server = merge.server(draft, &outer, names.last().map_or(&[], |(names, _)| names));
        servers.push(Arc::new(server));
    }
    let order = merge.order.clone();
    merge.analyser.report_unknown_variables(&order);
    merge.variables_hash(&outer.chain);
    let listens = merge.listens(&servers, &names, &outer.chain.hash("server_names_hash"));
    Merged {
        listens,
        servers,
        upstreams: merge.upstreams,
    }
}

impl Merge<'_> {
    /// Keeps a finding that nginx has at the end of `http`; once, though several blocks have it.
    fn report(&mut self, rank: u16, found: Diagnostic) {
        let mut all = self.analyser.found.iter();
        if !all.any(|known| known.message == found.message && known.place == found.place) {
            self.report_each(rank, found);
        }
    }

    /// The same, as often as nginx says it.
    fn report_each(&mut self, rank: u16, found: Diagnostic) {
        let order = Order {
            rank,
            ..self.order.clone()
        };
        self.analyser.found.push(Diagnostic { order, ..found });
    }

    /// The same, with the line of the `}` of `http`, which is all that nginx knows then.
    fn report_at_close(&mut self, rank: u16, found: Diagnostic) {
        let close = self.close;
        self.report(rank, found.line(close));
    }

    fn server(&mut self, mut draft: ServerDraft, outer: &Outer<'_>, names: &[NameDraft]) -> Server {
        let span = draft.span.unwrap_or(self.close);
        self.server_names = (names.iter())
            .map(|name| (name.name.clone(), name.regex.clone()))
            .collect();
        if names.is_empty() {
            self.server_names.push((Bytes::new(), None));
        }
        let parts = Parts::take(&mut draft.level);
        let rewrite = std::mem::take(&mut draft.level.rewrite);
        let chain = Chain {
            level: &draft.level,
            outer: Some(&outer.chain),
        };
        let settings = self.settings(&chain, parts, Some(outer.settings), None);
        let head = self.head(&chain);
        let inner = Outer {
            chain,
            settings: &settings,
        };
        let (named, others): (Vec<_>, Vec<_>) = draft
            .locations
            .into_iter()
            .partition(|draft| matches!(draft.head.kind, LocationKind::Named));
        let rewrite = self.rewrite(rewrite, &inner, None, span);
        let children = self.locations(others, &inner);
        let mut by_name = QuickMap::default();
        for draft in named {
            let location = self.location(draft, &inner);
            by_name.entry(location.name.clone()).or_insert(location);
        }
        let scope = Location {
            children,
            rewrite,
            handler: draft.level.handler,
            ..settings.place((LocationKind::Server, Bytes::new()), outer, span)
        };
        Server {
            id: draft.id,
            names: written_names(names),
            name: server_name(names),
            head,
            scope: Arc::new(scope),
            named: by_name,
            span,
        }
    }

    fn head(&mut self, chain: &Chain<'_>) -> HeadSettings {
        let large = chain.buffers("large_client_header_buffers");
        if large.1 < chain.size("connection_pool_size") {
            let message = "the \"large_client_header_buffers\" size must be equal to or greater than \
                           \"connection_pool_size\"";
            let mut found = Diagnostic::emerg(message);
            found.span = chain.set("large_client_header_buffers").map(|set| set.span);
            self.report_at_close(RANK_CORE, found);
        }
        HeadSettings {
            client_header_timeout: chain.time("client_header_timeout"),
            client_header_buffer_size: chain.size("client_header_buffer_size"),
            large_client_header_buffers: large,
            ignore_invalid_headers: chain.flag("ignore_invalid_headers"),
            underscores_in_headers: chain.flag("underscores_in_headers"),
            max_headers: chain.size("max_headers"),
            merge_slashes: chain.flag("merge_slashes"),
        }
    }

    fn locations(&mut self, drafts: Vec<LocationDraft>, outer: &Outer<'_>) -> Locations {
        let mut statics: Vec<Arc<Location>> = Vec::new();
        let mut regexes = Vec::new();
        for draft in drafts {
            let location = self.location(draft, outer);
            if matches!(location.kind, LocationKind::Regex(_)) {
                regexes.push(location);
                continue;
            }
            // A second one of its name was refused by `duplicates`.
            statics.push(location);
        }
        Locations {
            statics: PrefixTree::new(statics),
            regexes,
        }
    }

    fn location(&mut self, mut draft: LocationDraft, outer: &Outer<'_>) -> Arc<Location> {
        let parts = Parts::take(&mut draft.level);
        let rewrite = std::mem::take(&mut draft.level.rewrite);
        let limit_except = draft.level.limit_except.take();
        let level: &Level = &draft.level;
        let chain = Chain {
            level,
            outer: Some(&outer.chain),
        };
        let settings = self.settings(&chain, parts, Some(outer.settings), Some(&draft.head));
        let inner = Outer {
            chain,
            settings: &settings,
        };
        let rewrite = self.rewrite(rewrite, &inner, Some(&draft.head), draft.head.span);
        let limit_except = limit_except.map(|limit| LimitExcept {
            allowed: limit.allowed,
            level: Arc::new(self.inner(
                (Inner::LimitExcept, limit.level),
                &inner,
                Some(&draft.head),
                draft.head.span,
            )),
            span: limit.span,
        });
        let children = self.locations(draft.children, &inner);
        let LocationHead {
            kind, name, span, ..
        } = draft.head;
        Arc::new(Location {
            children,
            rewrite,
            limit_except,
            handler: draft.level.handler,
            ..settings.place((kind, name), outer, span)
        })
    }

    /// The directives of the rewrite phase; the block of an `if` is a level of its own, which inherits from the one
    /// around it, and its `proxy_pass` too.
    fn rewrite(
        &mut self,
        drafts: Vec<RewriteDraft>,
        outer: &Outer<'_>,
        head: Option<&LocationHead>,
        span: Span,
    ) -> Vec<RewriteStep> {
        let mut steps = Vec::new();
        for draft in drafts {
            let draft = match draft {
                RewriteDraft::Step(step) => {
                    steps.push(step);
                    continue;
                }
                RewriteDraft::If(draft) => draft,
            };
            let level = self.inner((Inner::If, draft.level), outer, head, span);
            steps.push(RewriteStep::If(Box::new(If {
                condition: draft.condition,
                level: Arc::new(level),
                span: draft.span,
            })));
        }
        steps
    }

    /// The level of an `if` or a `limit_except`: it has no name of its own, and inherits `proxy_pass` too.
    fn inner(
        &mut self,
        (inner, mut level): (Inner, Level),
        outer: &Outer<'_>,
        head: Option<&LocationHead>,
        span: Span,
    ) -> Location {
        let parts = Parts::take(&mut level);
        let inside = std::mem::take(&mut level.rewrite);
        let chain = Chain {
            level: &level,
            outer: Some(&outer.chain),
        };
        let mut settings = self.settings(&chain, parts, Some(outer.settings), head);
        let around = &outer.settings.proxy.proxy.pass;
        let pass = &mut settings.proxy.proxy.pass;
        *pass = pass.take().or_else(|| around.clone());
        // An `if` leaves the content to whoever makes it around it.
        let by_pass = pass.as_ref().map(|_| Handler::Proxy);
        let handler = level
            .handler
            .or(by_pass.filter(|_| inner == Inner::LimitExcept));
        let inside = inside.into_iter().filter_map(|draft| match draft {
            RewriteDraft::Step(step) => Some(step),
            RewriteDraft::If(_) => None,
        });
        let place = match head {
            Some(head) => (head.kind.clone(), head.name.clone()),
            None => (LocationKind::Server, Bytes::new()),
        };
        Location {
            rewrite: inside.collect(),
            handler,
            ..settings.place(place, outer, span)
        }
    }
}

/// `$server_name`: the first name, a dot before it left out.
fn server_name(names: &[NameDraft]) -> Bytes {
    let first = names.first().map(|name| name.name.clone());
    let first = first.unwrap_or_default();
    match first.strip_prefix(b".") {
        Some(rest) => Bytes::copy_from_slice(rest),
        None => first,
    }
}

/// The names as the file writes them; a server without any has an empty one.
fn written_names(names: &[NameDraft]) -> Vec<String> {
    if names.is_empty() {
        return vec![String::new()];
    }
    let text = |name: &NameDraft| String::from_utf8_lossy(&name.word.value).into_owned();
    names.iter().map(text).collect()
}
