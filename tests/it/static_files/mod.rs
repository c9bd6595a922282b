//! Static files over real sockets: heads, types, index, folders, methods, `try_files`, conditions and ranges.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::client::Answer;
use crate::support::program::Program;

mod conditions;
mod files;
mod ranges;

const CONFIGURATION: &str = r#"
types { text/html html htm; text/plain txt; text/css css; }
default_type application/octet-stream;
server {
    listen 127.0.0.1:{port};
    root html;
    location /tag-less/ { alias html/; etag off; }
    location /one-range/ { alias html/; max_ranges 1; }
    location /no-range/ { alias html/; max_ranges 0; }
    location /since-off/ { alias html/; if_modified_since off; }
    location /since-before/ { alias html/; if_modified_since before; }
    location /read/ { alias html/; sendfile off; }
    location /no-type/ { alias html/; default_type ""; }
    location /absolute-index/ { alias html/; index nope.html /a.txt; }
    location /variable-index/ { alias html/; index $arg_i docs/index.html; }
    location /bare { alias {dir}/html; }
    location /relative/ { alias html/; absolute_redirect off; }
    location /try/ { try_files $uri $uri/ /a.txt; }
    location /try-none/ { try_files $uri =404; }
    location /try-teapot/ { try_files $uri =418; }
    location /try-named/ { try_files $uri @named; }
    location /try-args/ { try_files $arg_f $arg_f/ $arg_d/ =404; }
    location /try-fixed/ { try_files /nope /docs/page.css =404; }
    location /try-query/ { try_files $uri /echo?a=1; }
    location /try-alias/ { alias html/; try_files $uri $uri/ /try-alias/a.txt; }
    location /try-alias-variable/ { alias html/; try_files $uri /try-alias-variable/a.txt$is_args$args; }
    location ~ ^/regex/(.*)$ { alias html/$1; }
    location ~ ^/try-regex/(.*)$ { alias html/; try_files $1 $1/ =404; }
    location = /echo { return 200 "args=$args"; }
    location @named { return 200 "named $uri"; }
    location /pages/ {
        alias html/;
        error_page 416 /docs/page.css;
        add_header X-Plain yes;
        add_header X-Always yes always;
    }
    location /plain/ {
        alias html/;
        add_header X-Plain yes;
        add_header X-Always yes always;
    }
}"#;

/// 06 Nov 1994 08:49:37 GMT, `2ebc98a1` in hex.
const MODIFIED: u64 = 784_111_777;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TEXT: &str = "hello world, this is a text file\n";
const TAG: &str = "\"2ebc98a1-21\"";
const SPARSE: u64 = 10 * 1024 * 1024 * 1024;

fn write(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    date(&file);
}

fn date(file: &File) {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(MODIFIED);
    file.set_modified(modified).unwrap();
}

fn prepare(prefix: &Path) {
    let html = prefix.join("html");
    for folder in ["docs", "empty", "sp ace", "q?m", "try/docs"] {
        fs::create_dir_all(html.join(folder)).unwrap();
    }
    for (name, text) in [
        ("a.txt", TEXT),
        ("index.html", "start\n"),
        ("docs/index.html", "docs\n"),
        ("docs/page.css", "a {}\n"),
        ("q?m/index.html", "question\n"),
        ("try/docs/index.html", "tried\n"),
        ("try/page", "tried page\n"),
        ("nothing.txt", ""),
        ("UPPER.TXT", "up\n"),
        (".html", "hidden\n"),
        ("no-extension", "none\n"),
        ("unknown.xyz", "unknown\n"),
    ] {
        write(&html.join(name), text);
    }
    symlink("loop", html.join("loop")).unwrap();
    let fifo = html.join("fifo");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
    )
    .unwrap();
    sparse(&html.join("sparse.bin"));
}

/// 10 GiB that take no space, with a mark before their last byte.
fn sparse(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(SPARSE).unwrap();
    file.write_all_at(b"mark", SPARSE - 5).unwrap();
    date(&file);
}

fn start() -> Program {
    Program::start(CONFIGURATION, prepare)
}

/// The head's lines as they came, without `Server` and `Date`.
fn head(answer: &Answer) -> Vec<String> {
    let fields = answer
        .headers
        .iter()
        .filter(|(name, _)| name != "Server" && name != "Date");
    let fields = fields.map(|(name, value)| format!("{name}: {value}"));
    [answer.status_line.clone()]
        .into_iter()
        .chain(fields)
        .collect()
}
