//! The sockets: bound before the pid file is there, files while they are served, and what is in their way.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::support::program::{Program, command, free_ports, is_nginx, write_configuration};
use crate::support::until;

use super::{PATIENCE, get, process, refused};

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
    let said = refused(folder.path());
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
    let said = refused(folder.path());
    let bind = format!(
        "bind() to unix:{}/sock failed (98: Address already in use)",
        folder.path().display()
    );
    assert!(said.contains(&bind), "{said}");
    assert!(folder.path().join("sock").exists());
}

/// An address that is taken is tried five times, and what is wrong is told each time.
#[test]
fn a_taken_address_is_tried_five_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    let address = (Ipv4Addr::LOCALHOST, ports[0]);
    let _other = TcpListener::bind(address).expect("the port");
    let http = "server { listen 127.0.0.1:{port}; listen 127.0.0.1:{port2}; }";
    write_configuration(folder.path(), "", http, &ports);
    let said = refused(folder.path());
    let bind = format!(
        "nginx: [emerg] bind() to 127.0.0.1:{} failed (98: Address already in use)\n",
        ports[0]
    );
    let expected = bind.repeat(5) + "nginx: [emerg] still could not bind()\n";
    assert!(said.ends_with(&expected), "{said}");
    assert_eq!(said.matches("bind()").count(), 6, "{said}");
    let log = fs::read_to_string(folder.path().join("error.log")).expect("a log");
    assert_eq!(log.matches(": bind() to ").count(), 5, "{log}");
    assert!(log.ends_with(": still could not bind()\n"), "{log}");
    assert!(!folder.path().join("pid").exists());
}

/// Whoever had the address lets it go meanwhile: then it is served, as if nothing had been.
#[test]
fn an_address_that_becomes_free_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let ports = free_ports();
    let address = (Ipv4Addr::LOCALHOST, ports[0]);
    let other = TcpListener::bind(address).expect("the port");
    let http = "server { listen 127.0.0.1:{port}; return 204; }";
    write_configuration(folder.path(), "", http, &ports);
    let mut child = command(folder.path()).spawn().expect("a process");
    let log = || fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
    until(PATIENCE, "it was refused", || log().contains("bind() to"));
    drop(other);
    until(PATIENCE, "it serves", || {
        get(ports[0], "/").is_ok_and(|answer| answer.status() == 204)
    });
    let pid = process(i32::try_from(child.id()).expect("a pid"));
    rustix::process::kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    assert!(!log().contains("still could not"));
}
