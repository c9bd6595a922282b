//! The pid file moves with a reload, and a start without one is none.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::program::{Program, command, free_ports, write_configuration};
use crate::support::until;

use super::{PATIENCE, change};

/// A reload with another `pid` writes that file and removes the one before; where it cannot, nothing changes.
#[test]
fn a_pid_file_moves_with_a_reload() {
    let http = |n: usize| format!("server {{ listen 127.0.0.1:{{port}}; return 200 {n}; }}");
    let mut program = Program::start(&http(1), |_| {});
    let path = |name: &str| program.folder().join(name);
    let (old, new) = (path("pid"), path("other.pid"));
    let reload_with = |n: usize, pid: &Path| {
        program.rewrite(&http(n));
        let (from, to) = (
            format!("pid {};", old.display()),
            format!("pid {};", pid.display()),
        );
        change(program.folder(), &from, &to);
        program.signal(Signal::HUP);
    };
    reload_with(2, &path("no/such/pid"));
    program.wait_for_log("error.log", "/no/such/pid\" failed (2: ");
    assert_eq!(program.get("/").text(), "1");
    assert!(old.exists());
    reload_with(3, &new);
    until(PATIENCE, "the new version answers", || {
        program.get("/").text() == "3"
    });
    until(PATIENCE, "the old file is gone", || !old.exists());
    let pid = fs::read_to_string(&new).expect("a pid");
    assert_eq!(pid, format!("{}\n", program.pid()));
    program.signal(Signal::QUIT);
    assert_eq!(program.ended().code(), Some(0));
    assert!(!new.exists());
}

/// A pid file that cannot be written is told of by the error log, too.
#[test]
fn a_pid_file_that_cannot_be_written_ends_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    write_configuration(
        folder.path(),
        "",
        "server { listen unix:{dir}/sock; }",
        &free_ports(),
    );
    fs::create_dir(folder.path().join("pid")).expect("a folder");
    let output = command(folder.path()).output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let failed = format!(
        "open() \"{}/pid\" failed (21: Is a directory)",
        folder.path().display()
    );
    assert!(said.contains(&failed), "{said}");
    let log = fs::read_to_string(folder.path().join("error.log")).expect("a log");
    assert!(log.contains(&failed), "{log}");
}
