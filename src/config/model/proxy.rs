//! The directives of the proxy module, merged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::template::Template;

use super::{Bind, CookieFlags, CookieRewrite, IgnoreHeaders, TempPath, Upstream};

/// Directives of the proxy module, merged.
#[derive(Debug)]
pub struct Proxy {
    /// The `proxy_pass` of this very location (never inherited by nested ones).
    pub pass: Option<ProxyPass>,
    /// The whole set that applies, defaults (`Host $proxy_host`, `Connection close`) included where not overridden.
    pub set_headers: Arc<[SetHeader]>,
    /// `proxy_set_body`
    pub set_body: Option<Template>,
    /// `proxy_method`
    pub method: Option<Template>,
    pub pass_request_headers: bool,
    pub pass_request_body: bool,
    pub http_version: ProxyVersion,
    /// `Off`, or rules in order (the default one is expanded for the location's literal `proxy_pass`).
    pub redirect: Arc<[ProxyRedirect]>,
    /// Lower-case names: nginx's own and `proxy_hide_header`, less `proxy_pass_header`.
    pub hide_headers: Arc<[Bytes]>,
    pub intercept_errors: bool,
    pub request_buffering: bool,
    pub buffering: bool,
    /// `proxy_buffer_size`, 4k: the answer's head must fit.
    pub buffer_size: usize,
    /// `proxy_buffers`, 8 of 4k.
    pub buffers: (usize, usize),
    pub busy_buffers_size: usize,
    /// `proxy_max_temp_file_size`, 1024m; 0 keeps answers in memory.
    pub max_temp_file_size: u64,
    pub temp_path: TempPath,
    pub connect_timeout: Duration,
    pub send_timeout: Duration,
    pub read_timeout: Duration,
    pub next_upstream: NextUpstream,
    /// 0 is no limit.
    pub next_upstream_tries: u64,
    /// Zero is no limit.
    pub next_upstream_timeout: Duration,
    pub ignore_client_abort: bool,
    pub cookie_domains: Arc<[CookieRewrite]>,
    pub cookie_paths: Arc<[CookieRewrite]>,
    pub cookie_flags: Arc<[CookieFlags]>,
    /// The local address of connections to upstreams.
    pub bind: Option<Bind>,
    pub ignore_headers: IgnoreHeaders,
    /// `proxy_force_ranges`: `Range` applies to answers of upstreams.
    pub force_ranges: bool,
    /// `proxy_limit_rate`: bytes a second read from an upstream; 0 is no limit.
    pub limit_rate: u64,
    pub socket_keepalive: bool,
}

#[derive(Debug, Clone)]
pub struct ProxyPass {
    pub target: ProxyTarget,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub enum ProxyTarget {
    /// No variables: all is known at load time.
    Literal {
        upstream: Arc<Upstream>,
        /// `$proxy_host`: as written (`127.0.0.1:5000`, `backend`).
        host: Bytes,
        /// `$proxy_port`
        port: Bytes,
        /// The URI part as written, or `None` where there is none.
        uri: Option<Bytes>,
        /// How many bytes of the normalised URI it replaces: the location's name (0 where there is no URI part).
        location_len: usize,
    },
    /// With variables: the whole URL is made for each request.
    Dynamic(Template),
}

/// `proxy_set_header NAME VALUE`; an empty value sends no such header.
#[derive(Debug, Clone)]
pub struct SetHeader {
    pub name: Bytes,
    /// Lower-case, for comparing with the client's.
    pub lower: Bytes,
    pub value: Template,
    /// `None` for nginx's defaults.
    pub span: Option<Span>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyVersion {
    Http10,
    Http11,
}

#[derive(Debug, Clone)]
pub struct ProxyRedirect {
    pub from: RedirectFrom,
    pub to: Template,
}

#[derive(Debug, Clone)]
pub enum RedirectFrom {
    Prefix(Template),
    Regex(Arc<Regex>),
}

/// `proxy_next_upstream` as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextUpstream {
    pub error: bool,
    pub timeout: bool,
    pub invalid_header: bool,
    pub non_idempotent: bool,
    pub http_403: bool,
    pub http_404: bool,
    pub http_429: bool,
    pub http_500: bool,
    pub http_502: bool,
    pub http_503: bool,
    pub http_504: bool,
}
