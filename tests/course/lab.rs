//! A copy of the lab in a folder of its own, and the program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// The project's own folder.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A lab that belongs to one test.
pub struct Lab {
    root: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Lab {
    /// The lesson, and all exercises.
    pub fn new() -> Self {
        let lab = Self::empty();
        copy(&project().join("lab/exercises"), &lab.exercises());
        lab
    }

    /// The lesson, and a course without exercises.
    pub fn empty() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let lab = root.path().join("lab");
        fs::create_dir_all(lab.join("exercises")).expect("a folder");
        for name in ["nginx.conf", "mime.types"] {
            fs::copy(project().join("lab").join(name), lab.join(name)).expect("a copy");
        }
        Self { root }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    pub fn exercises(&self) -> PathBuf {
        self.path().join("lab/exercises")
    }

    pub fn work(&self) -> PathBuf {
        self.path().join("lab/work")
    }

    /// An exercise of the project's course.
    pub fn take(&self, name: &str) -> PathBuf {
        let to = self.exercises().join(name);
        copy(&project().join("lab/exercises").join(name), &to);
        to
    }

    /// A small exercise with this check.toml, its start and its solution.
    pub fn exercise(&self, name: &str, checks: &str, start: &str, solution: &str) -> PathBuf {
        let folder = self.exercises().join(name);
        let readme = "# An exercise\n\ncurl localhost:3000\n";
        for (file, text) in [
            ("check.toml", checks),
            ("nginx.conf", start),
            ("solution/nginx.conf", solution),
            ("README.md", readme),
            ("hints.md", "one\n---\ntwo\n---\nthree\n"),
            ("explanation.md", "So it is.\n"),
        ] {
            write(&folder.join(file), text);
        }
        folder
    }

    /// The program in this lab.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("TERM", "dumb")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().expect("the program"))
    }
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

/// A configuration with this inside of its server on port 3000.
pub fn server(inside: &str) -> String {
    format!("events {{}}\nhttp {{\nserver {{\nlisten 3000;\n{inside}\n}}\n}}\n")
}
