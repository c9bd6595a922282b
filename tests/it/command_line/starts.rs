//! What starts, and what is said of it; a port that is taken.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};

use rustix::process::Signal;

use crate::support::lab::{Folder, is_free};

use super::{failed, get, text};

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
