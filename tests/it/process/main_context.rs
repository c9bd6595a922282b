//! What the file says of the process itself: `daemon`, `pid`, and what only concerns nginx's own processes.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::ports::Ports;
use crate::support::program::{command, free_ports, write_configuration};
use crate::support::until;

use super::{PATIENCE, change, get, process};

/// `daemon on`: the command ends once the server serves; `-s` finds it by its pid file.
#[test]
fn a_daemon_is_told_what_to_do_by_its_pid_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = start_daemon(folder.path());
    let pid_file = folder.path().join("pid");
    // nginx's command ends a moment before its daemon writes the file.
    until(PATIENCE, "a pid file", || {
        fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let pid = fs::read_to_string(&pid_file).expect("a pid");
    let pid: i32 = pid.trim().parse().expect("a number");
    let is_there = || rustix::process::test_kill_process(process(pid)).is_ok();
    assert!(is_there());
    let tell = |order: &str| {
        let mut command = command(folder.path());
        command.args(["-s", order]).stderr(Stdio::piped());
        let output = command.output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{order}: {said}");
    };
    let text = || get(ports[0], "/").map_or(String::new(), |answer| answer.text());
    assert_eq!(text(), "one");
    change(folder.path(), "200 one", "200 two");
    tell("reload");
    until(PATIENCE, "the new version answers", || text() == "two");
    let log = folder.path().join("error.log");
    fs::remove_file(&log).expect("a log");
    tell("reopen");
    until(PATIENCE, "the log is opened anew", || log.exists());
    tell("quit");
    until(PATIENCE, "it ends", || !is_there());
    assert!(!pid_file.exists());
    // Nobody is left to be told anything.
    let mut command = command(folder.path());
    command.args(["-s", "stop"]);
    let output = command.output().expect("an end");
    assert_eq!(output.status.code(), Some(1));
}

/// Starts the program with `daemon on`, on the first of the ports that are given back.
fn start_daemon(folder: &Path) -> Ports {
    let ports = free_ports();
    let http = "server { listen 127.0.0.1:{port}; return 200 one; }";
    write_configuration(folder, "", http, &ports);
    change(folder, "daemon off;", "daemon on;");
    let output = command(folder).output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    ports
}

/// What only concerns nginx's own processes is taken, and changes nothing.
#[test]
fn directives_of_the_process_are_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    write_configuration(
        folder.path(),
        "use epoll; multi_accept on; accept_mutex off;",
        "server { listen 127.0.0.1:{port}; return 204; }",
        &ports,
    );
    change(
        folder.path(),
        "daemon off;",
        "daemon off; master_process off; env HOME; env KEY=value; worker_rlimit_nofile 1024; worker_priority 0;\n\
         worker_cpu_affinity auto; timer_resolution 100ms; pcre_jit on; worker_shutdown_timeout 5s; lock_file l;",
    );
    let mut test = command(folder.path());
    test.arg("-t");
    let output = test.output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let mut child = command(folder.path()).spawn().expect("a process");
    until(PATIENCE, "it serves", || {
        get(ports[0], "/").is_ok_and(|answer| answer.status() == 204)
    });
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    rustix::process::kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

/// A relative prefix stays as it is given: names below it are opened and shown so.
#[test]
fn a_relative_prefix_stays_relative() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    let http = "log_format name '$request_filename';\n\
                server { listen 127.0.0.1:{port}; access_log logs/access.log name; location /other/ { alias up/../html/; } }";
    write_configuration(folder.path(), "", http, &ports);
    for name in ["html", "logs", "up"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    fs::write(folder.path().join("html/a"), "a").expect("a file");
    let mut command = command(Path::new("."));
    let mut child = command
        .current_dir(folder.path())
        .spawn()
        .expect("a process");
    until(PATIENCE, "it serves", || {
        get(ports[0], "/a").is_ok_and(|answer| answer.text() == "a")
    });
    assert_eq!(get(ports[0], "/other/a").expect("an answer").text(), "a");
    assert_eq!(get(ports[0], "/b").expect("an answer").status(), 404);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    // The lines may come a moment after the answers.
    until(PATIENCE, "the files by their names", || {
        read("logs/access.log").ends_with("./html/a\n./up/../html/a\n./html/b\n")
            && read("error.log").contains("open() \"./html/b\" failed")
    });
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    rustix::process::kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}
