//! What was read of each block before it is merged into the model.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::generic::Set;
use super::proxy_cookies::RulesDraft;
use crate::config::charset::Charsets;
use crate::config::diagnostics::Order;
use crate::config::lexer::Word;
use crate::config::model::{
    AccessLog, AccessRule, AddHeader, Bind, Condition, CookieFlags, CookieRewrite, ErrorLog,
    ErrorPage, Handler, IndexFile, ListenAddress, ListenOptions, LocationKind, LogFile, LogFormat,
    MimeTypes, Peer, ProxyRedirect, Resolver, RewriteStep, Root, TryFiles, User,
};
use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::table::Contexts;
use crate::config::template::Template;

/// An open block.
pub struct Frame {
    pub context: Contexts,
    /// The name of the block's directive.
    pub opened: Option<Span>,
    pub level: Level,
    pub locations: Vec<LocationDraft>,
    /// Of a location.
    pub head: Option<LocationHead>,
    /// Of a `server`.
    pub server: Option<ServerDraft>,
    /// Of an `upstream`: its index among [`Shared::upstreams`].
    pub upstream: Option<usize>,
}

impl Frame {
    pub fn new(context: Contexts) -> Self {
        Self {
            context,
            opened: None,
            level: Level::default(),
            locations: Vec::new(),
            head: None,
            server: None,
            upstream: None,
        }
    }
}

/// The directives of one block: simple ones by name, the others as what they mean. Nothing is inherited yet.
#[derive(Debug, Default)]
pub struct Level {
    pub values: HashMap<&'static str, Set>,
    pub root: Option<Root>,
    pub try_files: Option<TryFiles>,
    pub index: Vec<IndexFile>,
    pub types: Option<MimeTypes>,
    pub error_pages: Vec<ErrorPage>,
    pub add_headers: Vec<AddHeader>,
    pub filters: super::filters::Draft,
    pub modules: super::modules::Draft,
    pub access_logs: Vec<AccessLog>,
    pub open_log_file_cache: Option<Span>,
    pub access_log_off: bool,
    pub error_logs: Vec<ErrorLog>,
    /// `keepalive_timeout` and its second value.
    pub keepalive: Option<(Duration, Option<u64>)>,
    pub internal: bool,
    pub access: Vec<AccessRule>,
    pub limit_except: Option<Box<LimitDraft>>,
    pub rewrite: Vec<RewriteDraft>,
    pub pass: Option<PassDraft>,
    /// The last directive that makes the content.
    pub handler: Option<Handler>,
    /// `proxy_redirect off`, or rules.
    pub redirect: Option<RedirectDraft>,
    pub cookie_domains: Option<RulesDraft<CookieRewrite>>,
    pub cookie_paths: Option<RulesDraft<CookieRewrite>>,
    pub cookie_flags: Option<RulesDraft<CookieFlags>>,
    /// `proxy_bind`; the inner `None` is `off`.
    pub bind: Option<(Option<Bind>, Span)>,
    pub resolver: Option<Arc<Resolver>>,
}

/// A `limit_except` block.
#[derive(Debug)]
pub struct LimitDraft {
    pub allowed: Vec<&'static str>,
    pub level: Level,
    pub span: Span,
}

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum RewriteDraft {
    Step(RewriteStep),
    If(Box<IfDraft>),
}

/// An `if`, whose block is merged as a location of its own.
#[derive(Debug)]
pub struct IfDraft {
    pub condition: Condition,
    pub level: Level,
    pub span: Span,
}

#[derive(Debug)]
pub enum RedirectDraft {
    Off(Span),
    Rules(Vec<ProxyRedirect>, Span),
}

/// A `proxy_pass` whose upstream is known by index.
#[derive(Debug)]
pub struct PassDraft {
    /// As written.
    pub url: Bytes,
    pub target: PassTarget,
    pub span: Span,
}

#[derive(Debug)]
pub enum PassTarget {
    Literal {
        upstream: usize,
        host: Bytes,
        port: Bytes,
        uri: Option<Bytes>,
        location: Bytes,
    },
    Dynamic(Template),
}

/// What a location is, as far as its own line says.
#[derive(Debug, Clone)]
pub struct LocationHead {
    pub kind: LocationKind,
    pub name: Bytes,
    pub span: Span,
    /// The `{`, whose line nginx remembers.
    pub end: Span,
}

pub struct LocationDraft {
    pub head: LocationHead,
    pub level: Level,
    pub children: Vec<LocationDraft>,
}

#[derive(Default)]
pub struct ServerDraft {
    pub id: usize,
    pub names: Vec<NameDraft>,
    /// A `listen` was given.
    pub listens: bool,
    /// The last regex of its names has groups.
    pub captures: bool,
    pub span: Option<Span>,
    pub level: Level,
    pub locations: Vec<LocationDraft>,
}

/// One `server_name`.
#[derive(Clone)]
pub struct NameDraft {
    /// Lower-case, `$hostname` replaced; a regex with its `~`.
    pub name: Bytes,
    pub regex: Option<Arc<Regex>>,
    pub word: Word,
}

/// The `http` block as read.
pub struct HttpDraft {
    pub level: Level,
    /// The block's end, and where nginx meets what it finds there.
    pub close: Span,
    pub order: Order,
}

/// What the whole of `http` shares.
#[derive(Default)]
pub struct Shared {
    pub servers: Vec<ServerDraft>,
    pub listens: Vec<ListenDraft>,
    pub upstreams: Vec<UpstreamDraft>,
    pub formats: Vec<Arc<LogFormat>>,
    pub charsets: Charsets,
    pub logs: Vec<LogFile>,
    pub events: Option<Span>,
    pub http: Option<Span>,
    pub workers: Option<usize>,
    pub connections: Option<usize>,
    pub user: Option<User>,
    pub user_span: Option<Span>,
    /// The masks of `worker_cpu_affinity`, and its place.
    pub affinity: Option<(usize, Span)>,
    pub priority: Option<Span>,
    /// In the order in which they are first named.
    pub thread_pools: Vec<ThreadPool>,
    pub tls_zones: Vec<TlsZone>,
    /// The first `map`.
    pub first_map: Option<Span>,
    pub main_error_logs: Vec<ErrorLog>,
    /// How many `resolver` lines there were.
    pub resolvers: usize,
}

/// Memory that the servers' caches of TLS share.
pub struct TlsZone {
    pub name: Vec<u8>,
    /// Which cache it is for, in nginx's words.
    pub what: &'static str,
    /// Bytes.
    pub size: u64,
    pub span: Span,
}

/// What `thread_pool` gives, or `aio threads=NAME` names.
pub struct ThreadPool {
    pub name: Bytes,
    /// A `thread_pool` gave it.
    pub given: bool,
    pub span: Span,
    /// Whose line nginx remembers.
    pub end: Span,
}

impl Shared {
    /// The pool of that name, which is new where nobody has named it so far.
    pub fn thread_pool(&mut self, name: &Bytes, span: Span, end: Span) -> &mut ThreadPool {
        let known = self.thread_pools.iter().position(|pool| pool.name == name);
        let index = known.unwrap_or(self.thread_pools.len());
        if known.is_none() {
            self.thread_pools.push(ThreadPool {
                name: name.clone(),
                given: false,
                span,
                end,
            });
        }
        &mut self.thread_pools[index]
    }

    /// The index of a log file, which is opened once however often it is named.
    ///
    /// # Errors
    /// It is buffered otherwise already.
    pub fn buffered_log(&mut self, file: LogFile) -> Result<usize, Conflict> {
        let same = |known: &&mut LogFile| known.target == file.target;
        if let Some(known) = self.logs.iter_mut().find(same) {
            match (known.buffer, file.buffer) {
                (Some(before), Some(now)) if before != now => return Err(Conflict),
                (before, now) => known.buffer = before.or(now),
            }
        }
        Ok(self.log(file))
    }

    /// The same for one that this line does not buffer.
    pub fn log(&mut self, file: LogFile) -> usize {
        let same = |known: &LogFile| known.target == file.target;
        if let Some(index) = self.logs.iter().position(same) {
            return index;
        }
        self.logs.push(file);
        self.logs.len() - 1
    }
}

/// A log is buffered in two ways.
pub struct Conflict;

/// An address that some `listen` names.
pub struct ListenDraft {
    pub address: ListenAddress,
    /// As nginx writes it: `0.0.0.0:3000`.
    pub text: String,
    pub options: ListenOptions,
    /// Options of the socket were given, and where.
    pub set: Option<Span>,
    /// It wants a socket of its own.
    pub bind: bool,
    /// Index of the server that `default_server` names, and where.
    pub default_server: Option<(usize, Span)>,
    /// Indexes of servers, each with the place of its `listen`.
    pub servers: Vec<(usize, Span)>,
    pub span: Span,
}

/// An `upstream` block, or what a `proxy_pass` names.
pub struct UpstreamDraft {
    pub host: Bytes,
    pub port: u16,
    pub no_port: bool,
    /// A block gave it.
    pub explicit: bool,
    /// Literal addresses of an implicit one.
    pub addresses: Vec<(ListenAddress, String)>,
    pub peers: Vec<Peer>,
    pub level: Level,
    pub keepalive: Option<(u64, Span)>,
    pub span: Span,
    /// Whose line nginx remembers.
    pub end: Span,
}
