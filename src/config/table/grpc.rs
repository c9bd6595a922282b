//! Directives of the gRPC module.

use super::Row;
use super::prelude::*;

pub const MODULES: &[Module] = &[("ngx_http_grpc_module", GRPC_ROWS)];

const GRPC_ROWS: &[Row] = &[
    row("grpc_pass", LOC | LIF, ONE, Custom),
    row("grpc_bind", ALL, ONE_TWO, Custom),
    row("grpc_socket_keepalive", ALL, ONE, Flag),
    row("grpc_connect_timeout", ALL, ONE, Msec),
    row("grpc_send_timeout", ALL, ONE, Msec),
    row("grpc_intercept_errors", ALL, ONE, Flag),
    row("grpc_buffer_size", ALL, ONE, Size),
    row("grpc_read_timeout", ALL, ONE, Msec),
    row(
        "grpc_next_upstream",
        ALL,
        SOME,
        Mask(&[
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
            "off",
        ]),
    ),
    row("grpc_next_upstream_tries", ALL, ONE, Number),
    row("grpc_next_upstream_timeout", ALL, ONE, Msec),
    row("grpc_set_header", ALL, TWO, Pairs),
    row("grpc_pass_header", ALL, ONE, Texts),
    row("grpc_hide_header", ALL, ONE, Texts),
    row("grpc_ignore_headers", ALL, SOME, Mask(FIELDS_OF_UPSTREAMS)),
    row("grpc_ssl_session_reuse", ALL, ONE, Flag),
    row("grpc_ssl_protocols", ALL, SOME, Mask(PROTOCOLS)),
    row("grpc_ssl_ciphers", ALL, ONE, Text),
    row("grpc_ssl_name", ALL, ONE, Template),
    row("grpc_ssl_server_name", ALL, ONE, Flag),
    row("grpc_ssl_verify", ALL, ONE, Flag),
    row("grpc_ssl_verify_depth", ALL, ONE, Number),
    row("grpc_ssl_trusted_certificate", ALL, ONE, Text),
    row("grpc_ssl_crl", ALL, ONE, Text),
    row("grpc_ssl_certificate", ALL, ONE, Template),
    row("grpc_ssl_certificate_key", ALL, ONE, Template),
    row("grpc_ssl_password_file", ALL, ONE, Custom),
    row("grpc_ssl_conf_command", ALL, TWO, Pairs),
];
