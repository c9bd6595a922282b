//! The process is nginx's: its pid file, its signals, its workers, its user, its logs, its sockets' files.
//!
//! With `PROXY_LAB_TEST_PROGRAM` naming nginx the same is asked of nginx.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::support::client::{self, Answer};
use crate::support::program::command;

mod ends;
mod forbidden;
mod logs;
mod main_context;
mod pid_file;
mod sockets;
mod workers;

const PATIENCE: Duration = Duration::from_secs(20);

fn process(pid: i32) -> rustix::process::Pid {
    rustix::process::Pid::from_raw(pid).expect("a process")
}

fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("nginx.conf");
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.contains(from), "{text}");
    fs::write(&path, text.replace(from, to)).expect("a file");
}

/// Asks on a connection of its own.
fn get(port: u16, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    let address = ([127, 0, 0, 1], port).into();
    client::exchange(address, request.as_bytes(), false)
}

/// What the program says of a folder that it does not serve.
#[track_caller]
fn refused(folder: &Path) -> String {
    let output = command(folder).output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}
