//! Real nginx 1.22.1, for the tests that ask it: the one in `PATH` (or where Debian puts servers).
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of nginx 1.22.1. Panics where there is none: a test that asks nginx cannot do without.
pub fn nginx() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|folder| folder.join("nginx"))
        .find(|candidate| is_1_22_1(candidate))
        .expect("nginx 1.22.1 in PATH")
}

fn is_1_22_1(candidate: &Path) -> bool {
    let output = Command::new(candidate).arg("-v").output();
    output.is_ok_and(|output| {
        let said = String::from_utf8_lossy(&output.stderr);
        said.trim().starts_with("nginx version: nginx/1.22.1")
    })
}
