//! Directives of the FastCGI, uwsgi and SCGI modules: nginx has most of them in each, under its name.

use super::Row;
use super::prelude::*;

pub const MODULES: &[Module] = &[
    ("ngx_http_fastcgi_module", FASTCGI_ROWS),
    ("ngx_http_uwsgi_module", UWSGI_ROWS),
    ("ngx_http_scgi_module", SCGI_ROWS),
];

/// What `…_next_upstream` and `…_cache_use_stale` may name.
const FAILURES: &[&str] = &[
    "error",
    "timeout",
    "invalid_header",
    "non_idempotent",
    "http_500",
    "http_503",
    "http_403",
    "http_404",
    "http_429",
    "updating",
    "off",
];

/// The rows that all of them have, and those of a module's own.
macro_rules! gateway {
    ($gateway:literal, [$($own:expr,)*]) => {
        &[
    row(concat!($gateway, "_pass"), LOC | LIF, ONE, Custom),
    row(concat!($gateway, "_store"), ALL, ONE, Custom),
    row(concat!($gateway, "_store_access"), ALL, ONE_TO_THREE, Custom),
    row(concat!($gateway, "_buffering"), ALL, ONE, Flag),
    row(concat!($gateway, "_request_buffering"), ALL, ONE, Flag),
    row(concat!($gateway, "_ignore_client_abort"), ALL, ONE, Flag),
    row(concat!($gateway, "_bind"), ALL, ONE_TWO, Custom),
    row(concat!($gateway, "_socket_keepalive"), ALL, ONE, Flag),
    row(concat!($gateway, "_connect_timeout"), ALL, ONE, Msec),
    row(concat!($gateway, "_send_timeout"), ALL, ONE, Msec),
    row(concat!($gateway, "_buffer_size"), ALL, ONE, Size),
    row(concat!($gateway, "_pass_request_headers"), ALL, ONE, Flag),
    row(concat!($gateway, "_pass_request_body"), ALL, ONE, Flag),
    row(concat!($gateway, "_intercept_errors"), ALL, ONE, Flag),
    row(concat!($gateway, "_read_timeout"), ALL, ONE, Msec),
    row(concat!($gateway, "_buffers"), ALL, TWO, Buffers),
    row(concat!($gateway, "_busy_buffers_size"), ALL, ONE, Size),
    row(concat!($gateway, "_force_ranges"), ALL, ONE, Flag),
    row(concat!($gateway, "_limit_rate"), ALL, ONE, Size),
    row(concat!($gateway, "_cache"), ALL, ONE, Custom),
    row(concat!($gateway, "_cache_key"), ALL, ONE, Custom),
    row(concat!($gateway, "_cache_path"), HTTP, TWO_MORE, Custom),
    row(concat!($gateway, "_cache_bypass"), ALL, SOME, Templates),
    row(concat!($gateway, "_no_cache"), ALL, SOME, Templates),
    row(concat!($gateway, "_cache_valid"), ALL, SOME, Custom),
    row(concat!($gateway, "_cache_min_uses"), ALL, ONE, Number),
    row(concat!($gateway, "_cache_max_range_offset"), ALL, ONE, Offset),
    row(
        concat!($gateway, "_cache_use_stale"),
        ALL,
        SOME,
        Mask(FAILURES),
    ),
    row(
        concat!($gateway, "_cache_methods"),
        ALL,
        SOME,
        Mask(&["GET", "HEAD", "POST"]),
    ),
    row(concat!($gateway, "_cache_lock"), ALL, ONE, Flag),
    row(concat!($gateway, "_cache_lock_timeout"), ALL, ONE, Msec),
    row(concat!($gateway, "_cache_lock_age"), ALL, ONE, Msec),
    row(concat!($gateway, "_cache_revalidate"), ALL, ONE, Flag),
    row(concat!($gateway, "_cache_background_update"), ALL, ONE, Flag),
    row(concat!($gateway, "_temp_path"), ALL, ONE_TO_FOUR, Path)
        .default(concat!($gateway, "_temp"))
        .accepted(),
    row(concat!($gateway, "_max_temp_file_size"), ALL, ONE, Size),
    row(concat!($gateway, "_temp_file_write_size"), ALL, ONE, Size),
    row(
        concat!($gateway, "_next_upstream"),
        ALL,
        SOME,
        Mask(FAILURES),
    ),
    row(concat!($gateway, "_next_upstream_tries"), ALL, ONE, Number),
    row(concat!($gateway, "_next_upstream_timeout"), ALL, ONE, Msec),
    row(concat!($gateway, "_param"), ALL, TWO_THREE, Custom),
    row(concat!($gateway, "_pass_header"), ALL, ONE, Texts),
    row(concat!($gateway, "_hide_header"), ALL, ONE, Texts),
    row(
        concat!($gateway, "_ignore_headers"),
        ALL,
        SOME,
        Mask(FIELDS_OF_UPSTREAMS),
    ),
            $($own,)*
        ]
    };
}

const FASTCGI_ROWS: &[Row] = gateway!(
    "fastcgi",
    [
        row("fastcgi_index", ALL, ONE, Text),
        row("fastcgi_split_path_info", ALL, ONE, Custom),
        row("fastcgi_send_lowat", ALL, ONE, Size),
        row("fastcgi_catch_stderr", ALL, ONE, Texts),
        row("fastcgi_keep_conn", ALL, ONE, Flag),
    ]
);

const SCGI_ROWS: &[Row] = gateway!("scgi", []);

const UWSGI_ROWS: &[Row] = gateway!(
    "uwsgi",
    [
        row("uwsgi_modifier1", ALL, ONE, Number),
        row("uwsgi_modifier2", ALL, ONE, Number),
        row("uwsgi_string", ALL, ONE, Text),
        row("uwsgi_ssl_session_reuse", ALL, ONE, Flag),
        row("uwsgi_ssl_protocols", ALL, SOME, Mask(PROTOCOLS),),
        row("uwsgi_ssl_ciphers", ALL, ONE, Text),
        row("uwsgi_ssl_name", ALL, ONE, Template),
        row("uwsgi_ssl_server_name", ALL, ONE, Flag),
        row("uwsgi_ssl_verify", ALL, ONE, Flag),
        row("uwsgi_ssl_verify_depth", ALL, ONE, Number),
        row("uwsgi_ssl_trusted_certificate", ALL, ONE, Text),
        row("uwsgi_ssl_crl", ALL, ONE, Text),
        row("uwsgi_ssl_certificate", ALL, ONE, Template),
        row("uwsgi_ssl_certificate_key", ALL, ONE, Template),
        row("uwsgi_ssl_password_file", ALL, ONE, Custom),
        row("uwsgi_ssl_conf_command", ALL, TWO, Pairs),
    ]
);
