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
