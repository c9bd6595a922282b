//! Arguments that fit a directive, made from its row's kind; for those that read their own, words that nginx takes.

use proxy_lab::config::table::{Kind, Row};

/// The words of directives whose arguments are `Custom`: so many of them as are asked for, the last one repeated.
const WORDS: &[(&str, &[&str])] = &[
    ("worker_processes", &["2"]),
    ("user", &["root", "root"]),
    ("worker_priority", &["5"]),
    ("worker_cpu_affinity", &["0001", "0010"]),
    ("env", &["HOME"]),
    ("error_log", &["logs/other.log", "info"]),
    ("include", &["included.conf"]),
    ("thread_pool", &["pool", "threads=2", "max_queue=9"]),
    ("worker_connections", &["9"]),
    ("use", &["epoll"]),
    ("debug_connection", &["127.0.0.1"]),
    (
        "server",
        &["127.0.0.1:5001", "weight=2", "max_fails=3", "backup"],
    ),
    ("location", &["/l/m"]),
    (
        "listen",
        &["127.0.0.1:8098", "backlog=9", "deferred", "bind"],
    ),
    ("server_name", &["a.test", "b.test", "c.test", "d.test"]),
    ("root", &["html"]),
    ("alias", &["html/"]),
    ("limit_except", &["GET", "POST", "PUT", "DELETE"]),
    ("aio", &["off"]),
    ("directio", &["4k"]),
    ("keepalive_timeout", &["5s", "6s"]),
    ("error_page", &["404", "405", "=200", "/page"]),
    ("open_file_cache", &["max=9", "inactive=9s"]),
    ("gzip_disable", &["msie6"]),
    ("log_format", &["own", "$host", "$uri", "$args"]),
    (
        "access_log",
        &["logs/own.log", "combined", "buffer=4k", "flush=9s"],
    ),
    (
        "open_log_file_cache",
        &["max=9", "inactive=9s", "min_uses=2", "valid=9s"],
    ),
    ("upstream", &["other"]),
    ("http2_max_requests", &["9"]),
    ("http2_max_field_size", &["4k"]),
    ("http2_max_header_size", &["4k"]),
    ("http2_recv_timeout", &["9s"]),
    ("http2_idle_timeout", &["9s"]),
    ("http2_push", &["/a"]),
    ("dav_access", &["user:rw", "group:r", "all:r"]),
    ("index", &["a.html", "b.html", "c.html", "d.html"]),
    ("mirror", &["/mirror"]),
    ("try_files", &["$uri", "/a", "/b", "=404"]),
    ("auth_request", &["/auth"]),
    ("auth_request_set", &["$own", "x"]),
    ("auth_basic_user_file", &["passwords"]),
    ("allow", &["127.0.0.1"]),
    ("deny", &["all"]),
    ("limit_conn_zone", &["$binary_remote_addr", "zone=c:1m"]),
    ("limit_conn", &["conn", "5"]),
    (
        "limit_req_zone",
        &["$binary_remote_addr", "zone=r:1m", "rate=9r/s"],
    ),
    ("limit_req", &["zone=req", "burst=5", "nodelay"]),
    ("set_real_ip_from", &["10.0.0.0/8"]),
    ("real_ip_header", &["X-Real-IP"]),
    ("geo", &["$remote_addr", "$own"]),
    ("map", &["$host", "$own"]),
    ("split_clients", &["$remote_addr", "$own"]),
    (
        "valid_referers",
        &["none", "blocked", "server_names", "*.a.test"],
    ),
    ("rewrite", &["^/a", "/b", "last"]),
    ("return", &["200", "text"]),
    ("if", &["(", "$host", "=", "a)"]),
    ("set", &["$own", "x"]),
    ("proxy_redirect", &["/a", "/b"]),
    ("proxy_cookie_domain", &["a", "b"]),
    ("proxy_cookie_path", &["/a", "/b"]),
    (
        "proxy_cookie_flags",
        &["a", "secure", "httponly", "samesite=lax"],
    ),
    ("ssl", &["off"]),
    ("ssl_session_cache", &["none"]),
    ("ssl_ocsp_cache", &["off"]),
    ("expires", &["modified", "1h"]),
    ("add_header", &["X-A", "b", "always"]),
    ("add_trailer", &["X-A", "b", "always"]),
    ("charset", &["utf-8"]),
    ("source_charset", &["utf-8"]),
    ("charset_map", &["koi8-r", "utf-8"]),
    ("sub_filter", &["a", "b"]),
    ("userid_expires", &["9d"]),
    ("userid_mark", &["off"]),
    ("modern_browser", &["msie", "5.5"]),
    ("ancient_browser", &["a", "b", "c", "d"]),
    ("modern_browser_value", &["a"]),
    ("ancient_browser_value", &["a"]),
    ("stub_status", &["on"]),
    ("hash", &["$uri", "consistent"]),
    ("random", &["two", "least_conn"]),
    ("keepalive", &["9"]),
    ("zone", &["own", "64k"]),
    (
        "resolver",
        &["127.0.0.1", "valid=9s", "ipv6=off", "status_zone=z"],
    ),
    ("disable_symlinks", &["on", "from=/"]),
    // Families of directives that differ in what stands before the underscore.
    ("_pass", &["127.0.0.1:5001"]),
    ("_split_path_info", &["^(.+)(/.+)$"]),
    ("_store", &["on"]),
    ("_store_access", &["user:rw", "group:r", "all:r"]),
    ("_bind", &["127.0.0.1", "transparent"]),
    ("_cache", &["off"]),
    ("_cache_key", &["$uri"]),
    (
        "_cache_path",
        &["cache", "keys_zone=own:1m", "inactive=9m", "levels=1"],
    ),
    ("_cache_valid", &["200", "9m"]),
    ("_param", &["NAME", "value", "if_not_empty"]),
    ("_types", &["text/a", "text/b", "text/c", "text/d"]),
    ("_password_file", &["passwords"]),
];

/// Whole lists where the words of one count do not begin with those of a smaller one.
const LISTS: &[(&str, &str)] = &[
    ("proxy_redirect", "off"),
    ("proxy_cookie_domain", "off"),
    ("proxy_cookie_path", "off"),
    ("proxy_cookie_flags", "off"),
    ("expires", "1h"),
    ("error_page", "404 /page"),
    ("error_page", "404 405 /page"),
    ("try_files", "$uri =404"),
    ("return", "404"),
    ("if", "($host)"),
    ("if", "($host = a)"),
    ("if", "( $host )"),
    ("location", "= /l/m"),
    ("modern_browser", "unlisted"),
    ("geo", "$own"),
    ("limit_except", "GET"),
    ("proxy_pass", "http://127.0.0.1:5001"),
    ("open_file_cache", "max=9"),
    ("add_header", "X-A b"),
    ("ssl_session_cache", "builtin:9 shared:own:1m"),
];

/// So many words.
pub fn arguments(row: &Row, count: usize) -> Vec<String> {
    if let Some((_, list)) = LISTS
        .iter()
        .find(|(name, list)| *name == row.name && list.split(' ').count() == count)
    {
        return list.split(' ').map(str::to_owned).collect();
    }
    let words = words(row);
    let word = |n: usize| words.get(n).or(words.last()).copied().unwrap_or("x");
    (0..count).map(|n| word(n).to_owned()).collect()
}

fn words(row: &Row) -> Vec<&'static str> {
    match row.kind {
        Kind::Flag => vec!["on"],
        Kind::Text | Kind::Texts | Kind::Template | Kind::Templates => vec!["text"],
        Kind::Pairs => vec!["X-A", "b"],
        Kind::Number => vec!["9"],
        Kind::Bounded(low, _) => match low {
            1 => vec!["1"],
            _ => vec!["9"],
        },
        Kind::Size => vec!["64k"],
        Kind::Offset => vec!["1m"],
        Kind::Msec | Kind::Sec => vec!["9s"],
        Kind::Buffers => vec!["8", "4k"],
        Kind::Enum(words) | Kind::Mask(words) => words.to_vec(),
        Kind::Path => vec!["temporary", "1", "2", "1"],
        Kind::TemplateSize => vec!["4k"],
        Kind::Custom => {
            let own = WORDS.iter().find(|(name, _)| *name == row.name);
            let family = || {
                let ends = |(name, _): &&(&str, &[&str])| {
                    name.starts_with('_') && row.name.ends_with(name)
                };
                WORDS.iter().filter(ends).max_by_key(|(name, _)| name.len())
            };
            own.or_else(family)
                .map_or(Vec::new(), |(_, words)| words.to_vec())
        }
    }
}
