//! Only `src/front/proxy` opens a socket to an upstream, and awc is the only HTTP client: read from the sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Whatever connects a socket, or speaks HTTP as a client.
const OPENERS: [&str; 10] = [
    "connect(",
    "connect_timeout(",
    "connect_addr(",
    "connect_std(",
    "TcpSocket",
    "UnixSocket",
    "Socket::new",
    "socket_with(",
    "awc::",
    "Connector",
];

/// The module that speaks to upstreams.
const PROXY: &str = "src/front/proxy/";

/// The places elsewhere: file, opener, how often, and what for.
const ALLOWED: [(&str, &str, usize, &str); 14] = [
    ("src/front/bind.rs", "Socket::new", 2, "listens"),
    (
        "src/front/sink.rs",
        "connect(",
        3,
        "sends datagrams of a log to syslog, and its error says so",
    ),
    ("src/backend/mod.rs", "Socket::new", 1, "listens"),
    (
        "src/cli/control.rs",
        "connect(",
        1,
        "does a lab run, and an order to the running lab",
    ),
    ("src/course/backends.rs", "Socket::new", 1, "listens"),
    (
        "src/course/backends/relay.rs",
        "connect(",
        2,
        "relays to the backends of a grading",
    ),
    (
        "src/course/backends.rs",
        "connect_timeout(",
        1,
        "wakes them at their end",
    ),
    (
        "src/course/client.rs",
        "Socket::new",
        1,
        "the grader's client",
    ),
    ("src/course/client.rs", "connect(", 1, "the grader's client"),
    (
        "src/course/client.rs",
        "connect_timeout(",
        1,
        "the grader's client",
    ),
    (
        "src/course/diagnose.rs",
        "connect(",
        3,
        "nginx's words, looked for in a log",
    ),
    ("src/course/nginx.rs", "connect(", 1, "waits for real nginx"),
    (
        "src/wire/tcp_info.rs",
        "connect(",
        1,
        "its own test's client",
    ),
    (
        "src/wire/tcp_info.rs",
        "socket_with(",
        1,
        "asks the kernel about a connection",
    ),
];

/// HTTP clients that crates have; what awc is made of is not among them.
const CLIENTS: [&str; 14] = [
    "attohttpc",
    "chttp",
    "curl",
    "curl-sys",
    "cyper",
    "ehttp",
    "http_req",
    "hyper",
    "hyper-util",
    "isahc",
    "minreq",
    "reqwest",
    "surf",
    "ureq",
];

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

/// How often each opener stands in the code of a file; comments and functions so named do not count.
fn openers(text: &str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or_default();
        for opener in OPENERS {
            let uses = code.match_indices(opener).filter(|(at, _)| {
                let before = &code[..*at];
                !before.ends_with("fn ")
                    && !before.ends_with(|c: char| c == '_' || c.is_alphanumeric())
            });
            *counts.entry(opener).or_insert(0) += uses.count();
        }
    }
    counts.retain(|_, count| *count > 0);
    counts
}

#[test]
fn only_the_proxy_opens_sockets_to_upstreams() {
    let mut in_proxy = 0;
    let mut elsewhere = Vec::new();
    for path in sources(&tree().join("src")) {
        let name = path.strip_prefix(tree()).expect("a file of the tree");
        let name = name.to_str().expect("a name in UTF-8");
        let found = openers(&fs::read_to_string(&path).expect("a source file"));
        if name.starts_with(PROXY) {
            in_proxy += found.values().sum::<usize>();
        } else {
            let places = found.into_iter();
            elsewhere.extend(places.map(|(opener, count)| (name.to_owned(), opener, count)));
        }
    }
    // The search itself finds what is there.
    assert!(
        in_proxy > 0,
        "{PROXY} opens no socket: is it elsewhere now?"
    );
    let mut allowed = ALLOWED.map(|(file, opener, count, _)| (file.to_owned(), opener, count));
    allowed.sort();
    elsewhere.sort();
    assert_eq!(
        elsewhere, allowed,
        "sockets are opened (left) where this test does not allow it (right); \
         one to an upstream belongs in {PROXY}, for another add a line to ALLOWED"
    );
}

#[test]
fn awc_is_the_only_http_client() {
    let lock = fs::read_to_string(tree().join("Cargo.lock")).expect("the lock file");
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
    let names: Vec<_> = names.map(|name| name.trim_matches('"')).collect();
    assert!(names.contains(&"awc"), "the lock file has no awc");
    let others: Vec<_> = names
        .into_iter()
        .filter(|name| CLIENTS.contains(name))
        .collect();
    assert_eq!(others, Vec::<&str>::new(), "another HTTP client");
    // One that is optional, or of another platform, would be in the lock file too; one of a path would not be found.
    let manifest = fs::read_to_string(tree().join("Cargo.toml")).expect("the manifest");
    let by_path = manifest
        .lines()
        .find(|line| line.contains("path = \"") && line.contains(" = {"));
    assert_eq!(
        by_path, None,
        "a dependency by path is not seen by this test"
    );
}

#[test]
fn the_search_knows_a_call_from_a_comment() {
    let found = |text| openers(text).into_iter().collect::<Vec<_>>();
    assert_eq!(found("let s = TcpStream::connect(a)?;"), [("connect(", 1)]);
    assert_eq!(
        found("tokio::net::TcpStream::connect(a).await"),
        [("connect(", 1)]
    );
    assert_eq!(
        found("socket.connect_timeout(&a, t)"),
        [("connect_timeout(", 1)]
    );
    assert_eq!(found("rustix::net::connect(fd, &a)"), [("connect(", 1)]);
    assert_eq!(found("use awc::Client; // connect("), [("awc::", 1)]);
    assert_eq!(found("fn connect(x: u8) { poll_connect(x) } // awc::"), []);
}
