//! `-v`, `-V` and `-h`: on the standard error, in nginx's form, so that tools made for nginx read them.

use crate::config::table::{self, Row, Status};

/// nginx's words for the modules that it builds unless told otherwise.
const BUILT_IN: &[&str] = &[
    "http_charset_module",
    "http_gzip_module",
    "http_ssi_module",
    "http_userid_module",
    "http_access_module",
    "http_auth_basic_module",
    "http_mirror_module",
    "http_autoindex_module",
    "http_geo_module",
    "http_map_module",
    "http_split_clients_module",
    "http_referer_module",
    "http_rewrite_module",
    "http_proxy_module",
    "http_fastcgi_module",
    "http_uwsgi_module",
    "http_scgi_module",
    "http_grpc_module",
    "http_memcached_module",
    "http_limit_conn_module",
    "http_limit_req_module",
    "http_empty_gif_module",
    "http_browser_module",
    "http_upstream_hash_module",
    "http_upstream_ip_hash_module",
    "http_upstream_least_conn_module",
    "http_upstream_random_module",
    "http_upstream_keepalive_module",
    "http_upstream_zone_module",
];

/// Those that it builds where it is told to, as Debian does.
const ASKED_FOR: &[&str] = &[
    "http_ssl_module",
    "http_stub_status_module",
    "http_realip_module",
    "http_auth_request_module",
    "http_v2_module",
    "http_dav_module",
    "http_slice_module",
    "http_addition_module",
    "http_flv_module",
    "http_gunzip_module",
    "http_gzip_static_module",
    "http_mp4_module",
    "http_random_index_module",
    "http_secure_link_module",
    "http_sub_module",
];

/// `nginx version: nginx/1.22.1 (Proxy Lab …)`
pub fn line() -> String {
    format!(
        "nginx version: nginx/1.22.1 (Proxy Lab {})",
        env!("CARGO_PKG_VERSION")
    )
}

/// `-V`: what there is of nginx's modules, by the table of directives.
pub fn build() -> String {
    let with = ASKED_FOR.iter().filter(|word| has(word));
    let with = with.map(|word| format!("--with-{word}"));
    let without = BUILT_IN.iter().filter(|word| !has(word));
    let without = without.map(|word| format!("--without-{word}"));
    let cache = (!is_done("proxy_cache")).then(|| "--without-http-cache".to_owned());
    let places = [
        "--prefix=.",
        "--conf-path=lab/nginx.conf",
        "--error-log-path=logs/error.log",
        "--http-log-path=logs/access.log",
        "--pid-path=logs/nginx.pid",
    ];
    let words: Vec<String> = places
        .map(str::to_owned)
        .into_iter()
        .chain(with)
        .chain(without)
        .chain(cache)
        .collect();
    format!("{}\nconfigure arguments: {}", line(), words.join(" "))
}

/// `-h`
pub fn usage() -> String {
    format!(
        "{}\n\
Usage: proxy-lab [-?hvVtTq] [-s signal] [-p prefix]
                 [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the current folder)
  -e filename   : set error log file (default: logs/error.log)
  -c filename   : set configuration file (default: lab/nginx.conf)
  -g directives : set global directives out of configuration file

The lab's own options and commands: proxy-lab --help
",
        line()
    )
}

/// Whether some directive of a module does what nginx's does.
fn has(word: &str) -> bool {
    let of_module = |row: &&Row| {
        let name = row.module.strip_prefix("ngx_").unwrap_or_default();
        name.replace("_filter_module", "_module") == word
    };
    table::rows().iter().filter(of_module).any(is_done_row)
}

fn is_done(name: &str) -> bool {
    table::find(name.as_bytes())
        .iter()
        .any(|row| is_done_row(row))
}

fn is_done_row(row: &Row) -> bool {
    matches!(row.status, Status::Value | Status::Done(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_a_module_of_the_table() {
        for word in BUILT_IN.iter().chain(ASKED_FOR) {
            let known = |row: &Row| {
                row.module == format!("ngx_{word}")
                    || row.module == format!("ngx_{}", word.replace("_module", "_filter_module"))
            };
            assert!(table::rows().iter().any(known), "{word}");
        }
    }
}
