//! Directives of the modules between the core and TLS: files, access, limits, variables, rewriting.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{access, core, files, geo, map, referer, rewrite, tls, upstream};

pub const MODULES: &[Module] = &[
    ("ngx_http_upstream_module", UPSTREAM_ROWS),
    ("ngx_http_v2_module", V2_ROWS),
    ("ngx_http_gzip_static_module", GZIP_STATIC_ROWS),
    ("ngx_http_dav_module", DAV_ROWS),
    ("ngx_http_autoindex_module", AUTOINDEX_ROWS),
    ("ngx_http_index_module", INDEX_ROWS),
    ("ngx_http_random_index_module", RANDOM_INDEX_ROWS),
    ("ngx_http_mirror_module", MIRROR_ROWS),
    ("ngx_http_try_files_module", TRY_FILES_ROWS),
    ("ngx_http_auth_request_module", AUTH_REQUEST_ROWS),
    ("ngx_http_auth_basic_module", AUTH_BASIC_ROWS),
    ("ngx_http_access_module", ACCESS_ROWS),
    ("ngx_http_limit_conn_module", LIMIT_CONN_ROWS),
    ("ngx_http_limit_req_module", LIMIT_REQ_ROWS),
    ("ngx_http_realip_module", REALIP_ROWS),
    ("ngx_http_geo_module", GEO_ROWS),
    ("ngx_http_map_module", MAP_ROWS),
    ("ngx_http_split_clients_module", SPLIT_CLIENTS_ROWS),
    ("ngx_http_referer_module", REFERER_ROWS),
    ("ngx_http_rewrite_module", REWRITE_ROWS),
];

const UPSTREAM_ROWS: &[Row] = &[
    row("upstream", HTTP, ONE, Custom)
        .block()
        .done(upstream::block),
    row("server", UPS, SOME, Custom)
        .done(upstream::server)
        .differs("`max_conns` is refused."),
];

const V2_ROWS: &[Row] = &[
    row("http2_recv_buffer_size", HTTP, ONE, Size)
        .default("256k")
        .accepted(),
    row("http2_pool_size", HTTP | SRV, ONE, Size)
        .default("4k")
        .accepted(),
    row("http2_max_concurrent_streams", HTTP | SRV, ONE, Number)
        .default("128")
        .accepted(),
    row("http2_max_concurrent_pushes", HTTP | SRV, ONE, Number)
        .default("10")
        .accepted(),
    row("http2_max_requests", HTTP | SRV, ONE, Custom)
        .default("1000")
        .accepted_by(tls::obsolete),
    row("http2_max_field_size", HTTP | SRV, ONE, Custom)
        .default("4k")
        .accepted_by(tls::obsolete),
    row("http2_max_header_size", HTTP | SRV, ONE, Custom)
        .default("16k")
        .accepted_by(tls::obsolete),
    row("http2_body_preread_size", HTTP | SRV, ONE, Size)
        .default("64k")
        .accepted(),
    row("http2_streams_index_size", HTTP | SRV, ONE, Number)
        .default("32")
        .accepted_by(core::power_of_two),
    row("http2_recv_timeout", HTTP | SRV, ONE, Custom)
        .default("30s")
        .accepted_by(tls::obsolete),
    row("http2_idle_timeout", HTTP | SRV, ONE, Custom)
        .default("3m")
        .accepted_by(tls::obsolete),
    row("http2_chunk_size", ALL, ONE, Size)
        .default("8k")
        .accepted(),
    row("http2_push_preload", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("http2_push", ALL, ONE, Custom)
        .default("off")
        .accepted(),
];

const GZIP_STATIC_ROWS: &[Row] = &[row("gzip_static", ALL, ONE, Enum(&["off", "on", "always"]))
    .default("off")
    .value()];

const DAV_ROWS: &[Row] = &[
    row(
        "dav_methods",
        ALL,
        SOME,
        Mask(&["off", "put", "delete", "mkcol", "copy", "move"]),
    )
    .default("off"),
    row("create_full_put_path", ALL, ONE, Flag).default("off"),
    row("min_delete_depth", ALL, ONE, Number).default("0"),
    row("dav_access", ALL, ONE_TO_THREE, Custom).default("user:rw"),
];

const AUTOINDEX_ROWS: &[Row] = &[
    row("autoindex", ALL, ONE, Flag).default("off").value(),
    row(
        "autoindex_format",
        ALL,
        ONE,
        Enum(&["html", "json", "jsonp", "xml"]),
    )
    .default("html")
    .value(),
    row("autoindex_localtime", ALL, ONE, Flag)
        .default("off")
        .value(),
    row("autoindex_exact_size", ALL, ONE, Flag)
        .default("on")
        .value(),
];

const INDEX_ROWS: &[Row] = &[row("index", ALL, SOME, Custom)
    .default("index.html")
    .done(files::index)];

const RANDOM_INDEX_ROWS: &[Row] = &[row("random_index", LOC, ONE, Flag).default("off").value()];

const MIRROR_ROWS: &[Row] = &[
    row("mirror", ALL, ONE, Custom).default("off"),
    row("mirror_request_body", ALL, ONE, Flag).default("on"),
];

const TRY_FILES_ROWS: &[Row] =
    &[row("try_files", SRV | LOC, TWO_MORE, Custom).done(files::try_files)];

const AUTH_REQUEST_ROWS: &[Row] = &[
    row("auth_request", ALL, ONE, Custom).default("off"),
    row("auth_request_set", ALL, TWO, Custom),
];

const AUTH_BASIC_ROWS: &[Row] = &[
    row("auth_basic", ALL | LMT, ONE, Template).default("off"),
    row("auth_basic_user_file", ALL | LMT, ONE, Custom),
];

const ACCESS_ROWS: &[Row] = &[
    row("allow", ALL | LMT, ONE, Custom).done(access::allow),
    row("deny", ALL | LMT, ONE, Custom).done(access::deny),
];

const LIMIT_CONN_ROWS: &[Row] = &[
    row("limit_conn_zone", HTTP, TWO, Custom),
    row("limit_conn", ALL, TWO, Custom),
    row(
        "limit_conn_log_level",
        ALL,
        ONE,
        Enum(&["info", "notice", "warn", "error"]),
    )
    .default("error"),
    row("limit_conn_status", ALL, ONE, Number).default("503"),
    row("limit_conn_dry_run", ALL, ONE, Flag).default("off"),
];

const LIMIT_REQ_ROWS: &[Row] = &[
    row("limit_req_zone", HTTP, THREE, Custom),
    row("limit_req", ALL, ONE_TO_THREE, Custom),
    row(
        "limit_req_log_level",
        ALL,
        ONE,
        Enum(&["info", "notice", "warn", "error"]),
    )
    .default("error"),
    row("limit_req_status", ALL, ONE, Number).default("503"),
    row("limit_req_dry_run", ALL, ONE, Flag).default("off"),
];

const REALIP_ROWS: &[Row] = &[
    row("set_real_ip_from", ALL, ONE, Custom),
    row("real_ip_header", ALL, ONE, Custom).default("X-Real-IP"),
    row("real_ip_recursive", ALL, ONE, Flag).default("off"),
];

const GEO_ROWS: &[Row] = &[row("geo", HTTP, ONE_TWO, Custom).block().done(geo::geo)];

const MAP_ROWS: &[Row] = &[
    row("map", HTTP, TWO, Custom).block().done(map::map),
    row("map_hash_max_size", HTTP, ONE, Number)
        .default("2048")
        .accepted_by(map::hash_size),
    row("map_hash_bucket_size", HTTP, ONE, Number)
        .default("64")
        .accepted_by(map::hash_size),
];

const SPLIT_CLIENTS_ROWS: &[Row] = &[row("split_clients", HTTP, TWO, Custom)
    .block()
    .done(map::split_clients)];

const REFERER_ROWS: &[Row] = &[
    row("valid_referers", SRV | LOC, SOME, Custom).done(referer::valid_referers),
    row("referer_hash_max_size", SRV | LOC, ONE, Number)
        .default("2048")
        .accepted(),
    row("referer_hash_bucket_size", SRV | LOC, ONE, Number)
        .default("64")
        .accepted(),
];

const REWRITE_ROWS: &[Row] = &[
    row("rewrite", SRV | SIF | LOC | LIF, TWO_THREE, Custom).done(rewrite::rewrite),
    row("return", SRV | SIF | LOC | LIF, ONE_TWO, Custom).done(rewrite::return_),
    row("break", SRV | SIF | LOC | LIF, NONE, Custom).done(rewrite::break_),
    row("if", SRV | LOC, SOME, Custom)
        .block()
        .done(rewrite::if_),
    row("set", SRV | SIF | LOC | LIF, TWO, Custom).done(rewrite::set),
    row("rewrite_log", HTTP | SRV | SIF | LOC | LIF, ONE, Flag)
        .default("off")
        .value(),
    row(
        "uninitialized_variable_warn",
        HTTP | SRV | SIF | LOC | LIF,
        ONE,
        Flag,
    )
    .default("on")
    .value(),
];
