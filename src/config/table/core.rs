//! Directives of the main context and of `events`.

use super::Row;
use super::prelude::*;
use crate::config::analyse::{http, include, log, main};

pub const MODULES: &[Module] = &[
    ("ngx_core_module", CORE_ROWS),
    ("ngx_errlog_module", ERRLOG_ROWS),
    ("ngx_conf_module", CONF_ROWS),
    ("ngx_openssl_module", OPENSSL_ROWS),
    ("ngx_regex_module", REGEX_ROWS),
    ("ngx_thread_pool_module", THREAD_POOL_ROWS),
    ("ngx_events_module", EVENTS_ROWS),
    ("ngx_event_core_module", EVENT_CORE_ROWS),
    ("ngx_epoll_module", EPOLL_ROWS),
    ("ngx_http_module", MODULE_ROWS),
];

const CORE_ROWS: &[Row] = &[
    row("daemon", MAIN, ONE, Flag).default("on").value(),
    row("master_process", MAIN, ONE, Flag)
        .default("on")
        .value()
        .differs("There is one process either way."),
    row("timer_resolution", MAIN, ONE, Msec).accepted(),
    row("pid", MAIN, ONE, Text)
        .default("logs/nginx.pid")
        .value(),
    row("lock_file", MAIN, ONE, Text)
        .default("logs/nginx.lock")
        .accepted(),
    row("worker_processes", MAIN, ONE, Custom)
        .default("1")
        .done(main::worker_processes)
        .differs("The workers are threads of one process."),
    row("debug_points", MAIN, ONE, Enum(&["stop", "abort"])).accepted(),
    row("user", MAIN, ONE_TWO, Custom).done(main::user).differs(
        "Without the line, the workers of a root's lab are root's too, and may serve what only root may read; nginx's \
         become nobody's.",
    ),
    row("worker_priority", MAIN, ONE, Custom)
        .default("0")
        .accepted_by(main::worker_priority),
    row("worker_cpu_affinity", MAIN, SOME, Custom).accepted_by(main::worker_cpu_affinity),
    row("worker_rlimit_nofile", MAIN, ONE, Number).accepted(),
    row("worker_rlimit_core", MAIN, ONE, Offset).accepted(),
    row("worker_shutdown_timeout", MAIN, ONE, Msec).accepted(),
    row("working_directory", MAIN, ONE, Text).accepted(),
    row("env", MAIN, ONE, Custom).accepted(),
    row("load_module", MAIN, ONE, Custom)
        .accepted_by(main::load_module)
        .differs("No module is loaded: a warning says so."),
];

const ERRLOG_ROWS: &[Row] = &[row("error_log", MAIN, SOME, Custom)
    .default("logs/error.log error")
    .done(log::main_error_log)
    .differs(
        "Lines to `memory:` are lost: there is no debugger to read them. What nginx says of its own processes at \
         `notice` (workers that start and exit, signals that came) is not said: there is one process.",
    )];

const CONF_ROWS: &[Row] = &[row(
    "include",
    MAIN | EVENTS | ALL | UPS | SIF | LIF | LMT,
    ONE,
    Custom,
)
.done(include::directive)];

const OPENSSL_ROWS: &[Row] = &[row("ssl_engine", MAIN, ONE, Custom)
    .accepted()
    .differs("The engine is not asked for: the lab has no OpenSSL.")];

const REGEX_ROWS: &[Row] = &[row("pcre_jit", MAIN, ONE, Flag).default("off").accepted()];

const THREAD_POOL_ROWS: &[Row] =
    &[row("thread_pool", MAIN, TWO_THREE, Custom).accepted_by(main::thread_pool)];

const EVENTS_ROWS: &[Row] = &[row("events", MAIN, NONE, Custom).block().done(main::events)];

const EVENT_CORE_ROWS: &[Row] = &[
    row("worker_connections", EVENTS, ONE, Custom)
        .default("512")
        .done(main::worker_connections),
    row("use", EVENTS, ONE, Custom).accepted_by(main::use_method),
    row("multi_accept", EVENTS, ONE, Flag)
        .default("off")
        .accepted(),
    row("accept_mutex", EVENTS, ONE, Flag)
        .default("off")
        .accepted(),
    row("accept_mutex_delay", EVENTS, ONE, Msec)
        .default("500ms")
        .accepted(),
    row("debug_connection", EVENTS, ONE, Custom).accepted(),
];

const EPOLL_ROWS: &[Row] = &[
    row("epoll_events", EVENTS, ONE, Number)
        .default("512")
        .accepted(),
    row("worker_aio_requests", EVENTS, ONE, Number)
        .default("32")
        .accepted(),
];

const MODULE_ROWS: &[Row] = &[row("http", MAIN, NONE, Custom).block().done(http::block)];
