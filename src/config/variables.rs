//! The variables of nginx's language, as data: each name with what it stands for.

mod known;

use bytes::Bytes;

pub use known::{Known, known, names};

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
    /// `$sent_trailer_NAME`
    SentTrailer(Bytes),
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

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
pub enum Means {
    /// What the request says: `front::variables` computes it.
    Value(Builtin),
    /// All names that begin with this one.
    Family(fn(Bytes) -> Var),
    /// Nothing, as in nginx where the module is not in use.
    Absent,
    /// The same, with an empty value.
    Empty,
    /// nginx has it, Proxy Lab has not: an error.
    Refused,
}

/// A variable of nginx's.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Without `$`; the beginning of the name where it is a family.
    pub name: &'static str,
    /// nginx's name of the module.
    pub module: &'static str,
    pub means: Means,
    /// What differs from nginx.
    pub differs: Option<&'static str>,
}

impl Variable {
    const fn new(name: &'static str, module: &'static str, means: Means) -> Self {
        Self {
            name,
            module,
            means,
            differs: None,
        }
    }

    const fn differs(mut self, text: &'static str) -> Self {
        self.differs = Some(text);
        self
    }
}

const fn same(name: &'static str, module: &'static str, as_this: Builtin) -> Variable {
    Variable::new(name, module, Means::Value(as_this))
}

const fn family(name: &'static str, module: &'static str, make: fn(Bytes) -> Var) -> Variable {
    Variable::new(name, module, Means::Family(make))
}

const fn absent(name: &'static str, module: &'static str) -> Variable {
    Variable::new(name, module, Means::Absent)
}

const fn empty(name: &'static str, module: &'static str) -> Variable {
    Variable::new(name, module, Means::Empty)
}

const fn refused(name: &'static str, module: &'static str) -> Variable {
    Variable::new(name, module, Means::Refused)
}

const CORE: &str = "ngx_http_core_module";
const UPSTREAM: &str = "ngx_http_upstream_module";
const PROXY: &str = "ngx_http_proxy_module";
const SSL: &str = "ngx_http_ssl_module";
const V2: &str = "ngx_http_v2_module";
const BROWSER: &str = "ngx_http_browser_module";
const FASTCGI: &str = "ngx_http_fastcgi_module";
const GRPC: &str = "ngx_http_grpc_module";
const GZIP: &str = "ngx_http_gzip_filter_module";
const LIMIT_CONN: &str = "ngx_http_limit_conn_module";
const LIMIT_REQ: &str = "ngx_http_limit_req_module";
const REALIP: &str = "ngx_http_realip_module";
const REFERER: &str = "ngx_http_referer_module";
const SECURE_LINK: &str = "ngx_http_secure_link_module";
const SLICE: &str = "ngx_http_slice_filter_module";
const SSI: &str = "ngx_http_ssi_filter_module";
const STUB_STATUS: &str = "ngx_http_stub_status_module";
const USERID: &str = "ngx_http_userid_filter_module";

/// What is said of `$tcpinfo_…`.
const OF_LINUX: &str = "Linux alone is asked: elsewhere the name is unknown, as to nginx where the system has no \
                        TCP_INFO. A connection that the client has reset has none.";

macro_rules! builtins {
    ($($variant:ident $name:literal $module:ident $(differs $differs:ident)?,)*) => {
        /// Variables that have a value of their own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Builtin { $(#[doc = concat!("`$", $name, "`")] $variant,)* }

        /// In alphabetical order.
        const BUILTINS: &[Variable] =
            &[$(Variable::new($name, $module, Means::Value(Builtin::$variant))$(.differs($differs))?,)*];
    };
}

builtins! {
    AncientBrowser "ancient_browser" BROWSER,
    Args "args" CORE,
    BinaryRemoteAddr "binary_remote_addr" CORE,
    BodyBytesSent "body_bytes_sent" CORE,
    BytesSent "bytes_sent" CORE,
    Connection "connection" CORE,
    ConnectionRequests "connection_requests" CORE,
    ConnectionTime "connection_time" CORE,
    ConnectionsActive "connections_active" STUB_STATUS,
    ConnectionsReading "connections_reading" STUB_STATUS,
    ConnectionsWaiting "connections_waiting" STUB_STATUS,
    ConnectionsWriting "connections_writing" STUB_STATUS,
    ContentLength "content_length" CORE,
    ContentType "content_type" CORE,
    DateGmt "date_gmt" SSI,
    DateLocal "date_local" SSI,
    DocumentRoot "document_root" CORE,
    DocumentUri "document_uri" CORE,
    GzipRatio "gzip_ratio" GZIP,
    Host "host" CORE,
    Hostname "hostname" CORE,
    Https "https" CORE,
    InvalidReferer "invalid_referer" REFERER,
    IsArgs "is_args" CORE,
    LimitRate "limit_rate" CORE,
    ModernBrowser "modern_browser" BROWSER,
    Msec "msec" CORE,
    Msie "msie" BROWSER,
    NginxVersion "nginx_version" CORE,
    Pid "pid" CORE,
    Pipe "pipe" CORE,
    ProxyAddXForwardedFor "proxy_add_x_forwarded_for" PROXY,
    ProxyHost "proxy_host" PROXY,
    ProxyInternalBodyLength "proxy_internal_body_length" PROXY,
    ProxyInternalChunked "proxy_internal_chunked" PROXY,
    ProxyPort "proxy_port" PROXY,
    ProxyProtocolAddr "proxy_protocol_addr" CORE,
    ProxyProtocolPort "proxy_protocol_port" CORE,
    ProxyProtocolServerAddr "proxy_protocol_server_addr" CORE,
    ProxyProtocolServerPort "proxy_protocol_server_port" CORE,
    QueryString "query_string" CORE,
    RealpathRoot "realpath_root" CORE,
    RemoteAddr "remote_addr" CORE,
    RemotePort "remote_port" CORE,
    RemoteUser "remote_user" CORE,
    Request "request" CORE,
    RequestBody "request_body" CORE,
    RequestBodyFile "request_body_file" CORE,
    RequestCompletion "request_completion" CORE,
    RequestFilename "request_filename" CORE,
    RequestId "request_id" CORE,
    RequestLength "request_length" CORE,
    RequestMethod "request_method" CORE,
    RequestTime "request_time" CORE,
    RequestUri "request_uri" CORE,
    Scheme "scheme" CORE,
    SecureLink "secure_link" SECURE_LINK,
    SecureLinkExpires "secure_link_expires" SECURE_LINK,
    ServerAddr "server_addr" CORE,
    ServerName "server_name" CORE,
    ServerPort "server_port" CORE,
    ServerProtocol "server_protocol" CORE,
    Status "status" CORE,
    TcpinfoRcvSpace "tcpinfo_rcv_space" CORE differs OF_LINUX,
    TcpinfoRtt "tcpinfo_rtt" CORE differs OF_LINUX,
    TcpinfoRttvar "tcpinfo_rttvar" CORE differs OF_LINUX,
    TcpinfoSndCwnd "tcpinfo_snd_cwnd" CORE differs OF_LINUX,
    TimeIso8601 "time_iso8601" CORE,
    TimeLocal "time_local" CORE,
    UidGot "uid_got" USERID,
    UidReset "uid_reset" USERID,
    UidSet "uid_set" USERID,
    UpstreamAddr "upstream_addr" UPSTREAM,
    UpstreamBytesReceived "upstream_bytes_received" UPSTREAM,
    UpstreamBytesSent "upstream_bytes_sent" UPSTREAM,
    UpstreamCacheEtag "upstream_cache_etag" UPSTREAM,
    UpstreamCacheLastModified "upstream_cache_last_modified" UPSTREAM,
    UpstreamCacheStatus "upstream_cache_status" UPSTREAM,
    UpstreamConnectTime "upstream_connect_time" UPSTREAM,
    UpstreamHeaderTime "upstream_header_time" UPSTREAM,
    UpstreamResponseLength "upstream_response_length" UPSTREAM,
    UpstreamResponseTime "upstream_response_time" UPSTREAM,
    UpstreamStatus "upstream_status" UPSTREAM,
    Uri "uri" CORE,
}

/// All others, and the families, in alphabetical order.
const OTHERS: &[Variable] = &[
    family("arg_", CORE, Var::Arg),
    family("cookie_", CORE, Var::Cookie),
    refused("fastcgi_path_info", FASTCGI),
    refused("fastcgi_script_name", FASTCGI),
    refused("grpc_internal_trailers", GRPC),
    empty("http2", V2),
    family("http_", CORE, Var::Http),
    absent("limit_conn_status", LIMIT_CONN),
    absent("limit_req_status", LIMIT_REQ),
    same("realip_remote_addr", REALIP, Builtin::RemoteAddr),
    same("realip_remote_port", REALIP, Builtin::RemotePort),
    family("sent_http_", CORE, Var::SentHttp),
    family("sent_trailer_", CORE, Var::SentTrailer),
    absent("slice_range", SLICE),
    absent("ssl_alpn_protocol", SSL),
    absent("ssl_cipher", SSL),
    absent("ssl_ciphers", SSL),
    absent("ssl_client_cert", SSL),
    absent("ssl_client_escaped_cert", SSL),
    absent("ssl_client_fingerprint", SSL),
    absent("ssl_client_i_dn", SSL),
    absent("ssl_client_i_dn_legacy", SSL),
    absent("ssl_client_raw_cert", SSL),
    absent("ssl_client_s_dn", SSL),
    absent("ssl_client_s_dn_legacy", SSL),
    absent("ssl_client_serial", SSL),
    absent("ssl_client_v_end", SSL),
    absent("ssl_client_v_remain", SSL),
    absent("ssl_client_v_start", SSL),
    absent("ssl_client_verify", SSL),
    absent("ssl_curve", SSL),
    absent("ssl_curves", SSL),
    absent("ssl_early_data", SSL),
    absent("ssl_protocol", SSL),
    absent("ssl_server_name", SSL),
    absent("ssl_session_id", SSL),
    absent("ssl_session_reused", SSL),
    family("upstream_cookie_", UPSTREAM, Var::UpstreamCookie),
    family("upstream_http_", UPSTREAM, Var::UpstreamHttp),
    family("upstream_trailer_", UPSTREAM, Var::UpstreamTrailer),
];

/// The table: every variable of the modules that Debian's nginx 1.22.1 has built in.
pub fn variables() -> impl Iterator<Item = &'static Variable> {
    BUILTINS.iter().chain(OTHERS)
}

/// Those that nginx keeps out of its table of names (`NGX_HTTP_VAR_NOHASH`): nothing asks for them while it runs.
pub const NOT_HASHED: [&str; 11] = [
    "fastcgi_path_info",
    "fastcgi_script_name",
    "grpc_internal_trailers",
    "gzip_ratio",
    "proxy_add_x_forwarded_for",
    "proxy_host",
    "proxy_internal_body_length",
    "proxy_internal_chunked",
    "proxy_port",
    "upstream_cache_etag",
    "upstream_cache_last_modified",
];

/// Members of families that nginx has as variables of their own: a file cannot make these.
const OF_FAMILIES: [&str; 15] = [
    "http_cookie",
    "http_host",
    "http_referer",
    "http_user_agent",
    "http_via",
    "http_x_forwarded_for",
    "sent_http_cache_control",
    "sent_http_connection",
    "sent_http_content_length",
    "sent_http_content_type",
    "sent_http_keep_alive",
    "sent_http_last_modified",
    "sent_http_link",
    "sent_http_location",
    "sent_http_transfer_encoding",
];

/// The names of nginx's own table of variables.
pub fn hashed() -> impl Iterator<Item = &'static str> {
    let single = variables().filter(|variable| !matches!(variable.means, Means::Family(_)));
    let single = single.map(|variable| variable.name);
    single
        .filter(|name| !NOT_HASHED.contains(name))
        .chain(OF_FAMILIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(BUILTINS.is_sorted_by_key(|variable| variable.name));
        assert!(OTHERS.is_sorted_by_key(|variable| variable.name));
    }
}
