//! The workers: how many there are, and whose they are.
#![cfg(target_os = "linux")]

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use rustix::process::Signal;

use crate::support::client;
use crate::support::program::{Program, command, free_ports, is_nginx, write_configuration};
use crate::support::until;
use crate::support::upstream::Recorder;

use super::{PATIENCE, change, get, process};

/// As many workers as the file says; each accepts by itself.
#[test]
#[cfg(target_os = "linux")]
fn there_are_as_many_workers_as_the_file_says() {
    let workers = |program: &Program| {
        let tasks = fs::read_dir(format!("/proc/{}/task", program.pid())).expect("threads");
        if is_nginx() {
            let children = format!("/proc/{0}/task/{0}/children", program.pid());
            let children = fs::read_to_string(children).expect("children");
            return children.split_whitespace().count();
        }
        let names = tasks.flatten().filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            name.starts_with("actix-rt").then_some(())
        });
        names.count()
    };
    let http = "server { listen 127.0.0.1:{port}; return 204; }";
    let one = Program::start(http, |_| {});
    until(PATIENCE, "one worker", || workers(&one) == 1);
    for (given, wanted) in [
        ("3", 3),
        (
            "auto",
            std::thread::available_parallelism().map_or(1, usize::from),
        ),
    ] {
        let path = one.folder().join("nginx.conf");
        let text = fs::read_to_string(&path).expect("a file");
        let line = text
            .lines()
            .find(|line| line.starts_with("worker_processes"))
            .expect("a line");
        fs::write(
            &path,
            text.replace(line, &format!("worker_processes {given};")),
        )
        .expect("a file");
        one.signal(Signal::HUP);
        until(PATIENCE, &format!("{given} workers"), || {
            workers(&one) == wanted
        });
    }
}

/// A root's process answers as the user that the file names: what that user may not read is forbidden.
#[test]
#[cfg(target_os = "linux")]
fn workers_are_the_users() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    let put = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, name).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    put("all.txt", 0o644);
    put("root.txt", 0o600);
    let ports = free_ports();
    let http = "server { listen 127.0.0.1:{port}; root {dir}; location /up { client_body_buffer_size 1k; proxy_pass http://BACKEND; } }";
    let backend = Recorder::start();
    let http = http.replace("BACKEND", &backend.name());
    write_configuration(folder.path(), "", &http, &ports);
    let own = match is_nginx() {
        true => "user root;",
        false => "daemon off;",
    };
    change(
        folder.path(),
        own,
        &format!("{} user nobody nogroup;", own.replace("user root;", "")),
    );
    let mut child = command(folder.path()).spawn().expect("a process");
    let address = ([127, 0, 0, 1], ports[0]).into();
    until(PATIENCE, "it serves", || {
        TcpStream::connect(address).is_ok()
    });
    let get = |path: &str| get(ports[0], path).expect("an answer");
    let (all, roots) = (get("/all.txt"), get("/root.txt"));
    // A body too long for memory goes to a folder that is the user's.
    let body = vec![b'x'; 64 << 10];
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let sent = client::exchange(address, &request, false).expect("an answer");
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    // A log that is opened anew is the user's; before, it is whoever's began.
    let owner_of = |name: &str| fs::metadata(folder.path().join(name)).map(|found| found.uid());
    let log = folder.path().join("error.log");
    let first_owner = owner_of("error.log").expect("a log");
    fs::remove_file(&log).expect("a log");
    rustix::process::kill_process(pid, Signal::USR1).expect("a signal");
    until(PATIENCE, "the log is the user's", || {
        owner_of("error.log").is_ok_and(|uid| uid != 0)
    });
    let _ = rustix::process::kill_process(pid, Signal::TERM);
    let _ = child.wait();
    assert_eq!(first_owner, 0);
    assert_eq!((all.status(), all.text()), (200, "all.txt".to_owned()));
    assert_eq!(roots.status(), 403);
    assert_eq!(sent.status(), 200);
    let temporary = fs::metadata(folder.path().join("t1")).expect("a folder");
    assert_ne!(temporary.uid(), 0);
    assert_eq!(temporary.mode() & 0o777, 0o700);
}
