//! The command line over real processes: what starts, what is said, how it ends; and that a start that fails leaves
//! nothing behind.

use std::net::SocketAddr;
use std::process::Output;

use crate::support::client::{self, Answer};

mod ends;
mod messages;
mod starts;

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
