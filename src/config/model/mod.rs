//! The typed model: a configuration after everything that can be known at load time was computed.
//!
//! Inheritance is merged, regexes are compiled, templates are split into constant and variable pieces,
//! locations stand in a tree. The front server only reads it (`Arc<Model>`); a reload makes a new one.
//! Each part keeps the [`Span`](super::source::Span) of the directive it came from, so that stories and diagnostics can name a line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::diagnostics::Diagnostic;
use super::source::Sources;

mod access;
mod core;
mod files;
mod listen;
mod location;
mod log;
mod process;
mod proxy;
mod proxying;
mod rewrite;
mod server;
mod slot;
mod upstream;

pub use access::{AccessFrom, AccessRule, mask};
pub use core::{
    AddHeader, Core, ErrorPage, IfModifiedSince, InFileOnly, LingeringClose, Overwrite,
    ServerTokens, TempPath,
};
pub use files::{IndexFile, MimeTypes, Root, TryFallback, TryFile, TryFiles};
pub use listen::{Listen, ListenAddress, ListenOptions, ServerNames, TcpKeepalive};
pub use location::{Handler, LimitExcept, Location, LocationKind, Locations, Lost};
pub use log::{
    AccessFile, AccessLog, ErrorLog, LogBuffer, LogEscape, LogFile, LogFormat, LogLevel, LogTarget,
};
pub use process::{Process, User};
pub use proxy::{
    NextUpstream, Proxy, ProxyPass, ProxyRedirect, ProxyTarget, ProxyVersion, RedirectFrom,
    SetHeader,
};
pub use proxying::{
    Bind, CookieFlag, CookieFlags, CookieFrom, CookieName, CookieRewrite, IgnoreHeaders, Resolver,
};
pub use rewrite::{
    Condition, FileTest, If, Return, ReturnBody, Rewrite, RewriteEnd, RewriteStep, SetTarget,
};
pub use server::{HeadSettings, Server};
pub use slot::{SlotSource, SlotVariable};
pub use upstream::{Keepalive, Peer, Upstream};

/// A whole configuration, ready to serve.
#[derive(Debug)]
pub struct Model {
    pub process: Process,
    /// One for each address and port, in the file's order; several `listen` lines may share one.
    pub listens: Vec<Listen>,
    /// Every `server` block, in the file's order.
    pub servers: Vec<Arc<Server>>,
    /// Every `upstream` block, then one for each literal address that a `proxy_pass` names.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Log files, each opened once however many `access_log` lines name it.
    pub logs: Vec<LogFile>,
    /// The variables that the file itself makes (`set`, `map`, named captures), by slot.
    pub slots: Vec<SlotVariable>,
    /// Some `map`, `geo` or `split_clients` reads a `$sent_http_…`.
    pub maps_read_sent: bool,
    /// The text of every file that was read: spans point into it.
    pub sources: Sources,
    /// The prefix (`-p`): what relative paths are relative to. Always absolute, ends with `/`.
    pub prefix: PathBuf,
    /// The configuration file, as nginx names it.
    pub file: PathBuf,
    /// Who answers for upstreams whose names do not resolve (`--stub-upstreams`).
    pub stub: Option<SocketAddr>,
    /// Warnings found on the way, as nginx's `[warn]` lines, already with their place.
    pub warnings: Vec<Diagnostic>,
}
