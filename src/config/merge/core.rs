//! Merging the directives of the core, index, header and log modules.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Merge;
use crate::config::analyse::chain::Chain;
use crate::config::analyse::frame::{Level, LocationHead};
use crate::config::analyse::http::RANK_CORE;
use crate::config::model::{
    AccessFile, AccessLog, AccessRule, AddHeader, Core, ErrorLog, ErrorPage, IfModifiedSince,
    InFileOnly, IndexFile, LingeringClose, LogFile, LogLevel, LogTarget, MimeTypes, Resolver, Root,
    ServerTokens, TempPath, TryFiles,
};
use crate::config::template::Template;

/// `ngx_http_core_merge_loc_conf` has no limit as 2^31 - 1.
const NO_LIMIT: u64 = i32::MAX as u64;

/// What a level gives by itself.
pub struct Parts {
    root: Option<Root>,
    try_files: Option<TryFiles>,
    index: Vec<IndexFile>,
    types: Option<MimeTypes>,
    error_pages: Vec<ErrorPage>,
    add_headers: Vec<AddHeader>,
    access_logs: Option<Vec<AccessLog>>,
    error_logs: Vec<ErrorLog>,
    keepalive: Option<(Duration, Option<u64>)>,
    internal: bool,
    resolver: Option<Arc<Resolver>>,
    access: Vec<AccessRule>,
}

impl Parts {
    pub fn take(level: &mut Level) -> Self {
        use std::mem::take;
        let logs = take(&mut level.access_logs);
        Self {
            root: level.root.take(),
            try_files: level.try_files.take(),
            index: take(&mut level.index),
            types: level.types.take(),
            error_pages: take(&mut level.error_pages),
            add_headers: take(&mut level.add_headers),
            // `off` beside logs: nginx logs nothing.
            access_logs: if level.access_log_off {
                Some(Vec::new())
            } else {
                Some(logs).filter(|l| !l.is_empty())
            },
            error_logs: take(&mut level.error_logs),
            keepalive: level.keepalive,
            internal: level.internal,
            resolver: level.resolver.take(),
            access: take(&mut level.access),
        }
    }
}

/// An array is inherited only where the level itself sets none.
pub fn array<T>(
    own: Vec<T>,
    outer: Option<&Arc<[T]>>,
    default: impl FnOnce() -> Vec<T>,
) -> Arc<[T]> {
    match outer {
        _ if !own.is_empty() => own.into(),
        Some(outer) => outer.clone(),
        None => default().into(),
    }
}

impl Merge<'_> {
    pub fn core(
        &mut self,
        chain: &Chain<'_>,
        own: Parts,
        outer: Option<&Core>,
        head: Option<&LocationHead>,
    ) -> Core {
        let max_ranges = chain.set("max_ranges").map(|_| chain.number("max_ranges"));
        let (keepalive_timeout, keepalive_header) = keepalive(own.keepalive, outer);
        let types = self.types(chain, own.types, outer);
        let access_logs = self.access_logs(own.access_logs, outer, head);
        Core {
            root: self.root(own.root, outer),
            try_files: own.try_files,
            index: array(own.index, outer.map(|o| &o.index), default_index),
            types,
            default_type: chain.text("default_type"),
            error_pages: array(own.error_pages, outer.map(|o| &o.error_pages), Vec::new),
            add_headers: array(own.add_headers, outer.map(|o| &o.add_headers), Vec::new),
            access_logs,
            error_log: array(own.error_logs, outer.map(|o| &o.error_log), || {
                self.default_error_logs()
            }),
            access: array(own.access, outer.map(|o| &o.access), Vec::new),
            internal: own.internal || head.is_some() && outer.is_some_and(|outer| outer.internal),
            resolver: own
                .resolver
                .or_else(|| outer.and_then(|outer| outer.resolver.clone())),
            resolver_timeout: chain.time("resolver_timeout"),
            client_max_body_size: chain.number("client_max_body_size"),
            client_body_buffer_size: chain.size("client_body_buffer_size"),
            client_body_timeout: chain.time("client_body_timeout"),
            client_body_temp_path: self.path(chain, "client_body_temp_path"),
            client_body_in_file_only: in_file_only(chain),
            send_timeout: chain.time("send_timeout"),
            postpone_output: chain.size("postpone_output"),
            keepalive_timeout,
            keepalive_header,
            keepalive_requests: chain.number("keepalive_requests"),
            keepalive_time: chain.time("keepalive_time"),
            lingering_close: lingering_close(chain),
            // nginx counts this one in whole seconds.
            lingering_time: Duration::from_secs(chain.time("lingering_time").as_secs()),
            lingering_timeout: chain.time("lingering_timeout"),
            sendfile: chain.flag("sendfile"),
            tcp_nopush: chain.flag("tcp_nopush"),
            tcp_nodelay: chain.flag("tcp_nodelay"),
            server_tokens: server_tokens(chain),
            etag: chain.flag("etag"),
            if_modified_since: if_modified_since(chain),
            max_ranges: max_ranges.filter(|&ranges| ranges < NO_LIMIT),
            absolute_redirect: chain.flag("absolute_redirect"),
            port_in_redirect: chain.flag("port_in_redirect"),
            server_name_in_redirect: chain.flag("server_name_in_redirect"),
            recursive_error_pages: chain.flag("recursive_error_pages"),
            rewrite_log: chain.flag("rewrite_log"),
            uninitialized_variable_warn: chain.flag("uninitialized_variable_warn"),
            log_not_found: chain.flag("log_not_found"),
            chunked_transfer_encoding: chain.flag("chunked_transfer_encoding"),
            reset_timedout_connection: chain.flag("reset_timedout_connection"),
            msie_padding: chain.flag("msie_padding"),
        }
    }

    fn types(
        &mut self,
        chain: &Chain<'_>,
        own: Option<MimeTypes>,
        outer: Option<&Core>,
    ) -> Arc<MimeTypes> {
        let types = match (own, outer) {
            (None, Some(outer)) => return outer.types.clone(),
            (Some(types), _) => Arc::new(types),
            (None, None) => Arc::new(default_types()),
        };
        if let Some(found) = chain
            .hash("types_hash")
            .check(types.keys().map(|extension| &extension[..]))
        {
            self.report(RANK_CORE, found);
        }
        types
    }

    fn access_logs(
        &mut self,
        own: Option<Vec<AccessLog>>,
        outer: Option<&Core>,
        head: Option<&LocationHead>,
    ) -> Arc<[AccessLog]> {
        match (own, outer) {
            (Some(logs), _) => logs.into(),
            (None, None) => {
                self.default_log = true;
                Arc::new([])
            }
            // nginx opens its default log only where a server uses it.
            (None, Some(_)) if self.default_log && head.is_none() => self.default_access_log(),
            (None, Some(outer)) => outer.access_logs.clone(),
        }
    }

    fn root(&self, own: Option<Root>, outer: Option<&Core>) -> Root {
        own.or_else(|| outer.map(|outer| outer.root.clone()))
            .unwrap_or_else(|| Root {
                path: Template::literal(self.analyser.path_bytes(b"html")),
                alias: false,
                alias_cut: 0,
                span: None,
            })
    }

    /// Where no line gives a log.
    fn default_access_log(&mut self) -> Arc<[AccessLog]> {
        let target = LogTarget::File(self.analyser.paths.below_prefix(b"logs/access.log"));
        let file = self.analyser.shared.log(LogFile {
            target,
            buffer: None,
        });
        Arc::new([AccessLog {
            file: AccessFile::Opened(file),
            format: self.combined.clone(),
            condition: None,
            span: None,
        }])
    }

    fn default_error_logs(&self) -> Vec<ErrorLog> {
        error_logs(self.analyser)
    }

    pub fn path(&self, chain: &Chain<'_>, name: &str) -> TempPath {
        let (text, levels) = chain.path(name);
        let text = text.strip_suffix(b"/").unwrap_or(&text);
        TempPath {
            folder: self.analyser.paths.below_prefix(text).into(),
            levels,
        }
    }
}

/// `keepalive_timeout`, and what it says to the client; 0 says nothing.
fn keepalive(own: Option<(Duration, Option<u64>)>, outer: Option<&Core>) -> (Duration, u64) {
    let own_header = own.and_then(|(_, header)| header);
    let timeout = own
        .map(|(timeout, _)| timeout)
        .or(outer.map(|outer| outer.keepalive_timeout));
    let header = own_header.or(outer.map(|outer| outer.keepalive_header));
    (
        timeout.unwrap_or(Duration::from_secs(75)),
        header.unwrap_or(0),
    )
}

fn in_file_only(chain: &Chain<'_>) -> InFileOnly {
    match chain.word("client_body_in_file_only") {
        "on" => InFileOnly::On,
        "clean" => InFileOnly::Clean,
        _ => InFileOnly::Off,
    }
}

fn lingering_close(chain: &Chain<'_>) -> LingeringClose {
    match chain.word("lingering_close") {
        "off" => LingeringClose::Off,
        "always" => LingeringClose::Always,
        _ => LingeringClose::On,
    }
}

fn server_tokens(chain: &Chain<'_>) -> ServerTokens {
    match chain.word("server_tokens") {
        "off" => ServerTokens::Off,
        "build" => ServerTokens::Build,
        _ => ServerTokens::On,
    }
}

fn if_modified_since(chain: &Chain<'_>) -> IfModifiedSince {
    match chain.word("if_modified_since") {
        "off" => IfModifiedSince::Off,
        "before" => IfModifiedSince::Before,
        _ => IfModifiedSince::Exact,
    }
}

fn default_index() -> Vec<IndexFile> {
    let name = Template::literal(Bytes::from_static(b"index.html"));
    vec![IndexFile { name }]
}

/// The main context's error logs, or nginx's default one.
pub fn error_logs(analyser: &crate::config::analyse::Analyser) -> Vec<ErrorLog> {
    if !analyser.shared.main_error_logs.is_empty() {
        return analyser.shared.main_error_logs.clone();
    }
    let target = match &analyser.paths.error_log {
        Some(path) if path.as_os_str() == "stderr" || path.as_os_str().is_empty() => {
            LogTarget::Stderr
        }
        Some(path) => LogTarget::File(
            analyser
                .paths
                .below_prefix(path.as_os_str().as_encoded_bytes()),
        ),
        None => LogTarget::File(analyser.paths.below_prefix(b"logs/error.log")),
    };
    vec![ErrorLog {
        target,
        level: LogLevel::Error,
    }]
}

/// The three types that nginx knows by itself.
fn default_types() -> MimeTypes {
    let pairs = [
        ("html", "text/html"),
        ("gif", "image/gif"),
        ("jpg", "image/jpeg"),
    ];
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    pairs
        .into_iter()
        .map(|(extension, mime)| (bytes(extension), bytes(mime)))
        .collect()
}
