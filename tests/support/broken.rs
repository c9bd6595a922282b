//! The broken files of `tests/broken`, as cases: a file, or a folder with an `nginx.conf` and what it includes.
//!
//! Beside each lies `NAME.txt`: the whole of what `proxy-lab -t` says about it. `differences.rs` has those where the lab
//! means to say something else than nginx.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How many there must be at least: an empty folder is no proof.
const LEAST: usize = 60;

/// A broken file.
pub struct Case {
    pub name: String,
    path: PathBuf,
}

/// What a program said about a case.
pub struct Said {
    /// The standard error, with the case's folder as `{dir}`.
    pub text: String,
    pub code: Option<i32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// Every case, by name.
pub fn cases() -> Vec<Case> {
    let entries = fs::read_dir(folder()).expect("the folder of the cases");
    let mut cases: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "conf"))
        .map(|path| Case {
            name: path.file_stem().expect("a name").to_string_lossy().into(),
            path,
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= LEAST, "only {} cases", cases.len());
    cases
}

impl Case {
    /// Where the expected message lies.
    pub fn expected(&self) -> PathBuf {
        folder().join(format!("{}.txt", self.name))
    }

    /// Asks a program `-t` about a copy of the case, in a folder of its own.
    pub fn ask(&self, program: &mut Command) -> Said {
        let folder = tempfile::tempdir().expect("a folder");
        let prefix = folder.path();
        fs::create_dir(prefix.join("logs")).expect("a folder for logs");
        if self.path.is_dir() {
            copy(&self.path, prefix);
        } else {
            fs::copy(&self.path, prefix.join("nginx.conf")).expect("a copy");
        }
        let Output { status, stderr, .. } = program
            .arg("-t")
            .arg("-p")
            .arg(prefix)
            .args(["-c", "nginx.conf"])
            .arg("-e")
            .arg(prefix.join("logs/error.log"))
            .output()
            .expect("an end");
        let text = String::from_utf8_lossy(&stderr);
        Said {
            text: text.replace(prefix.to_str().expect("a path in UTF-8"), "{dir}"),
            code: status.code(),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}
