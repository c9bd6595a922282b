//! The process is nginx's: its pid file, its signals, its workers, its user, its logs, its sockets' files.
//!
//! With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of nginx.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client;
use crate::support::program::{Program, command, free_ports, is_nginx, write_configuration};
use crate::support::until;
use crate::support::upstream::Recorder;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose requests wait for the backend at `{port2}`, and one that answers itself.
const WAITING: &str = "server { listen 127.0.0.1:{port}; location / { return 200 here; }\n\
                       location /wait { proxy_pass http://127.0.0.1:{port2}; } }";

/// A request to the program that its backend has got and not answered.
struct UnderWay {
    client: TcpStream,
    backend: TcpStream,
}

impl UnderWay {
    fn begin(program: &Program) -> Self {
        let listener = std::net::TcpListener::bind(program.address_of(1)).expect("the port");
        let mut client = client::connect(program.address()).expect("a connection");
        client
            .write_all(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
            .expect("a request sent");
        let (mut backend, _) = listener.accept().expect("a request");
        let mut first = [0];
        backend.read_exact(&mut first).expect("a byte of it");
        Self { client, backend }
    }

    /// Lets the backend answer, and reads the answer.
    fn end(mut self) -> client::Answer {
        self.backend
            .write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nlate")
            .expect("an answer");
        client::read_answer(&mut self.client, false).expect("an answer")
    }
}

fn refuses(program: &Program) -> bool {
    TcpStream::connect(program.address()).is_err()
}

#[test]
fn quit_ends_after_what_is_under_way_and_accepts_nothing_new() {
    let mut program = Program::start(WAITING, |_| {});
    let request = UnderWay::begin(&program);
    program.signal(Signal::QUIT);
    until(PATIENCE, "nothing new is accepted", || refuses(&program));
    assert!(program.is_running(), "a request is under way");
    let answer = request.end();
    assert_eq!((answer.status(), answer.text()), (200, "late".to_owned()));
    assert_eq!(program.ended().code(), Some(0));
    assert!(!program.folder().join("pid").exists());
}

#[test]
fn term_and_int_end_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut program = Program::start(WAITING, |_| {});
        let mut request = UnderWay::begin(&program);
        program.signal(signal);
        assert_eq!(program.ended().code(), Some(0));
        let mut rest = Vec::new();
        let _ = request.client.read_to_end(&mut rest);
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
        assert!(!program.folder().join("pid").exists());
    }
}

/// An end that takes too long can be cut short.
#[test]
fn term_ends_a_graceful_end() {
    let mut program = Program::start(WAITING, |_| {});
    let _request = UnderWay::begin(&program);
    program.signal(Signal::QUIT);
    until(PATIENCE, "nothing new is accepted", || refuses(&program));
    program.signal(Signal::TERM);
    assert_eq!(program.ended().code(), Some(0));
}

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

/// Whoever reads the pid file finds every address served.
#[test]
fn the_pid_file_comes_after_the_sockets() {
    let program = Program::start(
        "server { listen 127.0.0.1:{port}; listen 127.0.0.1:{port2}; listen 127.0.0.1:{port3}; listen unix:{dir}/sock; return 204; }",
        |_| {},
    );
    // `start` came back with the pid file's first appearance.
    for n in 0..3 {
        TcpStream::connect(program.address_of(n)).expect("a connection");
    }
    UnixStream::connect(program.folder().join("sock")).expect("a connection");
}

/// A pid file is neither written nor left where a socket cannot be bound; what was bound is free again.
#[test]
fn a_start_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    let http = "server { listen unix:{dir}/sock; listen 127.0.0.1:{port}; return 204; }\n\
                server { listen unix:{dir}/no/such/folder; }";
    write_configuration(folder.path(), "", http, &ports);
    let output = command(folder.path()).output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let bind = format!(
        "bind() to unix:{}/no/such/folder failed (2: No such file or directory)",
        folder.path().display()
    );
    assert!(said.contains(&bind), "{said}");
    let log = fs::read_to_string(folder.path().join("error.log")).expect("a log");
    assert!(log.contains(&bind), "the log has it, too: {log}");
    assert!(!folder.path().join("pid").exists());
    assert_eq!(folder.path().join("sock").exists(), is_nginx());
}

#[test]
fn a_unix_socket_is_a_file_while_it_is_served() {
    let http = |sockets: &str| {
        format!(
            "server {{ listen 127.0.0.1:{{port}}; {sockets} location / {{ return 200 \"$server_addr|$remote_addr|{}\"; }} }}",
            sockets.len()
        )
    };
    let one = "listen unix:{dir}/one.sock;";
    let two = "listen unix:{dir}/two.sock; ";
    let mut program = Program::start(&http(one), |_| {});
    let path = |name: &str| program.folder().join(name);
    let ask = |name: &str| {
        let mut socket = UnixStream::connect(path(name)).ok()?;
        socket.set_read_timeout(Some(PATIENCE)).ok()?;
        socket
            .write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            .ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        Some(answer)
    };
    let metadata = fs::metadata(path("one.sock")).expect("a socket");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o666);
    let says = |name: &str, sockets: &str| {
        let end = format!(
            "\r\n\r\nunix:{}|unix:|{}",
            path(name).display(),
            sockets.len()
        );
        ask(name).is_some_and(|answer| answer.ends_with(&end))
    };
    assert!(says("one.sock", one));
    // A reload with both, then with the other one alone.
    let both = format!("{one}{two}");
    program.rewrite(&http(&both));
    program.signal(Signal::HUP);
    until(PATIENCE, "both are served", || {
        says("one.sock", &both) && says("two.sock", &both)
    });
    program.rewrite(&http(two));
    program.signal(Signal::HUP);
    until(PATIENCE, "the other one is served", || {
        says("two.sock", two)
    });
    until(PATIENCE, "the first one is gone", || {
        !path("one.sock").exists()
    });
    assert!(says("two.sock", two));
    let two = path("two.sock");
    program.signal(Signal::QUIT);
    assert_eq!(program.ended().code(), Some(0));
    assert!(!two.exists());
}

/// A socket's file that another process left is in the way, as with nginx.
#[test]
fn a_file_in_the_way_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("sock"), "").expect("a file");
    let http = "server { listen unix:{dir}/sock; }";
    write_configuration(folder.path(), "", http, &free_ports());
    let output = command(folder.path()).output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let bind = format!(
        "bind() to unix:{}/sock failed (98: Address already in use)",
        folder.path().display()
    );
    assert!(said.contains(&bind), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(folder.path().join("sock").exists());
}

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

/// `daemon on`: the command ends once the server serves; `-s` finds it by its pid file.
#[test]
fn a_daemon_is_told_what_to_do_by_its_pid_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut started = None;
    for _ in 0..5 {
        let ports = free_ports();
        write_configuration(
            folder.path(),
            "",
            "server { listen 127.0.0.1:{port}; return 200 one; }",
            &ports,
        );
        change(folder.path(), "daemon off;", "daemon on;");
        let output = command(folder.path()).output().expect("an end");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            assert_eq!(said, "");
            started = Some(ports);
            break;
        }
        assert!(said.contains("bind()"), "{said}");
    }
    let ports = started.expect("a daemon");
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
    let text = || {
        let address = ([127, 0, 0, 1], ports[0]).into();
        let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client::exchange(address, request, false).map_or(String::new(), |answer| answer.text())
    };
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

fn process(pid: i32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(pid).expect("a process")
}

fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("nginx.conf");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("a file");
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
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        client::exchange(address, request.as_bytes(), false).expect("an answer")
    };
    let (all, roots) = (get("/all.txt"), get("/root.txt"));
    // A body too long for memory goes to a folder that is the user's.
    let body = vec![b'x'; 64 << 10];
    let head = format!(
        "POST /up HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let request = [head.as_bytes(), &body].concat();
    let sent = client::exchange(address, &request, false).expect("an answer");
    let _ = rustix::process::kill_process(
        process(i32::try_from(child.id()).expect("a pid")),
        Signal::TERM,
    );
    let _ = child.wait();
    assert_eq!((all.status(), all.text()), (200, "all.txt".to_owned()));
    assert_eq!(roots.status(), 403);
    assert_eq!(sent.status(), 200);
    let owner = std::os::unix::fs::MetadataExt::uid(
        &fs::metadata(folder.path().join("t1")).expect("a folder"),
    );
    assert_ne!(owner, 0);
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
    let mut test: Command = command(folder.path());
    test.arg("-t");
    let output = test.output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let mut child = command(folder.path()).spawn().expect("a process");
    let address = ([127, 0, 0, 1], ports[0]).into();
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    until(PATIENCE, "it serves", || {
        client::exchange(address, request, false).is_ok_and(|answer| answer.status() == 204)
    });
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    rustix::process::kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}
