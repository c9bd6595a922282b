//! The logs: opened anew by USR1, and written by their levels.

use std::fs;

use rustix::process::Signal;

use crate::support::program::Program;
use crate::support::until;

use super::PATIENCE;

#[test]
fn usr1_opens_the_logs_anew() {
    let program = Program::start(
        "log_format path '$uri';\n\
         server { listen 127.0.0.1:{port}; access_log {dir}/access.log path; location / { return 200; } location /no { deny all; } }",
        |_| {},
    );
    let file = |name: &str| program.folder().join(name);
    program.get("/first");
    program.wait_for_log("access.log", "/first");
    for name in ["access.log", "error.log"] {
        fs::rename(file(name), file(&format!("{name}.1"))).expect("another name");
    }
    // Until it is told, the old files are written.
    program.get("/second");
    program.wait_for_log("access.log.1", "/second");
    program.signal(Signal::USR1);
    until(PATIENCE, "the new files are there", || {
        file("access.log").exists() && file("error.log").exists()
    });
    until(PATIENCE, "the new file is written", || {
        program.get("/third");
        let log = fs::read_to_string(file("access.log")).unwrap_or_default();
        log.contains("/third")
    });
    program.get("/no");
    program.wait_for_log("error.log", "access forbidden by rule");
    let old = fs::read_to_string(file("error.log.1")).expect("the old log");
    assert!(!old.contains("forbidden"), "{old}");
}

/// Lines below the level of a log are not written to it.
#[test]
fn error_logs_have_levels() {
    let program = Program::start(
        "error_log {dir}/crit.log crit; error_log {dir}/all.log info; error_log {dir}/errors.log;\n\
         server { listen 127.0.0.1:{port}; root {dir}; location /no { deny all; } }",
        |_| {},
    );
    program.get("/no");
    program.get("/missing");
    for name in ["errors.log", "all.log"] {
        program.wait_for_log(name, "access forbidden by rule");
        program.wait_for_log(name, "No such file or directory");
    }
    let crit = fs::read_to_string(program.folder().join("crit.log")).expect("a log");
    assert_eq!(crit, "");
}

/// One log that cannot be opened anew keeps no other from it; the error log says which.
#[test]
fn usr1_goes_on_after_a_log_that_cannot_be_opened() {
    let program = Program::start(
        "log_format path '$uri';\n\
         server { listen 127.0.0.1:{port}; access_log {dir}/a/access.log path; access_log {dir}/b.log path;\n\
         access_log {dir}/c/access.log path; access_log {dir}/d.log path; return 200; }",
        |folder| {
            for name in ["a", "c"] {
                fs::create_dir(folder.join(name)).expect("a folder");
            }
        },
    );
    let file = |name: &str| program.folder().join(name);
    for (name, other) in [
        ("a", "a.old"),
        ("c", "c.old"),
        ("b.log", "b.old"),
        ("d.log", "d.old"),
        ("error.log", "error.old"),
    ] {
        fs::rename(file(name), file(other)).expect("another name");
    }
    program.signal(Signal::USR1);
    for folder in ["a", "c"] {
        let path = file(folder).join("access.log");
        let failed = format!(
            "open() \"{}\" failed (2: No such file or directory)",
            path.display()
        );
        let line = program.wait_for_log("error.log", &failed);
        assert!(line.contains(" [emerg] "), "{line}");
    }
    until(PATIENCE, "the others are there", || {
        file("b.log").exists() && file("d.log").exists()
    });
    // What could not be opened anew goes on as it was.
    until(PATIENCE, "all are written", || {
        program.get("/more");
        ["a.old/access.log", "c.old/access.log", "b.log", "d.log"]
            .iter()
            .all(|name| fs::read_to_string(file(name)).is_ok_and(|log| log.contains("/more")))
    });
}

/// What a reload finds is told by the error log: warnings, and of a broken file the first mistake.
#[test]
fn the_error_log_tells_of_a_reload() {
    let http = |more: &str| {
        format!("server {{ listen 127.0.0.1:{{port}}; server_name a; return 200 1; }} {more}")
    };
    let program = Program::start(&http(""), |_| {});
    let load = |more: &str| {
        program.rewrite(&http(more));
        program.signal(Signal::HUP);
    };
    load("nonsense on; listen 80;");
    let line = program.wait_for_log("error.log", "unknown directive");
    let words = "[emerg] ";
    assert_eq!(line.matches(words).count(), 1, "{line}");
    assert!(
        line.contains("unknown directive \"nonsense\" in "),
        "{line}"
    );
    load("server { listen 127.0.0.1:{port}; server_name a; }");
    let line = program.wait_for_log("error.log", "conflicting server name \"a\" on 127.0.0.1:");
    assert!(
        line.contains(" [warn] ") && line.ends_with(", ignored"),
        "{line}"
    );
    let log = program.error_log();
    assert!(!log.contains("\"listen\" directive"), "{log}");
}
