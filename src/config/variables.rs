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
    UpstreamConnectTime "upstream_connect_time",
    UpstreamHeaderTime "upstream_header_time",
    UpstreamResponseLength "upstream_response_length",
    UpstreamResponseTime "upstream_response_time",
    UpstreamStatus "upstream_status",
    Uri "uri",
}
