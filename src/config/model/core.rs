//! The directives of the core and headers modules, merged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::source::Span;
use crate::config::template::Template;

use super::{AccessLog, AccessRule, ErrorLog, IndexFile, MimeTypes, Resolver, Root, TryFiles};

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
    /// `postpone_output` in bytes.
    pub postpone_output: usize,
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
