//! The command line over real processes: what starts, what is said, how it ends; and that a start that fails leaves
//! nothing behind.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::client::{self, Answer};
use crate::support::lab::{Folder, is_free};

fn get(address: SocketAddr, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    client::exchange(address, request.as_bytes(), false).expect("an answer")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code 1, nothing on the standard output, and the message.
#[track_caller]
fn failed(output: &Output) -> String {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(text(&output.stdout), "", "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn both_servers_start_and_the_message_says_what_to_try() {
    let folder = Folder::new();
    let lab = folder.start_both();
    let (front, backend) = (folder.front, folder.backend);
    let said = &lab.message;
    for part in [
        format!("front    http://127.0.0.1:{front} "),
        format!("backend  http://127.0.0.1:{backend} "),
        format!("serves {}", folder.path().join("lab/nginx.conf").display()),
    ] {
        assert!(said.contains(&part), "{part} in:\n{said}");
    }
    // Each of the three commands works as it is written.
    let commands: Vec<_> = said
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("curl http://localhost:"))
        .collect();
    assert_eq!(commands.len(), 3, "{said}");
    for command in commands {
        let url = command.split(' ').next().expect("an address");
        let (port, path) = url.split_once('/').expect("a path");
        let port: u16 = port.parse().expect("a port");
        let answer = get(
            SocketAddr::from(([127, 0, 0, 1], port)),
            &format!("/{path}"),
        );
        assert_eq!(answer.status(), 200, "{command}");
    }
    assert_eq!(get(folder.front_address(), "/hello.txt").text(), "hello\n");
}

#[test]
fn front_alone_and_no_backend_leave_the_backends_port_free() {
    for arguments in [&["front"][..], &["--no-backend"]] {
        let folder = Folder::new();
        let lab = folder.start(arguments);
        assert!(is_free(folder.backend_address()), "{arguments:?}");
        assert_eq!(get(folder.front_address(), "/api/users").status(), 502);
        assert_eq!(lab.message.matches("  curl ").count(), 3, "{}", lab.message);
        // A person's own application takes the port.
        let own = TcpListener::bind(folder.backend_address()).expect("the port");
        let served = std::thread::spawn(move || {
            let (mut socket, _) = own.accept().expect("a connection");
            socket
                .write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nown")
                .expect("an answer");
        });
        assert_eq!(get(folder.front_address(), "/api/users").text(), "own");
        served.join().expect("a served request");
    }
}

#[test]
fn a_backend_of_another_name_says_it() {
    let folder = Folder::new();
    let blue = format!("blue={}", folder.backend_address());
    let lab = folder.start(&["--no-backend", "--backend", &blue]);
    assert!(
        lab.message.contains("a backend called blue"),
        "{}",
        lab.message
    );
    assert_eq!(get(folder.front_address(), "/api/users").status(), 200);
}

#[test]
fn the_backend_goes_down_and_up_while_the_lab_runs() {
    let folder = Folder::new();
    let mut lab = folder.start_both();
    let users = || get(folder.front_address(), "/api/users").status();
    assert_eq!(users(), 200);
    let stop = folder.run(&["backend", "stop"]);
    assert!(stop.status.success(), "{}", text(&stop.stderr));
    assert!(text(&stop.stdout).contains(&format!("127.0.0.1:{} is closed", folder.backend)));
    assert!(is_free(folder.backend_address()));
    assert_eq!(users(), 502);
    let start = folder.run(&["backend", "start"]);
    assert!(start.status.success(), "{}", text(&start.stderr));
    assert_eq!(users(), 200);
    // From a folder below, too.
    let mut below = folder.command(&["backend", "stop"]);
    let below = below.current_dir(folder.path().join("html")).output();
    assert!(below.expect("an end").status.success());
    lab.signal(Signal::TERM);
    assert_eq!(lab.wait().code(), Some(0));
    let said = failed(&folder.run(&["backend", "start"]));
    assert!(said.contains("no running lab was found"), "{said}");
}

#[test]
fn a_taken_front_port_is_one_message_and_the_backend_does_not_start() {
    let folder = Folder::new();
    let _taken = TcpListener::bind(folder.front_address()).expect("the port");
    let backend = folder.backend_address().to_string();
    let said = failed(&folder.run(&["--backend-listen", &backend]));
    assert!(
        said.starts_with(&format!("proxy-lab: 127.0.0.1:{} is taken", folder.front)),
        "{said}"
    );
    assert!(
        said.contains("change the port in `listen` in lab/nginx.conf"),
        "{said}"
    );
    assert!(is_free(folder.backend_address()));
}

#[test]
fn a_taken_backend_port_is_one_message_and_the_front_does_not_start() {
    let folder = Folder::new();
    let _taken = TcpListener::bind(folder.backend_address()).expect("the port");
    let backend = folder.backend_address().to_string();
    let said = failed(&folder.run(&["--backend-listen", &backend]));
    assert!(
        said.starts_with(&format!("proxy-lab: {backend} is taken")),
        "{said}"
    );
    assert!(
        said.contains("Your own backend? Run with --no-backend"),
        "{said}"
    );
    assert_eq!(
        said.contains("AirPlay"),
        cfg!(target_os = "macos"),
        "{said}"
    );
    assert!(is_free(folder.front_address()));
    // The advice is right.
    drop(folder.start(&["--no-backend"]));
}

#[test]
fn a_broken_file_is_shown_and_nothing_starts() {
    let folder = Folder::new();
    let right = fs::read_to_string(folder.path().join("lab/nginx.conf")).expect("a file");
    folder.put("lab/nginx.conf", &right.replace("proxy_pass", "proxy_pas"));
    for arguments in [&["front"][..], &["--no-backend"]] {
        let said = failed(&folder.run(arguments));
        let line = format!(
            "nginx: [emerg] unknown directive \"proxy_pas\" in {}:7\n",
            folder.path().join("lab/nginx.conf").display()
        );
        assert!(said.starts_with(&line), "{said}");
        assert!(said.contains("did you mean `proxy_pass`?"), "{said}");
        assert!(is_free(folder.front_address()));
    }
}

#[test]
fn what_is_under_way_ends_before_the_lab_does() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = Folder::new();
        let mut lab = folder.start_both();
        let mut socket = client::connect(folder.front_address()).expect("a connection");
        socket
            .write_all(b"GET /api/stream?n=2&every=0.3 HTTP/1.1\r\nHost: h\r\n\r\n")
            .expect("a request sent");
        client::read_head(&mut socket).expect("a head");
        lab.signal(signal);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).expect("the rest");
        assert!(rest.contains("id: 2"), "{rest}");
        assert!(rest.ends_with("\r\n0\r\n\r\n"), "{rest}");
        assert_eq!(lab.wait().code(), Some(0));
        assert!(is_free(folder.front_address()) && is_free(folder.backend_address()));
        assert!(!folder.path().join("lab/.running").exists());
    }
}

#[test]
fn the_end_is_bounded_and_a_second_signal_ends_at_once() {
    for second in [false, true] {
        let folder = Folder::new();
        let mut lab = folder.start_both();
        let mut socket = client::connect(folder.front_address()).expect("a connection");
        socket
            .write_all(b"GET /api/stream?n=9&every=60 HTTP/1.1\r\nHost: h\r\n\r\n")
            .expect("a request sent");
        client::read_head(&mut socket).expect("a head");
        lab.signal(Signal::INT);
        if second {
            // The first signal has been seen when the port is closed.
            while !is_free(folder.front_address()) {}
            let start = Instant::now();
            lab.signal(Signal::INT);
            assert_eq!(lab.wait().code(), Some(0));
            assert!(start.elapsed() < Duration::from_secs(2));
        } else {
            assert_eq!(lab.wait().code(), Some(0));
        }
    }
}

#[test]
fn who_comes_while_the_lab_ends_is_refused() {
    let folder = Folder::new();
    let mut lab = folder.start_both();
    let mut socket = client::connect(folder.front_address()).expect("a connection");
    socket
        .write_all(b"GET /api/stream?n=9&every=60 HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("a request sent");
    client::read_head(&mut socket).expect("a head");
    lab.signal(Signal::INT);
    while TcpStream::connect(folder.front_address()).is_ok() {}
    // The answer under way goes on meanwhile: events may be there, its end is not.
    socket.set_nonblocking(true).expect("a socket");
    let mut rest = Vec::new();
    let end = socket.read_to_end(&mut rest).map_err(|e| e.kind());
    assert_eq!(end, Err(ErrorKind::WouldBlock));
    lab.signal(Signal::INT);
    assert_eq!(lab.wait().code(), Some(0));
}

#[test]
fn a_backend_whose_port_was_taken_meanwhile_says_what_to_do() {
    let folder = Folder::new();
    let _lab = folder.start_both();
    assert_eq!(get(folder.front_address(), "/api/users").status(), 200);
    let stop = folder.run(&["backend", "stop"]);
    assert!(stop.status.success(), "{}", text(&stop.stderr));
    let other = TcpListener::bind(folder.backend_address()).expect("the backend's port");
    let said = failed(&folder.run(&["backend", "start"]));
    let first = format!(
        "proxy-lab: {} is taken: another program listens there.",
        folder.backend_address()
    );
    assert_eq!(said.lines().next(), Some(&*first));
    assert!(said.contains("Run with --no-backend"), "{said}");
    drop(other);
    assert!(folder.run(&["backend", "start"]).status.success());
}

#[test]
fn advice_names_folders_as_a_shell_reads_them() {
    let folder = Folder::new();
    let spaced = folder.path().join("two words");
    fs::create_dir_all(spaced.join("lab")).expect("a folder");
    let conf = fs::read(folder.path().join("lab/nginx.conf")).expect("a file");
    fs::write(spaced.join("lab/nginx.conf"), conf).expect("a file");
    let mut command = folder.command(&["--no-backend"]);
    let said = failed(&command.current_dir(&spaced).output().expect("an end"));
    let advice = format!("mkdir -p '{}'", spaced.join("logs").display());
    assert!(said.contains(&advice), "{said}");
}

#[test]
fn wrong_arguments_are_named_with_what_may_be_meant() {
    let folder = Folder::new();
    for (arguments, part) in [
        (&["--no-bakend"][..], "'--no-backend'"),
        (&["frnt"], "'front'"),
        (&["-c"], "nginx: option \"-c\" requires file name"),
        (&["-x"], "nginx: invalid option: \"x\""),
        (&["--backend", "blue"], "such as blue=127.0.0.1:5001"),
        (&["backend", "--listen", "5000"], "'5000'"),
    ] {
        let said = failed(&folder.run(arguments));
        assert!(said.contains(part), "{arguments:?}: {said}");
        assert!(said.contains("--help"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_missing_file_and_a_missing_lab_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(arguments).current_dir(folder.path());
        failed(&command.output().expect("an end"))
    };
    let said = run(&["-c", "/no/such/nginx.conf"]);
    let open =
        "nginx: [emerg] open() \"/no/such/nginx.conf\" failed (2: No such file or directory)\n";
    assert_eq!(said, open);
    let said = run(&["-t", "-c", "/no/such/nginx.conf"]);
    let last = "nginx: configuration file /no/such/nginx.conf test failed\n";
    assert_eq!(said, format!("{open}{last}"));
    for arguments in [&[][..], &["-t"], &["front"], &["backend", "stop"]] {
        let said = run(arguments);
        assert!(
            said.starts_with("proxy-lab: no folder \"lab\" with a file \"nginx.conf\" here"),
            "{said}"
        );
        assert!(said.contains("proxy-lab -c FILE"), "{said}");
    }
}

/// As an ordinary user: root may read everything.
#[test]
fn what_may_not_be_read_or_written_is_named() {
    let folder = Folder::new();
    let program = folder.path().join("proxy-lab");
    fs::copy(env!("CARGO_BIN_EXE_proxy-lab"), &program).expect("a copy");
    let mode = |name: &str, mode| {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(".", 0o755);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder.path());
        if rustix::process::geteuid().is_root() {
            command.uid(65534).gid(65534);
        }
        failed(&command.output().expect("an end"))
    };
    mode("logs", 0o555);
    let said = run(&["--no-backend"]);
    assert!(
        said.contains("logs/error.log\" failed (13: Permission denied)")
            || said.contains("logs/access.log\" failed (13: Permission denied)"),
        "{said}"
    );
    assert!(said.contains("sudo chown -R \"$USER\""), "{said}");
    mode("lab/nginx.conf", 0o000);
    let said = run(&["-t"]);
    assert!(
        said.contains("lab/nginx.conf\" failed (13: Permission denied)"),
        "{said}"
    );
    assert!(said.contains("chmod u+r"), "{said}");
    mode("lab", 0o000);
    for arguments in [&[][..], &["-t"], &["front"]] {
        let said = run(arguments);
        assert!(
            said.contains("lab/nginx.conf cannot be read: permission denied"),
            "{said}"
        );
        assert!(said.contains("chmod -R u+rX "), "{said}");
    }
    mode("lab", 0o755);
    mode("logs", 0o755);
    assert!(is_free(folder.front_address()));
}

#[test]
fn a_folder_for_logs_that_is_missing_is_named() {
    let folder = Folder::new();
    fs::remove_dir(folder.path().join("logs")).expect("a folder less");
    let said = failed(&folder.run(&["--no-backend"]));
    assert!(
        said.contains("failed (2: No such file or directory)"),
        "{said}"
    );
    let advice = format!("mkdir -p {}", folder.path().join("logs").display());
    assert!(said.contains(&advice), "{said}");
    assert!(is_free(folder.front_address()));
}

#[test]
fn testing_a_file_takes_nginxs_options() {
    let folder = Folder::new();
    let prefix = folder.path().to_str().expect("a path in UTF-8");
    let file = format!("{prefix}/lab/nginx.conf");
    let right = format!(
        "nginx: the configuration file {file} syntax is ok\nnginx: configuration file {file} test is successful\n"
    );
    for arguments in [
        &["-t"][..],
        &["-t", "-p", prefix],
        &["-t", "-p", prefix, "-c", "lab/nginx.conf"],
        &["-t", "-c", &file, "-p", prefix],
        &["-t", "-p", prefix, "-g", "daemon off;"],
        &["-t", "-p", prefix, "-e", "stderr"],
        &["-t", "-p", prefix, "--product", "nginx/1.22.1"],
        &["-tp", prefix],
    ] {
        let output = folder.run(arguments);
        assert_eq!(text(&output.stderr), right, "{arguments:?}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
    let said = failed(&folder.run(&["-t", "-p", prefix, "-g", "daemon of;"]));
    assert!(
        said.starts_with("nginx: [emerg] invalid value \"of\" in \"daemon\" directive"),
        "{said}"
    );
    assert!(said.contains(" in command line\n"), "{said}");
    // A port that is taken is no mistake of the file.
    let _taken = TcpListener::bind(folder.front_address()).expect("the port");
    assert!(folder.run(&["-t"]).status.success());
}

/// `make lab` with a compiler that has nothing to do: its output is the program's, to the byte.
#[test]
fn make_adds_no_noise() {
    let folder = Folder::new();
    let right = fs::read_to_string(folder.path().join("lab/nginx.conf")).expect("a file");
    folder.put("lab/nginx.conf", &right.replace("root html", "rot html"));
    folder.put("cargo", "#!/bin/sh\necho cargo 9.9.9\n");
    let program = env!("CARGO_BIN_EXE_proxy-lab");
    folder.put(
        "program",
        &format!(
            "#!/bin/sh\ncd '{}' && exec '{program}' --no-backend\n",
            folder.path().display()
        ),
    );
    for name in ["cargo", "program"] {
        let path = folder.path().join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let output = Command::new("make")
        .arg("lab")
        .arg(format!("CARGO={}", folder.path().join("cargo").display()))
        .arg(format!(
            "PROGRAM={}",
            folder.path().join("program").display()
        ))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        // Of the make that runs the tests, if one does.
        .env_remove("MAKEFLAGS")
        .env_remove("MAKELEVEL")
        .output()
        .expect("make");
    let alone = folder.run(&["--no-backend"]);
    assert_eq!(text(&output.stderr), text(&alone.stderr));
    let out = text(&output.stdout);
    // The stand-in for cargo says its one line, make says nothing.
    assert_eq!(out.replace("cargo 9.9.9\n", ""), "", "{out}");
}
