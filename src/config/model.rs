//! The typed model: a configuration after everything that can be known at load time was computed.
//!
//! Inheritance is merged, regexes are compiled, templates are split into constant and variable pieces,
//! locations stand in a tree. The front server only reads it (`Arc<Model>`); a reload makes a new one.
//! Each part keeps the [`Span`] of the directive it came from, so that stories and diagnostics can name a line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::geo::Geo;
use super::map::{Map, SplitClients};
pub use super::proxying::{
    Bind, CookieFlag, CookieFlags, CookieFrom, CookieName, CookieRewrite, IgnoreHeaders, Resolver,
};
use super::quick_map::QuickMap;
use super::regex::Regex;
use super::source::{Sources, Span};
use super::syslog::Syslog;
use super::template::Template;
use super::tree::PrefixTree;

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
    pub stub: Option<std::net::SocketAddr>,
    /// Warnings found on the way, as nginx's `[warn]` lines, already with their place.
    pub warnings: Vec<super::diagnostics::Diagnostic>,
}

/// What concerns the process rather than a request (the main context and `events`).
#[derive(Debug, Clone)]
pub struct Process {
    /// `worker_processes`; `auto` is the number of cores.
    pub workers: usize,
    pub worker_connections: usize,
    pub daemon: bool,
    pub master_process: bool,
    /// `pid`, absolute.
    pub pid: PathBuf,
    /// As nginx names it: relative where the prefix is.
    pub pid_shown: PathBuf,
    /// `worker_shutdown_timeout`: how long a graceful end may take.
    pub shutdown_timeout: Option<Duration>,
    pub user: Option<User>,
    /// The main context's `error_log`s.
    pub error_log: Vec<ErrorLog>,
}

/// `error_log FILE LEVEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    pub target: LogTarget,
    pub level: LogLevel,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Absolute path.
    File(PathBuf),
    Stderr,
    /// `syslog:…`
    Syslog(Syslog),
    /// `memory:SIZE`: lines that only a debugger sees, which the lab has none for.
    Memory,
}

/// Whom workers run as, in the system's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Every group that the system lists the user in.
    pub groups: Vec<u32>,
}

/// nginx's levels, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Emerg,
    Alert,
    Crit,
    Error,
    Warn,
    Notice,
    Info,
    Debug,
}

/// An address that is listened on, with the servers behind it.
#[derive(Debug)]
pub struct Listen {
    pub address: ListenAddress,
    pub options: ListenOptions,
    /// It has a socket of its own. False where the wildcard address of the same port takes its connections, which are
    /// then told apart by the address that they were made to.
    pub bound: bool,
    /// The server that answers where no name matches (`default_server`, else the first).
    pub default_server: Arc<Server>,
    pub names: ServerNames,
    /// Every server of this address, in the file's order (for `explain`).
    pub servers: Vec<Arc<Server>>,
    /// Some server reads heads by other rules than the default one: who is asked decides.
    pub heads_differ: bool,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    Inet(SocketAddr),
    /// `unix:PATH`, absolute.
    Unix(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenOptions {
    pub backlog: u32,
    pub reuseport: bool,
    /// `ipv6only`, on by default.
    pub ipv6only: bool,
    /// True where the file gave no address or `*`: `listen 3000`.
    pub wildcard: bool,
    /// `rcvbuf` and `sndbuf`, in bytes.
    pub rcvbuf: Option<usize>,
    pub sndbuf: Option<usize>,
    pub keepalive: Option<TcpKeepalive>,
}

/// `so_keepalive`; what is not given is the system's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TcpKeepalive {
    pub on: bool,
    pub idle: Option<std::time::Duration>,
    pub interval: Option<std::time::Duration>,
    pub count: Option<u32>,
}

/// The name tables of one address, in nginx's order of precedence.
#[derive(Debug, Default)]
pub struct ServerNames {
    /// Lower-case.
    pub exact: QuickMap<Bytes, Arc<Server>>,
    /// `*.example.org` as `.example.org`; the longest wins. `.example.org` stands in `exact` too.
    pub leading: Vec<(Bytes, Arc<Server>)>,
    /// `www.*` as `www.`; the longest wins.
    pub trailing: Vec<(Bytes, Arc<Server>)>,
    /// In the file's order.
    pub regexes: Vec<(Arc<Regex>, Arc<Server>)>,
}

/// A `server` block.
#[derive(Debug)]
pub struct Server {
    pub id: usize,
    /// As written, in order; without `server_name` it is `""`.
    pub names: Vec<String>,
    /// `$server_name`: the first name.
    pub name: Bytes,
    pub head: HeadSettings,
    /// The server's own level: what applies before a location is chosen.
    pub scope: Arc<Location>,
    /// `@named` locations, by name with the `@`.
    pub named: QuickMap<Bytes, Arc<Location>>,
    pub span: Span,
}

/// How a request's head is read: the directives that apply before its location is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSettings {
    /// `client_header_timeout`, 60 s.
    pub client_header_timeout: Duration,
    /// `client_header_buffer_size`, 1k.
    pub client_header_buffer_size: usize,
    /// `large_client_header_buffers`, 4 of 8k.
    pub large_client_header_buffers: (usize, usize),
    pub ignore_invalid_headers: bool,
    pub underscores_in_headers: bool,
    /// How many fields a request's head may have.
    pub max_headers: usize,
    pub merge_slashes: bool,
}

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
    pub core: Core,
    pub proxy: Proxy,
    /// Directives of outer levels that do not apply here, because this level has its own of that name.
    pub lost: Vec<Lost>,
    pub filters: super::filters::Filters,
    pub files: super::filters::Files,
    pub span: Span,
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

/// `allow` or `deny`.
#[derive(Debug, Clone)]
pub struct AccessRule {
    pub from: AccessFrom,
    pub deny: bool,
    pub span: Span,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessFrom {
    All,
    /// Clients of a Unix socket.
    Unix,
    /// Addresses that begin with the same bits.
    Network {
        address: std::net::IpAddr,
        bits: u8,
    },
}

impl AccessFrom {
    /// Whether the rule is about this client; `None` is one of a Unix socket.
    pub fn covers(self, client: Option<std::net::IpAddr>) -> bool {
        match (self, client) {
            (Self::All, _) | (Self::Unix, None) => true,
            (Self::Network { address, bits }, Some(client)) => {
                address.is_ipv4() == client.is_ipv4() && mask(client, bits) == address
            }
            (Self::Unix, Some(_)) | (Self::Network { .. }, None) => false,
        }
    }
}

/// An address with only its first bits.
pub fn mask(address: std::net::IpAddr, bits: u8) -> std::net::IpAddr {
    use std::net::IpAddr;
    match address {
        IpAddr::V4(v4) => {
            let keep = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & keep).into())
        }
        IpAddr::V6(v6) => {
            let keep = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & keep).into())
        }
    }
}

/// One directive of the rewrite phase.
#[derive(Debug)]
pub enum RewriteStep {
    Return(Return),
    /// `set $name value`
    Set {
        target: SetTarget,
        value: Template,
        span: Span,
    },
    Rewrite(Box<Rewrite>),
    If(Box<If>),
    Break(Span),
}

/// What a `set` sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetTarget {
    /// A variable of the file's own.
    Slot(u16),
    /// `$args`
    Args,
    /// `$limit_rate`
    LimitRate,
}

/// Where a variable of the file's own has its value from, until a `set` or a group gives it one.
#[derive(Debug, Clone)]
pub enum SlotSource {
    /// `set`: empty until then.
    Set,
    /// A named group: no value until its regex matches.
    Group,
    Map(Arc<Map>),
    Geo(Arc<Geo>),
    Split(Arc<SplitClients>),
}

/// A variable of the file's own.
#[derive(Debug, Clone)]
pub struct SlotVariable {
    pub name: String,
    pub source: SlotSource,
}

impl SlotVariable {
    /// Whether its value is made of fields of the answer.
    pub fn reads_sent(&self) -> bool {
        match &self.source {
            SlotSource::Set | SlotSource::Group => false,
            SlotSource::Map(map) => map.templates().any(Template::reads_sent),
            SlotSource::Geo(geo) => geo.source.iter().any(Template::reads_sent),
            SlotSource::Split(split) => split.source.reads_sent(),
        }
    }
}

/// `rewrite REGEX REPLACEMENT [FLAG]`.
#[derive(Debug)]
pub struct Rewrite {
    pub regex: Arc<Regex>,
    /// Before the first `?`; for a redirect the whole replacement but a final `?`.
    pub path: Template,
    /// After the first `?`; `None` where there is none, and for a redirect.
    pub args: Option<Template>,
    /// A redirect's replacement has a `?`: the request's arguments are added with `&`.
    pub has_args: bool,
    /// The request's own arguments are added (no final `?`).
    pub add_args: bool,
    pub end: RewriteEnd,
    pub span: Span,
}

/// What follows a `rewrite` that matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RewriteEnd {
    /// No flag: the next directive.
    Continue,
    Last,
    Break,
    /// 301 or 302.
    Redirect(u16),
}

/// An `if` block: while its condition holds, its own level applies.
#[derive(Debug)]
pub struct If {
    pub condition: Condition,
    /// The block's configuration; its `rewrite` are the directives inside. An `if` of a server's own level has none but these.
    pub level: Arc<Location>,
    pub span: Span,
}

/// What an `if` tests.
#[derive(Debug)]
pub enum Condition {
    /// Neither empty nor `0`.
    True(Template),
    Equal {
        left: Template,
        right: Template,
        negate: bool,
    },
    Matches {
        subject: Template,
        regex: Arc<Regex>,
        negate: bool,
    },
    File {
        test: FileTest,
        path: Template,
        negate: bool,
    },
}

/// `-f`, `-d`, `-e`, `-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileTest {
    File,
    Directory,
    Exists,
    Executable,
}

/// `return CODE [TEXT|URL]`.
#[derive(Debug)]
pub struct Return {
    pub status: u16,
    pub body: ReturnBody,
    pub span: Span,
}

#[derive(Debug)]
pub enum ReturnBody {
    /// `return 404;`: the standard page of the status.
    None,
    Text(Template),
    /// 301, 302, 303, 307, 308 (and `return URL`, which is 302).
    Redirect(Template),
}

/// `client_body_in_file_only`: whether every body goes to a file that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InFileOnly {
    Off,
    /// The file stays.
    On,
    /// The file goes with the request.
    Clean,
}

/// `client_body_temp_path`, `proxy_temp_path`.
#[derive(Debug, Clone)]
pub struct TempPath {
    /// Absolute.
    pub folder: Arc<Path>,
    /// How many characters of a file's name the folders in it take, level by level.
    pub levels: Vec<usize>,
}

/// Directives of the core, index, headers, log and static modules, merged.
#[derive(Debug)]
pub struct Core {
    pub root: Root,
    /// The `try_files` of this very location (never inherited).
    pub try_files: Option<TryFiles>,
    /// `index`; the default is `index.html`.
    pub index: Arc<[IndexFile]>,
    pub types: Arc<MimeTypes>,
    pub default_type: Bytes,
    pub error_pages: Arc<[ErrorPage]>,
    pub add_headers: Arc<[AddHeader]>,
    pub access_logs: Arc<[AccessLog]>,
    pub error_log: Arc<[ErrorLog]>,
    /// `allow` and `deny`, in order: the first that fits decides.
    pub access: Arc<[AccessRule]>,
    /// `internal` was given.
    pub internal: bool,
    /// `client_max_body_size` in bytes; 0 does not check.
    pub client_max_body_size: u64,
    /// `client_body_buffer_size`, 16k.
    pub client_body_buffer_size: usize,
    pub client_body_timeout: Duration,
    pub client_body_temp_path: TempPath,
    pub client_body_in_file_only: InFileOnly,
    pub send_timeout: Duration,
    /// `keepalive_timeout`, 75 s; zero closes after each answer.
    pub keepalive_timeout: Duration,
    /// Its second value, in seconds: `Keep-Alive: timeout=N`; 0 sends none.
    pub keepalive_header: u64,
    /// `keepalive_requests`, 1000.
    pub keepalive_requests: u64,
    /// `keepalive_time`, 1 h.
    pub keepalive_time: Duration,
    /// `lingering_close`, on by default.
    pub lingering_close: LingeringClose,
    pub lingering_time: Duration,
    pub lingering_timeout: Duration,
    pub sendfile: bool,
    pub tcp_nopush: bool,
    pub tcp_nodelay: bool,
    pub server_tokens: ServerTokens,
    pub etag: bool,
    pub if_modified_since: IfModifiedSince,
    /// `max_ranges`; `None` is no limit.
    pub max_ranges: Option<u64>,
    pub absolute_redirect: bool,
    pub port_in_redirect: bool,
    pub server_name_in_redirect: bool,
    pub recursive_error_pages: bool,
    pub rewrite_log: bool,
    pub uninitialized_variable_warn: bool,
    pub log_not_found: bool,
    /// `chunked_transfer_encoding`, on by default.
    pub chunked_transfer_encoding: bool,
    pub reset_timedout_connection: bool,
    pub resolver: Option<Arc<Resolver>>,
    pub resolver_timeout: Duration,
    /// `msie_padding`, on by default.
    pub msie_padding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LingeringClose {
    Off,
    On,
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTokens {
    Off,
    On,
    Build,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfModifiedSince {
    Off,
    Exact,
    Before,
}

/// `root` or `alias`.
#[derive(Debug, Clone)]
pub struct Root {
    /// The path; a constant one is absolute already, one with variables is made absolute with the prefix per request.
    pub path: Template,
    pub alias: bool,
    /// For `alias`: how many bytes of the URI the location's name covers (0 in a regex location, where the path is the whole file name).
    pub alias_cut: usize,
    pub span: Option<Span>,
}

/// `try_files` of a location.
#[derive(Debug, Clone)]
pub struct TryFiles {
    pub candidates: Vec<TryFile>,
    pub fallback: TryFallback,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct TryFile {
    /// Without the final slash.
    pub name: Template,
    /// Written with a final slash: a directory is tested for.
    pub directory: bool,
}

#[derive(Debug, Clone)]
pub enum TryFallback {
    /// `=404`
    Status(u16),
    /// A URI (may carry `?args`), or `@named`.
    Uri(Template),
}

#[derive(Debug, Clone)]
pub struct IndexFile {
    pub name: Template,
}

/// `types`: extension (lower-case) to MIME type.
pub type MimeTypes = QuickMap<Bytes, Bytes>;

/// `error_page CODE [=[RESPONSE]] URI`, one for each code.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    pub status: u16,
    pub overwrite: Overwrite,
    /// URI, URL or `@named`.
    pub target: Template,
    pub span: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// No `=`: the answer keeps the original status.
    Keep,
    /// `=`: the status of what the target answers.
    FromTarget,
    /// `=200`
    Status(u16),
}

/// `add_header NAME VALUE [always]`.
#[derive(Debug, Clone)]
pub struct AddHeader {
    pub name: Bytes,
    pub value: Template,
    pub always: bool,
    pub span: Span,
}

/// `access_log PATH FORMAT [if=…]`; `off` is an empty list.
#[derive(Debug, Clone)]
pub struct AccessLog {
    pub file: AccessFile,
    /// A line without its line feed.
    pub format: Arc<LogFormat>,
    pub condition: Option<Template>,
    pub span: Option<Span>,
}

/// Where the lines of an access log go.
#[derive(Debug, Clone)]
pub enum AccessFile {
    /// Index in [`Model::logs`]: opened once.
    Opened(usize),
    /// A path with variables: opened for each line, relative to the prefix.
    Named(Template),
}

#[derive(Debug, Clone)]
pub struct LogFormat {
    pub name: String,
    pub escape: LogEscape,
    pub template: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    Default,
    Json,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    pub target: LogTarget,
    /// `buffer=`, `flush=`, `gzip=`; one for all lines that name the file.
    pub buffer: Option<LogBuffer>,
}

/// Lines that wait for others before they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBuffer {
    /// In bytes.
    pub size: usize,
    /// The longest that a line waits.
    pub flush: Option<Duration>,
    /// zlib's level, where what is written is compressed.
    pub gzip: Option<u8>,
}

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

/// An `upstream` block, or the implicit one of a literal address.
#[derive(Debug)]
pub struct Upstream {
    /// [`Upstream::MADE`] for one that a request made.
    pub id: usize,
    pub name: String,
    /// What a URL with variables must say to mean this one; the port is 0 for a block.
    pub host: Bytes,
    pub port: u16,
    /// True for the one that a `proxy_pass http://host:port` makes.
    pub implicit: bool,
    pub peers: Vec<Peer>,
    /// `keepalive N`: idle connections kept by each worker; `None` keeps none.
    pub keepalive: Option<Keepalive>,
    pub span: Span,
}

impl Upstream {
    /// The `id` of upstreams that a request makes for itself, of addresses that variables or a name server gave.
    pub const MADE: usize = usize::MAX;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    pub connections: usize,
    /// `keepalive_requests`, 1000.
    pub requests: u64,
    /// `keepalive_time`, 1 h.
    pub time: Duration,
    /// `keepalive_timeout`, 60 s.
    pub timeout: Duration,
}

/// A resolved address of a `server` line (a name with several addresses makes several).
#[derive(Debug, Clone)]
pub struct Peer {
    /// As nginx's `$upstream_addr` shows it: `127.0.0.1:5000`, `unix:/path`.
    pub name: String,
    pub address: ListenAddress,
    pub weight: u32,
    /// `max_fails`, 1; 0 never counts.
    pub max_fails: u32,
    pub fail_timeout: Duration,
    pub backup: bool,
    pub down: bool,
    /// The demo backend answers in this one's place, which does not resolve (`--stub-upstreams`).
    pub stands_for: Option<String>,
    pub span: Span,
}
