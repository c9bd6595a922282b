//! Locations, in their tree.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::filters::{Files, Filters};
use crate::config::modules::Modules;
use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::tree::PrefixTree;

use super::{Core, Proxy, RewriteStep};

/// A location, or the level of a server outside its locations (kind [`LocationKind::Server`]).
#[derive(Debug)]
pub struct Location {
    pub kind: LocationKind,
    /// As nginx's `clcf->name`: the prefix, the pattern, or `@name`; empty for a server's own level.
    pub name: Bytes,
    pub children: Locations,
    /// Rewrite-phase directives of this level, in order (`return`, later `rewrite`, `set`, `if`, `break`).
    pub rewrite: Vec<RewriteStep>,
    pub limit_except: Option<LimitExcept>,
    pub handler: Option<Handler>,
    pub core: Core,
    pub proxy: Proxy,
    /// Directives of outer levels that do not apply here, because this level has its own of that name.
    pub lost: Vec<Lost>,
    pub filters: Filters,
    pub files: Files,
    pub modules: Modules,
    pub span: Span,
}

/// Who makes a location's content in the place of its files: the last directive of the level that sets one (nginx's
/// `handler`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    Proxy,
    StubStatus,
    EmptyGif,
}

/// A directive that an inner level's own replaced as a whole (`proxy_set_header`, `add_header`, `error_page`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    pub span: Span,
    /// The first of those that took its place.
    pub by: Span,
}

#[derive(Debug, Clone)]
pub enum LocationKind {
    Server,
    /// `location = /x`
    Exact,
    /// `location /x`; `no_regex` for `^~`.
    Prefix {
        no_regex: bool,
    },
    /// `~` and `~*`.
    Regex(Arc<Regex>),
    Named,
}

/// The locations directly below a level.
#[derive(Debug, Default)]
pub struct Locations {
    /// Exact and prefix ones.
    pub statics: PrefixTree,
    /// In the file's order; kind is [`LocationKind::Regex`].
    pub regexes: Vec<Arc<Location>>,
}

/// `limit_except`: another configuration for all methods but these.
#[derive(Debug)]
pub struct LimitExcept {
    /// Upper-case.
    pub allowed: Vec<&'static str>,
    pub level: Arc<Location>,
    pub span: Span,
}
