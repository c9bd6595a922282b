//! Directives of nginx's HTTP core and its log module.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{
    access, core, files, filters, listen, location, log, resolver, server, types,
};

pub const MODULES: &[Module] = &[
    ("ngx_http_core_module", HTTP_CORE_ROWS),
    ("ngx_http_log_module", LOG_ROWS),
];

const HTTP_CORE_ROWS: &[Row] = &[
    // Not in nginx 1.22.1 as released: Debian's build has it.
    row("max_headers", HTTP | SRV, ONE, Number)
        .default("1000")
        .value(),
    row("variables_hash_max_size", HTTP, ONE, Number)
        .default("1024")
        .accepted(),
    row("variables_hash_bucket_size", HTTP, ONE, Number)
        .default("64")
        .accepted(),
    row("server_names_hash_max_size", HTTP, ONE, Number)
        .default("512")
        .accepted(),
    row("server_names_hash_bucket_size", HTTP, ONE, Number)
        .default("64")
        .accepted(),
    row("server", HTTP, NONE, Custom)
        .block()
        .done(server::block),
    row("connection_pool_size", HTTP | SRV, ONE, Size)
        .default("512")
        .accepted_by(core::pool_size),
    row("request_pool_size", HTTP | SRV, ONE, Size)
        .default("4k")
        .accepted_by(core::pool_size),
    row("client_header_timeout", HTTP | SRV, ONE, Msec)
        .default("60s")
        .value(),
    row("client_header_buffer_size", HTTP | SRV, ONE, Size)
        .default("1k")
        .value(),
    row("large_client_header_buffers", HTTP | SRV, TWO, Buffers)
        .default("4 8k")
        .value(),
    row("ignore_invalid_headers", HTTP | SRV, ONE, Flag)
        .default("on")
        .value(),
    row("merge_slashes", HTTP | SRV, ONE, Flag)
        .default("on")
        .value(),
    row("underscores_in_headers", HTTP | SRV, ONE, Flag)
        .default("off")
        .value(),
    row("location", SRV | LOC, ONE_TWO, Custom)
        .block()
        .done(location::block),
    row("listen", SRV, SOME, Custom)
        .default("*:80")
        .done(listen::listen)
        .differs("`ssl`, `http2` and `proxy_protocol` are refused."),
    row("server_name", SRV, SOME, Custom)
        .default("\"\"")
        .done(server::name),
    row("types_hash_max_size", ALL, ONE, Number)
        .default("1024")
        .accepted(),
    row("types_hash_bucket_size", ALL, ONE, Number)
        .default("64")
        .accepted(),
    row("types", ALL, NONE, Custom).block().done(types::block),
    row("default_type", ALL, ONE, Text)
        .default("text/plain")
        .value(),
    row("root", ALL | LIF, ONE, Custom)
        .default("html")
        .done(files::root),
    row("alias", LOC, ONE, Custom).done(files::root),
    row("limit_except", LOC, SOME, Custom)
        .block()
        .done(access::limit_except),
    row("client_max_body_size", ALL, ONE, Offset)
        .default("1m")
        .value(),
    row("client_body_buffer_size", ALL, ONE, Size)
        .default("8k")
        .value(),
    row("client_body_timeout", ALL, ONE, Msec)
        .default("60s")
        .value(),
    row("client_body_temp_path", ALL, ONE_TO_FOUR, Path)
        .default("client_body_temp")
        .value(),
    row(
        "client_body_in_file_only",
        ALL,
        ONE,
        Enum(&["off", "on", "clean"]),
    )
    .default("off")
    .value(),
    row("client_body_in_single_buffer", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("sendfile", ALL | LIF, ONE, Flag).default("off").value(),
    row("sendfile_max_chunk", ALL, ONE, Size)
        .default("2m")
        .accepted(),
    row("subrequest_output_buffer_size", ALL, ONE, Size)
        .default("4k")
        .accepted(),
    row("aio", ALL, ONE, Text)
        .default("off")
        .accepted_by(core::aio),
    row("aio_write", ALL, ONE, Flag).default("off").accepted(),
    row("read_ahead", ALL, ONE, Size).default("0").accepted(),
    row("directio", ALL, ONE, Text)
        .default("off")
        .accepted_by(core::directio),
    row("directio_alignment", ALL, ONE, Offset)
        .default("512")
        .accepted(),
    row("tcp_nopush", ALL, ONE, Flag).default("off").accepted(),
    row("tcp_nodelay", ALL, ONE, Flag).default("on").accepted(),
    row("send_timeout", ALL, ONE, Msec).default("60s").value(),
    row("send_lowat", ALL, ONE, Size).default("0").accepted(),
    row("postpone_output", ALL, ONE, Size)
        .default("1460")
        .value(),
    row("limit_rate", ALL | LIF, ONE, TemplateSize)
        .default("0")
        .value(),
    row("limit_rate_after", ALL | LIF, ONE, TemplateSize)
        .default("0")
        .value(),
    row("keepalive_time", ALL, ONE, Msec).default("1h").value(),
    row("keepalive_timeout", ALL, ONE_TWO, Custom)
        .default("75s")
        .done(core::keepalive_timeout),
    row("keepalive_requests", ALL, ONE, Number)
        .default("1000")
        .value(),
    row(
        "keepalive_disable",
        ALL,
        ONE_TWO,
        Mask(&["none", "msie6", "safari"]),
    )
    .default("msie6")
    .value(),
    row("satisfy", ALL, ONE, Enum(&["all", "any"])).default("all"),
    row("auth_delay", ALL, ONE, Msec).default("0s"),
    row("internal", LOC, NONE, Custom).done(core::internal),
    row("lingering_close", ALL, ONE, Enum(&["off", "on", "always"]))
        .default("on")
        .value(),
    row("lingering_time", ALL, ONE, Msec).default("30s").value(),
    row("lingering_timeout", ALL, ONE, Msec)
        .default("5s")
        .value(),
    row("reset_timedout_connection", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("absolute_redirect", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("server_name_in_redirect", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("port_in_redirect", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("msie_padding", ALL, ONE, Flag).default("on").value(),
    row("msie_refresh", ALL, ONE, Flag).default("off").value(),
    row("log_not_found", ALL, ONE, Flag).default("on").value(),
    row("log_subrequest", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("recursive_error_pages", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("server_tokens", ALL, ONE, Enum(&["off", "on", "build"]))
        .default("on")
        .value(),
    row(
        "if_modified_since",
        ALL,
        ONE,
        Enum(&["off", "exact", "before"]),
    )
    .default("exact")
    .value(),
    row("max_ranges", ALL, ONE, Number).value(),
    row("chunked_transfer_encoding", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("etag", ALL, ONE, Flag).default("on").value(),
    row("error_page", ALL | LIF, TWO_MORE, Custom).done(core::error_page),
    row("post_action", ALL | LIF, ONE, Text),
    row("error_log", ALL, SOME, Custom)
        .default("logs/error.log error")
        .done(log::error_log)
        .differs("Lines to `memory:` are lost: there is no debugger to read them."),
    row("open_file_cache", ALL, ONE_TWO, Custom)
        .default("off")
        .accepted_by(core::open_file_cache),
    row("open_file_cache_valid", ALL, ONE, Sec)
        .default("60s")
        .accepted(),
    row("open_file_cache_min_uses", ALL, ONE, Number)
        .default("1")
        .accepted(),
    row("open_file_cache_errors", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("open_file_cache_events", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("resolver", ALL, SOME, Custom).done(resolver::resolver),
    row("resolver_timeout", ALL, ONE, Msec)
        .default("30s")
        .value(),
    row("gzip_vary", ALL, ONE, Flag).default("off").value(),
    row("gzip_http_version", ALL, ONE, Enum(&["1.0", "1.1"]))
        .default("1.1")
        .value(),
    row(
        "gzip_proxied",
        ALL,
        SOME,
        Mask(&[
            "off",
            "expired",
            "no-cache",
            "no-store",
            "private",
            "no_last_modified",
            "no_etag",
            "auth",
            "any",
        ]),
    )
    .default("off")
    .value(),
    row("gzip_disable", ALL, SOME, Custom).done(filters::gzip_disable),
    row("disable_symlinks", ALL, ONE_TWO, Custom)
        .default("off")
        .done(filters::disable_symlinks),
];

const LOG_ROWS: &[Row] = &[
    row("log_format", HTTP, TWO_MORE, Custom)
        .default("combined \"…\"")
        .done(log::format),
    row("access_log", ALL | LIF | LMT, SOME, Custom)
        .default("logs/access.log combined")
        .done(log::access_log),
    row("open_log_file_cache", ALL, ONE_TO_FOUR, Custom)
        .default("off")
        .accepted_by(log::open_log_file_cache),
];
