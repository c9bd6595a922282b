//! The variables of nginx's language, as data: each name with what it stands for.

use bytes::Bytes;

/// A variable that a template uses, resolved to what it reads; evaluation matches on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Var {
    /// One with a fixed name.
    Builtin(Builtin),
    /// `$arg_NAME` (name as written; compared without case).
    Arg(Bytes),
    /// `$http_NAME`: name lower-case, with `_` as in the variable (matches `-` and `_` in a header).
    Http(Bytes),
    /// `$cookie_NAME`
    Cookie(Bytes),
    /// `$sent_http_NAME`
    SentHttp(Bytes),
    /// `$upstream_http_NAME`
    UpstreamHttp(Bytes),
    /// `$upstream_cookie_NAME`
    UpstreamCookie(Bytes),
    /// `$upstream_trailer_NAME`
    UpstreamTrailer(Bytes),
    /// One that has no value here, whatever the request (`$ssl_protocol`).
    Absent(Bytes),
    /// One that is empty here, whatever the request (`$http2`).
    Empty(Bytes),
    /// A variable of the file's own, by slot (`set`, `map`, named captures).
    Slot(u16),
}

macro_rules! builtins {
    ($($variant:ident $name:literal,)*) => {
        /// Variables with fixed names, in alphabetical order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Builtin { $(#[doc = concat!("`$", $name, "`")] $variant,)* }

        /// Every fixed name, for lookups and suggestions.
        pub const BUILTINS: &[(&str, Builtin)] = &[$(($name, Builtin::$variant),)*];
    };
}

builtins! {
    Args "args",
    BinaryRemoteAddr "binary_remote_addr",
    BodyBytesSent "body_bytes_sent",
    BytesSent "bytes_sent",
    Connection "connection",
    ConnectionRequests "connection_requests",
    ConnectionTime "connection_time",
    ContentLength "content_length",
    ContentType "content_type",
    DateGmt "date_gmt",
    DateLocal "date_local",
    DocumentRoot "document_root",
    DocumentUri "document_uri",
    GzipRatio "gzip_ratio",
    Host "host",
    Hostname "hostname",
    Https "https",
    IsArgs "is_args",
    LimitRate "limit_rate",
    Msec "msec",
    NginxVersion "nginx_version",
    Pid "pid",
    Pipe "pipe",
    ProxyAddXForwardedFor "proxy_add_x_forwarded_for",
    ProxyHost "proxy_host",
    ProxyInternalBodyLength "proxy_internal_body_length",
    ProxyInternalChunked "proxy_internal_chunked",
    ProxyPort "proxy_port",
    ProxyProtocolAddr "proxy_protocol_addr",
    ProxyProtocolPort "proxy_protocol_port",
    ProxyProtocolServerAddr "proxy_protocol_server_addr",
    ProxyProtocolServerPort "proxy_protocol_server_port",
    QueryString "query_string",
    RealpathRoot "realpath_root",
    RemoteAddr "remote_addr",
    RemotePort "remote_port",
    RemoteUser "remote_user",
    Request "request",
    RequestBody "request_body",
    RequestBodyFile "request_body_file",
    RequestCompletion "request_completion",
    RequestFilename "request_filename",
    RequestId "request_id",
    RequestLength "request_length",
    RequestMethod "request_method",
    RequestTime "request_time",
    RequestUri "request_uri",
    Scheme "scheme",
    ServerAddr "server_addr",
    ServerName "server_name",
    ServerPort "server_port",
    ServerProtocol "server_protocol",
    Status "status",
    TimeIso8601 "time_iso8601",
    TimeLocal "time_local",
    UpstreamAddr "upstream_addr",
    UpstreamBytesReceived "upstream_bytes_received",
    UpstreamBytesSent "upstream_bytes_sent",
    UpstreamCacheEtag "upstream_cache_etag",
    UpstreamCacheLastModified "upstream_cache_last_modified",
    UpstreamCacheStatus "upstream_cache_status",
    UpstreamConnectTime "upstream_connect_time",
    UpstreamHeaderTime "upstream_header_time",
    UpstreamResponseLength "upstream_response_length",
    UpstreamResponseTime "upstream_response_time",
    UpstreamStatus "upstream_status",
    Uri "uri",
}

/// Variables that nginx's built-in modules have and Proxy Lab has not.
const REFUSED: &[&str] = &[
    "ancient_browser",
    "connections_active",
    "connections_reading",
    "connections_waiting",
    "connections_writing",
    "fastcgi_path_info",
    "fastcgi_script_name",
    "grpc_internal_trailers",
    "modern_browser",
    "msie",
    "tcpinfo_rcv_space",
    "tcpinfo_rtt",
    "tcpinfo_rttvar",
    "tcpinfo_snd_cwnd",
];

/// Variables of TLS, caches, limits and others: they have no value where none of these is in use.
const ABSENT: &[&str] = &[
    "limit_conn_status",
    "limit_req_status",
    "secure_link",
    "secure_link_expires",
    "slice_range",
    "ssl_alpn_protocol",
    "ssl_cipher",
    "ssl_ciphers",
    "ssl_client_cert",
    "ssl_client_escaped_cert",
    "ssl_client_fingerprint",
    "ssl_client_i_dn",
    "ssl_client_i_dn_legacy",
    "ssl_client_raw_cert",
    "ssl_client_s_dn",
    "ssl_client_s_dn_legacy",
    "ssl_client_serial",
    "ssl_client_v_end",
    "ssl_client_v_remain",
    "ssl_client_v_start",
    "ssl_client_verify",
    "ssl_curve",
    "ssl_curves",
    "ssl_early_data",
    "ssl_protocol",
    "ssl_server_name",
    "ssl_session_id",
    "ssl_session_reused",
    "uid_got",
    "uid_set",
];

/// The same, with an empty value.
const EMPTY: &[&str] = &["http2", "invalid_referer", "uid_reset"];

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    Var(Var),
    /// nginx has it, Proxy Lab has not.
    Refused,
}

impl Known {
    /// Whether a file may make a variable of this name: nginx's families (`$http_…`), and those that its modules let
    /// a file set.
    pub fn can_be_made(&self) -> bool {
        match self {
            Self::Refused | Self::Var(Var::Builtin(_)) => false,
            Self::Var(Var::Absent(name) | Var::Empty(name)) => {
                let prefixes: [&[u8]; 2] = [b"ssl_", b"sent_trailer_"];
                prefixes.iter().any(|prefix| name.starts_with(prefix))
                    || matches!(&name[..], b"invalid_referer" | b"uid_reset")
            }
            Self::Var(_) => true,
        }
    }
}

/// Looks a lower-case name up among nginx's variables, those with a prefix (`http_…`) included.
pub fn known(name: &str) -> Option<Known> {
    if let Ok(index) = BUILTINS.binary_search_by_key(&name, |(name, _)| name) {
        return BUILTINS
            .get(index)
            .map(|(_, builtin)| Known::Var(Var::Builtin(*builtin)));
    }
    if REFUSED.contains(&name) {
        return Some(Known::Refused);
    }
    // No trailers are sent.
    if ABSENT.contains(&name) || name.starts_with("sent_trailer_") {
        return Some(Known::Var(Var::Absent(Bytes::copy_from_slice(
            name.as_bytes(),
        ))));
    }
    if EMPTY.contains(&name) {
        return Some(Known::Var(Var::Empty(Bytes::copy_from_slice(
            name.as_bytes(),
        ))));
    }
    // Without `set_real_ip_from`, the address that came is the address.
    match name {
        "realip_remote_addr" => return Some(Known::Var(Var::Builtin(Builtin::RemoteAddr))),
        "realip_remote_port" => return Some(Known::Var(Var::Builtin(Builtin::RemotePort))),
        _ => {}
    }
    type Make = fn(Bytes) -> Var;
    let prefixes: [(&str, Make); 7] = [
        ("upstream_http_", Var::UpstreamHttp),
        ("upstream_cookie_", Var::UpstreamCookie),
        ("upstream_trailer_", Var::UpstreamTrailer),
        ("sent_http_", Var::SentHttp),
        ("http_", Var::Http),
        ("cookie_", Var::Cookie),
        ("arg_", Var::Arg),
    ];
    let found = prefixes
        .iter()
        .find_map(|(prefix, make)| Some((name.strip_prefix(prefix)?, make)));
    found.map(|(rest, make)| Known::Var(make(Bytes::copy_from_slice(rest.as_bytes()))))
}

/// Names for suggestions.
pub fn names<'a>() -> impl Iterator<Item = &'a str> {
    const COMMON: [&str; 6] = [
        "http_host",
        "http_user_agent",
        "http_referer",
        "http_cookie",
        "http_upgrade",
        "http_x_forwarded_for",
    ];
    BUILTINS.iter().map(|(name, _)| *name).chain(COMMON)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(BUILTINS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn lookups() {
        assert_eq!(known("host"), Some(Known::Var(Var::Builtin(Builtin::Host))));
        assert_eq!(
            known("http_host"),
            Some(Known::Var(Var::Http(Bytes::from_static(b"host"))))
        );
        assert_eq!(known("connections_active"), Some(Known::Refused));
        assert!(matches!(
            known("ssl_protocol"),
            Some(Known::Var(Var::Absent(_)))
        ));
        assert_eq!(known("schem"), None);
    }
}
