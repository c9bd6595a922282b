//! What the workers' user may not read: the answer and the log's line, wherever a file is looked for.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;

use crate::support::program::{command, free_ports, is_nginx, write_configuration};
use crate::support::until;

use super::{PATIENCE, change, get, process};

const HTTP: &str = "server {
    listen 127.0.0.1:{port};
    root {dir}/html;
    location /list/ { autoindex on; }
    location /closed-list/ { autoindex on; }
    location /closed-random/ { random_index on; }
    location /packed/ { gzip_static always; }
    location /tried/ { try_files $uri /a.txt; }
    location /two/ { index index.html other.html; }
    location /runs/ {
        if (-x $request_filename) { return 200 yes; }
        return 200 no;
    }
}";

/// Files and folders under `html/` with their modes; a folder's name ends with a slash.
const FILES: &[(&str, u32)] = &[
    ("a.txt", 0o644),
    ("secret.txt", 0o600),
    ("shut/", 0o700),
    ("index/", 0o755),
    ("index/index.html", 0o600),
    ("two/", 0o755),
    ("two/index.html", 0o600),
    ("two/other.html", 0o644),
    ("packed/", 0o755),
    ("packed/a.txt", 0o644),
    ("packed/a.txt.gz", 0o600),
    ("list/", 0o755),
    ("list/shut/", 0o700),
    ("closed-list/", 0o711),
    ("closed-random/", 0o711),
    ("tried/", 0o755),
    ("tried/shut/", 0o700),
    ("runs/", 0o755),
    ("runs/owner", 0o744),
    ("runs/others", 0o655),
];

/// What is asked for, the status, the text of a 200, and the log's line from its level to the system's reason.
const ANSWERS: &[(&str, u16, &str, &str)] = &[
    ("/a.txt", 200, "a.txt", ""),
    (
        "/secret.txt",
        403,
        "",
        "[error] open() \"@HTML@/secret.txt\" failed",
    ),
    ("/shut", 403, "", "[error] open() \"@HTML@/shut\" failed"),
    (
        "/shut/a.txt",
        403,
        "",
        "[error] open() \"@HTML@/shut/a.txt\" failed",
    ),
    (
        "/shut/",
        403,
        "",
        "[error] \"@HTML@/shut/index.html\" is forbidden",
    ),
    (
        "/index/",
        403,
        "",
        "[error] open() \"@HTML@/index/index.html\" failed",
    ),
    (
        "/two/",
        403,
        "",
        "[error] open() \"@HTML@/two/index.html\" failed",
    ),
    (
        "/packed/a.txt",
        200,
        "packed/a.txt",
        "[error] open() \"@HTML@/packed/a.txt.gz\" failed",
    ),
    (
        "/list/shut/",
        403,
        "",
        "[error] \"@HTML@/list/shut/index.html\" is forbidden",
    ),
    (
        "/closed-list/",
        403,
        "",
        "[error] opendir() \"@HTML@/closed-list\" failed",
    ),
    (
        "/closed-random/",
        403,
        "",
        "[error] opendir() \"@HTML@/closed-random\" failed",
    ),
    (
        "/tried/shut/a",
        200,
        "a.txt",
        "[crit] stat() \"@HTML@/tried/shut/a\" failed",
    ),
    ("/runs/owner", 200, "yes", ""),
    ("/runs/others", 200, "no", ""),
];

const DENIED: &str = " (13: Permission denied)";

fn make(html: &Path) {
    fs::create_dir(html).expect("a folder");
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(html.join(name), fs::Permissions::from_mode(mode)).expect("a mode");
    };
    for (name, _) in FILES {
        match name.strip_suffix('/') {
            Some(folder) => fs::create_dir(html.join(folder)).expect("a folder"),
            None => fs::write(html.join(name), name).expect("a file"),
        }
    }
    mode("", 0o755);
    FILES
        .iter()
        .rev()
        .for_each(|(name, bits)| mode(name, *bits));
}

/// Only root can start workers that are somebody else's; anybody else may read what is theirs.
#[test]
fn what_may_not_be_read_is_forbidden() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    make(&folder.path().join("html"));
    let ports = free_ports();
    write_configuration(folder.path(), "", HTTP, &ports);
    let own = match is_nginx() {
        true => "user root;",
        false => "daemon off;",
    };
    let user = format!("{} user nobody nogroup;", own.replace("user root;", ""));
    change(folder.path(), own, &user);
    let mut child = command(folder.path()).spawn().expect("a process");
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    until(PATIENCE, "it serves", || get(ports[0], "/a.txt").is_ok());
    let log = || fs::read_to_string(folder.path().join("error.log")).expect("a log");
    let html = folder.path().join("html").display().to_string();
    for (path, status, text, line) in ANSWERS {
        let before = log().len();
        let answer = get(ports[0], path).expect("an answer");
        assert_eq!(answer.status(), *status, "{path}");
        if *status == 200 {
            assert_eq!(answer.text(), *text, "{path}");
        }
        let said = said(&log()[before..]).replace(&html, "@HTML@");
        let reason = if line.is_empty() { "" } else { DENIED };
        assert_eq!(said, format!("{line}{reason}"), "{path}");
    }
    let _ = rustix::process::kill_process(pid, Signal::TERM);
    let _ = child.wait();
}

/// The lines of errors, from their level to what is said of the request.
fn said(log: &str) -> String {
    let messages = log.lines().filter_map(|line| {
        let levels = ["[error]", "[crit]", "[alert]"];
        let level = levels.into_iter().find(|level| line.contains(level))?;
        let (start, _) = line.split_once(", client: ")?;
        let (_, message) = start.split_once(": *")?.1.split_once(' ')?;
        Some(format!("{level} {message}"))
    });
    messages.collect::<Vec<_>>().join("\n")
}
