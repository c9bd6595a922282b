//! Directives of the proxy module.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{proxy, proxy_cookies};

pub const MODULES: &[Module] = &[("ngx_http_proxy_module", PROXY_ROWS)];

/// What `proxy_next_upstream` and `proxy_cache_use_stale` may name.
const FAILURES: &[&str] = &[
    "error",
    "timeout",
    "invalid_header",
    "non_idempotent",
    "http_500",
    "http_502",
    "http_503",
    "http_504",
    "http_403",
    "http_404",
    "http_429",
    "updating",
    "off",
];

const PROXY_ROWS: &[Row] = &[
    row("proxy_pass", LOC | LIF | LMT, ONE, Custom)
        .done(proxy::pass)
        .differs("`https://` is refused."),
    row("proxy_redirect", ALL, ONE_TWO, Custom)
        .default("default")
        .done(proxy::redirect),
    row("proxy_cookie_domain", ALL, ONE_TWO, Custom)
        .default("off")
        .done(proxy_cookies::domain),
    row("proxy_cookie_path", ALL, ONE_TWO, Custom)
        .default("off")
        .done(proxy_cookies::path),
    row("proxy_cookie_flags", ALL, ONE_TO_FOUR, Custom)
        .default("off")
        .done(proxy_cookies::flags),
    row("proxy_store", ALL, ONE, Custom).default("off"),
    row("proxy_store_access", ALL, ONE_TO_THREE, Custom).default("user:rw"),
    row("proxy_buffering", ALL, ONE, Flag).default("on").value(),
    row("proxy_request_buffering", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("proxy_ignore_client_abort", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("proxy_bind", ALL, ONE_TWO, Custom)
        .done(proxy::bind)
        .differs("`transparent` is refused."),
    row("proxy_socket_keepalive", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("proxy_connect_timeout", ALL, ONE, Msec)
        .default("60s")
        .value(),
    row("proxy_send_timeout", ALL, ONE, Msec)
        .default("60s")
        .value(),
    row("proxy_send_lowat", ALL, ONE, Size)
        .default("0")
        .accepted(),
    row("proxy_intercept_errors", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("proxy_set_header", ALL, TWO, Pairs)
        .default("Host $proxy_host")
        .value(),
    row("proxy_headers_hash_max_size", ALL, ONE, Number)
        .default("512")
        .accepted(),
    row("proxy_headers_hash_bucket_size", ALL, ONE, Number)
        .default("64")
        .accepted(),
    row("proxy_set_body", ALL, ONE, Template).value(),
    row("proxy_method", ALL, ONE, Template).value(),
    row("proxy_pass_request_headers", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("proxy_pass_request_body", ALL, ONE, Flag)
        .default("on")
        .value(),
    row("proxy_buffer_size", ALL, ONE, Size)
        .default("4k")
        .value(),
    row("proxy_read_timeout", ALL, ONE, Msec)
        .default("60s")
        .value(),
    row("proxy_buffers", ALL, TWO, Buffers)
        .default("8 4k")
        .value(),
    row("proxy_busy_buffers_size", ALL, ONE, Size)
        .default("8k")
        .value(),
    row("proxy_force_ranges", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("proxy_limit_rate", ALL, ONE, Size).default("0").value(),
    row("proxy_cache", ALL, ONE, Custom).default("off"),
    row("proxy_cache_key", ALL, ONE, Custom).default("$scheme$proxy_host$request_uri"),
    row("proxy_cache_path", HTTP, TWO_MORE, Custom),
    // These two choose what a cache does, and there is none.
    row("proxy_cache_bypass", ALL, SOME, Templates).accepted(),
    row("proxy_no_cache", ALL, SOME, Templates).accepted(),
    row("proxy_cache_valid", ALL, SOME, Custom),
    row("proxy_cache_min_uses", ALL, ONE, Number).default("1"),
    row("proxy_cache_max_range_offset", ALL, ONE, Offset),
    row("proxy_cache_use_stale", ALL, SOME, Mask(FAILURES)).default("off"),
    row(
        "proxy_cache_methods",
        ALL,
        SOME,
        Mask(&["GET", "HEAD", "POST"]),
    )
    .default("GET HEAD"),
    row("proxy_cache_lock", ALL, ONE, Flag).default("off"),
    row("proxy_cache_lock_timeout", ALL, ONE, Msec).default("5s"),
    row("proxy_cache_lock_age", ALL, ONE, Msec).default("5s"),
    row("proxy_cache_revalidate", ALL, ONE, Flag).default("off"),
    row("proxy_cache_convert_head", ALL, ONE, Flag).default("on"),
    row("proxy_cache_background_update", ALL, ONE, Flag).default("off"),
    row("proxy_temp_path", ALL, ONE_TO_FOUR, Path)
        .default("proxy_temp 1 2")
        .value(),
    row("proxy_max_temp_file_size", ALL, ONE, Size)
        .default("1024m")
        .value(),
    row("proxy_temp_file_write_size", ALL, ONE, Size)
        .default("8k")
        .accepted(),
    row("proxy_next_upstream", ALL, SOME, Mask(FAILURES))
        .default("error timeout")
        .value(),
    row("proxy_next_upstream_tries", ALL, ONE, Number)
        .default("0")
        .value(),
    row("proxy_next_upstream_timeout", ALL, ONE, Msec)
        .default("0")
        .value(),
    row("proxy_pass_header", ALL, ONE, Texts).value(),
    row("proxy_hide_header", ALL, ONE, Texts).value(),
    row("proxy_ignore_headers", ALL, SOME, Mask(FIELDS_OF_UPSTREAMS)).value(),
    row("proxy_http_version", ALL, ONE, Enum(&["1.0", "1.1"]))
        .default("1.0")
        .value(),
    row("proxy_ssl_session_reuse", ALL, ONE, Flag)
        .default("on")
        .accepted(),
    row("proxy_ssl_protocols", ALL, SOME, Mask(PROTOCOLS))
        .default("TLSv1 TLSv1.1 TLSv1.2 TLSv1.3")
        .accepted(),
    row("proxy_ssl_ciphers", ALL, ONE, Text)
        .default("DEFAULT")
        .accepted(),
    row("proxy_ssl_name", ALL, ONE, Template)
        .default("$proxy_host")
        .accepted(),
    row("proxy_ssl_server_name", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("proxy_ssl_verify", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("proxy_ssl_verify_depth", ALL, ONE, Number)
        .default("1")
        .accepted(),
    row("proxy_ssl_trusted_certificate", ALL, ONE, Text).accepted(),
    row("proxy_ssl_crl", ALL, ONE, Text).accepted(),
    row("proxy_ssl_certificate", ALL, ONE, Template).accepted(),
    row("proxy_ssl_certificate_key", ALL, ONE, Template).accepted(),
    row("proxy_ssl_password_file", ALL, ONE, Custom).accepted(),
    row("proxy_ssl_conf_command", ALL, TWO, Pairs).accepted(),
];
