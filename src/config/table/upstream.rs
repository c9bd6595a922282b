//! Directives of small content modules and of `upstream` blocks.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{browser, modules, upstream};

pub const MODULES: &[Module] = &[
    ("ngx_http_empty_gif_module", EMPTY_GIF_ROWS),
    ("ngx_http_browser_module", BROWSER_ROWS),
    ("ngx_http_secure_link_module", SECURE_LINK_ROWS),
    ("ngx_http_flv_module", FLV_ROWS),
    ("ngx_http_mp4_module", MP4_ROWS),
    ("ngx_http_stub_status_module", STUB_STATUS_ROWS),
    ("ngx_http_upstream_hash_module", UPSTREAM_HASH_ROWS),
    ("ngx_http_upstream_ip_hash_module", UPSTREAM_IP_HASH_ROWS),
    (
        "ngx_http_upstream_least_conn_module",
        UPSTREAM_LEAST_CONN_ROWS,
    ),
    ("ngx_http_upstream_random_module", UPSTREAM_RANDOM_ROWS),
    (
        "ngx_http_upstream_keepalive_module",
        UPSTREAM_KEEPALIVE_ROWS,
    ),
    ("ngx_http_upstream_zone_module", UPSTREAM_ZONE_ROWS),
];

const EMPTY_GIF_ROWS: &[Row] = &[row("empty_gif", LOC, NONE, Custom).done(modules::empty_gif)];

const BROWSER_ROWS: &[Row] = &[
    row("modern_browser", ALL, ONE_TWO, Custom).done(browser::modern),
    row("ancient_browser", ALL, SOME, Custom).done(browser::ancient),
    row("modern_browser_value", ALL, ONE, Custom)
        .default("1")
        .done(browser::modern_value),
    row("ancient_browser_value", ALL, ONE, Custom)
        .default("1")
        .done(browser::ancient_value),
];

const SECURE_LINK_ROWS: &[Row] = &[
    row("secure_link", ALL, ONE, Template).value(),
    row("secure_link_md5", ALL, ONE, Template).value(),
    row("secure_link_secret", ALL, ONE, Text).value(),
];

const FLV_ROWS: &[Row] = &[row("flv", LOC, NONE, Custom)];

const MP4_ROWS: &[Row] = &[
    row("mp4", LOC, NONE, Custom),
    row("mp4_buffer_size", ALL, ONE, Size).default("512k"),
    row("mp4_max_buffer_size", ALL, ONE, Size).default("10m"),
    row("mp4_start_key_frame", ALL, ONE, Flag).default("off"),
];

const STUB_STATUS_ROWS: &[Row] =
    &[row("stub_status", SRV | LOC, UP_TO_ONE, Custom).done(modules::stub_status)];

const UPSTREAM_HASH_ROWS: &[Row] = &[row("hash", UPS, ONE_TWO, Custom)];

const UPSTREAM_IP_HASH_ROWS: &[Row] = &[row("ip_hash", UPS, NONE, Custom)];

const UPSTREAM_LEAST_CONN_ROWS: &[Row] = &[row("least_conn", UPS, NONE, Custom)];

const UPSTREAM_RANDOM_ROWS: &[Row] = &[row("random", UPS, UP_TO_TWO, Custom)];

const UPSTREAM_KEEPALIVE_ROWS: &[Row] = &[
    row("keepalive", UPS, ONE, Custom).done(upstream::keepalive),
    row("keepalive_time", UPS, ONE, Msec).default("1h").value(),
    row("keepalive_timeout", UPS, ONE, Msec)
        .default("60s")
        .value(),
    row("keepalive_requests", UPS, ONE, Number)
        .default("1000")
        .value(),
];

const UPSTREAM_ZONE_ROWS: &[Row] = &[row("zone", UPS, ONE_TWO, Custom)];
