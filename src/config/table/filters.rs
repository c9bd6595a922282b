//! Directives of the filter modules.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{core, filters, userid};

pub const MODULES: &[Module] = &[
    ("ngx_http_gzip_filter_module", GZIP_FILTER_ROWS),
    ("ngx_http_ssi_filter_module", SSI_FILTER_ROWS),
    ("ngx_http_charset_filter_module", CHARSET_FILTER_ROWS),
    ("ngx_http_addition_filter_module", ADDITION_FILTER_ROWS),
    ("ngx_http_gunzip_filter_module", GUNZIP_FILTER_ROWS),
    ("ngx_http_sub_filter_module", SUB_FILTER_ROWS),
    ("ngx_http_userid_filter_module", USERID_FILTER_ROWS),
    ("ngx_http_headers_filter_module", HEADERS_FILTER_ROWS),
    ("ngx_http_copy_filter_module", COPY_FILTER_ROWS),
    ("ngx_http_slice_filter_module", SLICE_FILTER_ROWS),
];

const GZIP_FILTER_ROWS: &[Row] = &[
    row("gzip", ALL | LIF, ONE, Flag).default("off").value(),
    row("gzip_buffers", ALL, TWO, Buffers)
        .default("32 4k")
        .value(),
    row("gzip_types", ALL, SOME, Custom)
        .default("text/html")
        .done(filters::types),
    row("gzip_comp_level", ALL, ONE, Bounded(1, 9))
        .default("1")
        .value(),
    row("gzip_window", ALL, ONE, Size).done(core::gzip_window),
    row("gzip_hash", ALL, ONE, Size).done(core::gzip_hash),
    row("postpone_gzipping", ALL, ONE, Size)
        .default("0")
        .value(),
    row("gzip_no_buffer", ALL, ONE, Flag)
        .default("off")
        .accepted(),
    row("gzip_min_length", ALL, ONE, Size).default("20").value(),
];

const SSI_FILTER_ROWS: &[Row] = &[
    row("ssi", ALL | LIF, ONE, Flag).default("off"),
    row("ssi_silent_errors", ALL, ONE, Flag).default("off"),
    row("ssi_ignore_recycled_buffers", ALL, ONE, Flag),
    row("ssi_min_file_chunk", ALL, ONE, Size).default("1k"),
    row("ssi_value_length", ALL, ONE, Size).default("255"),
    row("ssi_types", ALL, SOME, Custom).default("text/html"),
    row("ssi_last_modified", ALL, ONE, Flag).default("off"),
];

const CHARSET_FILTER_ROWS: &[Row] = &[
    row("charset", ALL | LIF, ONE, Custom)
        .default("off")
        .done(filters::charset),
    row("source_charset", ALL | LIF, ONE, Custom).done(filters::source_charset),
    row("override_charset", ALL | LIF, ONE, Flag)
        .default("off")
        .value(),
    row("charset_types", ALL, SOME, Custom)
        .default(
            "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
        )
        .done(filters::types),
    row("charset_map", HTTP, TWO, Custom)
        .block()
        .done(filters::charset_map)
        .differs("utf-8 as the first charset, which makes nginx crash when it serves by it, is not used."),
];

const ADDITION_FILTER_ROWS: &[Row] = &[
    row("add_before_body", ALL, ONE, Text),
    row("add_after_body", ALL, ONE, Text),
    row("addition_types", ALL, SOME, Custom).default("text/html"),
];

const GUNZIP_FILTER_ROWS: &[Row] = &[
    row("gunzip", ALL, ONE, Flag).default("off").value(),
    row("gunzip_buffers", ALL, TWO, Buffers)
        .default("32 4k")
        .value(),
];

const SUB_FILTER_ROWS: &[Row] = &[
    row("sub_filter", ALL, TWO, Custom).done(filters::sub_filter),
    row("sub_filter_types", ALL, SOME, Custom)
        .default("text/html")
        .done(filters::types),
    row("sub_filter_once", ALL, ONE, Flag).default("on").value(),
    row("sub_filter_last_modified", ALL, ONE, Flag)
        .default("off")
        .value(),
];

const USERID_FILTER_ROWS: &[Row] = &[
    row("userid", ALL, ONE, Enum(&["off", "log", "v1", "on"]))
        .default("off")
        .value(),
    row("userid_service", ALL, ONE, Number).value(),
    row("userid_name", ALL, ONE, Text).default("uid").value(),
    row("userid_domain", ALL, ONE, Text).default("none").value(),
    row("userid_path", ALL, ONE, Text).default("/").value(),
    row("userid_expires", ALL, ONE, Custom)
        .default("off")
        .done(userid::expires),
    row("userid_flags", ALL, ONE_TO_THREE, Mask(&userid::FLAGS))
        .default("off")
        .done(userid::flags),
    row("userid_p3p", ALL, ONE, Text).default("none").value(),
    row("userid_mark", ALL, ONE, Custom)
        .default("off")
        .done(userid::mark),
];

const HEADERS_FILTER_ROWS: &[Row] = &[
    row("expires", ALL | LIF, ONE_TWO, Custom)
        .default("off")
        .done(filters::expires),
    row("add_header", ALL | LIF, TWO_THREE, Custom).done(core::add_header),
    row("add_trailer", ALL | LIF, TWO_THREE, Custom).done(filters::add_trailer),
];

const COPY_FILTER_ROWS: &[Row] = &[row("output_buffers", ALL, TWO, Buffers)
    .default("2 32k")
    .value()];

const SLICE_FILTER_ROWS: &[Row] = &[row("slice", ALL, ONE, Size).default("0")];
