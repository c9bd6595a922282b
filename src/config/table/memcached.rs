//! Directives of the memcached module.

use super::Row;
use super::prelude::*;

pub const MODULES: &[Module] = &[("ngx_http_memcached_module", MEMCACHED_ROWS)];

const MEMCACHED_ROWS: &[Row] = &[
    row("memcached_pass", LOC | LIF, ONE, Custom),
    row("memcached_bind", ALL, ONE_TWO, Custom),
    row("memcached_socket_keepalive", ALL, ONE, Flag),
    row("memcached_connect_timeout", ALL, ONE, Msec),
    row("memcached_send_timeout", ALL, ONE, Msec),
    row("memcached_buffer_size", ALL, ONE, Size),
    row("memcached_read_timeout", ALL, ONE, Msec),
    row(
        "memcached_next_upstream",
        ALL,
        SOME,
        Mask(&["error", "timeout", "invalid_response", "not_found", "off"]),
    ),
    row("memcached_next_upstream_tries", ALL, ONE, Number),
    row("memcached_next_upstream_timeout", ALL, ONE, Msec),
    row("memcached_gzip_flag", ALL, ONE, Number),
];
