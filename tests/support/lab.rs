//! The program in lab mode: a folder of its own with `lab/nginx.conf` and `html/`, and free ports in them.
#![allow(dead_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::ports::{FIVE_DIGITS, Ports, loopback};

/// The last line of the start message.
const STARTED: &str = "Ctrl-C stops the lab.";
/// How long an end may take: what is under way is given a few seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// A folder with a lesson in it.
pub struct Folder {
    folder: tempfile::TempDir,
    pub front: u16,
    pub backend: u16,
    _ports: Ports,
}

impl Folder {
    pub fn new() -> Self {
        let ports = Ports::free(2, FIVE_DIGITS);
        let (front, backend) = (ports[0], ports[1]);
        let lesson = Self {
            folder: tempfile::tempdir().expect("a folder"),
            front,
            backend,
            _ports: ports,
        };
        for folder in ["lab", "html", "logs", "tmp"] {
            fs::create_dir(lesson.path().join(folder)).expect("a folder");
        }
        lesson.put("html/hello.txt", "hello\n");
        lesson.put(
            "lab/nginx.conf",
            &format!(
                "events {{ }}\nhttp {{\n    server {{\n        listen {front};\n        root html;\n        \
                 location /api/ {{\n            proxy_pass http://127.0.0.1:{backend}/;\n            proxy_buffering off;\n        }}\n    }}\n}}\n"
            ),
        );
        lesson
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn put(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("a file");
    }

    pub fn front_address(&self) -> SocketAddr {
        loopback(self.front)
    }

    pub fn backend_address(&self) -> SocketAddr {
        loopback(self.backend)
    }

    /// The program in this folder, with these arguments; the demo backend's port is this folder's.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(arguments).current_dir(self.path());
        command.stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("an end")
    }

    /// Starts the program and waits for the end of its start message.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut message = String::new();
        while !message.lines().any(|line| line.starts_with(STARTED)) {
            if out.read_line(&mut message).expect("a line") == 0 {
                let mut why = String::new();
                let mut err = child.stderr.take().expect("its errors");
                err.read_to_string(&mut why).expect("its errors");
                panic!("the lab ended:\n{message}{why}");
            }
        }
        Running {
            child,
            out,
            message,
        }
    }

    /// Both servers.
    pub fn start_both(&self) -> Running {
        self.start(&["--backend-listen", &self.backend_address().to_string()])
    }
}

/// A running lab, killed when dropped.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What it said at its start.
    pub message: String,
}

impl Running {
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), signal).expect("a signal sent");
    }

    /// Waits for the end, within a bound.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        }
    }

    /// The next line that it says.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nobody listens there.
pub fn is_free(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err()
}
