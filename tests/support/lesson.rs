//! The lesson in a folder of its own: a copy of `lab/` and `html/` with other ports, the backend,
//! and a front server that is the lab's or real nginx.
//!
//! The ports have four digits, as 3000 and 5000 have, so that lengths do not change.
#![allow(dead_code)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use tempfile::TempDir;

use super::ports::{FOUR_DIGITS, Ports, loopback};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// The ports that the README and the lesson's file name.
const WRITTEN: [&str; 2] = ["3000", "5000"];

/// A clean copy of what the lesson needs.
pub struct Lesson {
    folder: TempDir,
    /// The backend's, and as many as the front server may have.
    ports: Ports,
    front: u16,
    backend: u16,
    /// The user that owns the copy and runs real nginx, where the test itself is root.
    user: Option<u32>,
}

impl Lesson {
    /// Copies the tracked files that the servers read, and writes two free ports into them.
    pub fn copy() -> Self {
        let ports = Ports::free(3, FOUR_DIGITS);
        let user = geteuid().is_root().then(nobody);
        let lesson = Self {
            folder: TempDir::new().expect("a folder"),
            front: ports[0],
            backend: ports[1],
            ports,
            user,
        };
        for path in [
            "html",
            "lab/mime.types",
            "logs/.gitignore",
            "tmp/.gitignore",
        ] {
            copy(&tree().join(path), &lesson.root().join(path));
        }
        lesson.reset();
        lesson.give_away(lesson.root());
        lesson
    }

    /// The copy's folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Where the front server listens.
    pub fn front(&self) -> SocketAddr {
        loopback(self.front)
    }

    /// Where the backend listens.
    pub fn backend(&self) -> SocketAddr {
        loopback(self.backend)
    }

    /// A text of the README or of the file, with this copy's ports.
    pub fn here(&self, text: &str) -> String {
        let [front, backend] = self.numbers();
        replace_each(text, WRITTEN, [&front, &backend])
    }

    /// An answer, with the README's ports again.
    pub fn as_written(&self, text: &str) -> String {
        let ours = self.numbers().map(|port| format!(":{port}"));
        let theirs = WRITTEN.map(|port| format!(":{port}"));
        replace_each(text, [&ours[0], &ours[1]], [&theirs[0], &theirs[1]])
    }

    fn numbers(&self) -> [String; 2] {
        [self.front, self.backend].map(|port| port.to_string())
    }

    /// The lesson's file as it was cloned.
    pub fn reset(&self) {
        let text = fs::read_to_string(tree().join("lab/nginx.conf")).expect("the lesson's file");
        self.write(&self.here(&text));
    }

    /// Changes the file as a `diff` block of the README says: each `-` line, which must be there
    /// once, becomes the `+` line behind it.
    pub fn edit(&self, diff: &str) {
        let mut text = fs::read_to_string(self.file()).expect("the copy's file");
        let lines: Vec<_> = diff.lines().collect();
        for pair in lines.chunks(2) {
            let [old, new] = pair else {
                panic!("lines in pairs: {diff}")
            };
            let old = self.here(old.strip_prefix('-').expect("a line with -"));
            let new = self.here(new.strip_prefix('+').expect("a line with +"));
            assert_eq!(text.matches(&old).count(), 1, "the file has once: {old}");
            text = text.replace(&old, &new);
        }
        self.write(&text);
    }

    /// Starts the backend as a program of its own.
    pub fn start_backend(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        let listen = self.backend().to_string();
        command.args(["backend", "--listen", &listen]);
        Server::start(command, self.root(), self.backend())
    }

    /// Starts the lab's front server, in lab mode: it finds the copy's file by itself.
    pub fn start_front(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.arg("front");
        Server::start(command, self.root(), self.front())
    }

    /// Starts the front server; real nginx where the environment says so (see `program.rs`).
    pub fn start(&self) -> Server {
        match std::env::var_os("PROXY_LAB_TEST_PROGRAM") {
            Some(nginx) => self.start_nginx(Command::new(nginx)),
            None => self.start_front(),
        }
    }

    /// Writes another free port into the file's `listen`; the front server is started there from now on.
    pub fn move_front(&mut self) {
        let text = fs::read_to_string(self.file()).expect("the copy's file");
        let port = self.ports[2];
        let [old, new] = [self.front, port].map(|port| format!("listen {port};"));
        assert_eq!(text.matches(&old).count(), 1, "the file has once: {old}");
        self.write(&text.replace(&old, &new));
        self.front = port;
    }

    /// Starts both servers in one program, as `make lab` does, the backend on the copy's port.
    pub fn start_lab(&self) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command.args(["--backend-listen", &self.backend().to_string()]);
        Server::start(command, self.root(), self.front())
    }

    /// Takes the backend of the running lab down or up (`action`: `stop` or `start`); what the program says.
    pub fn switch_backend(&self, action: &str) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_proxy-lab"))
            .args(["backend", action])
            .current_dir(self.root())
            .output()
            .expect("the program");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{}: {said}", output.status);
        said
    }

    /// Starts real nginx with the README's command, as an ordinary user: `command` is nginx, still without arguments, and that
    /// user must be allowed to run it.
    pub fn start_nginx(&self, mut command: Command) -> Server {
        command.arg("-p").arg(self.root());
        command.args(["-c", "lab/nginx.conf", "-g", "daemon off;"]);
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        Server::start(command, self.root(), self.front())
    }

    /// What `proxy-lab explain` says of the copy's file.
    pub fn explain(&self, arguments: &[String]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        command
            .arg("explain")
            .args(arguments)
            .current_dir(self.root());
        let output = command.output().expect("a program that runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "explain {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn file(&self) -> PathBuf {
        self.root().join("lab/nginx.conf")
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).expect("the copy's file written");
    }

    fn give_away(&self, path: &Path) {
        let Some(user) = self.user else { return };
        chown(path, Some(user), Some(user)).expect("another owner");
        if path.is_dir() {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
            for entry in fs::read_dir(path).expect("a folder") {
                self.give_away(&entry.expect("an entry").path());
            }
        }
    }
}

/// A server as a process, killed when dropped.
pub struct Server {
    child: Child,
    said: Receiver<String>,
}

impl Server {
    /// Starts `command` in `folder` and returns when `address` takes connections.
    pub fn start(mut command: Command, folder: &Path, address: SocketAddr) -> Self {
        let mut child = command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a server that starts");
        let (sender, said) = channel();
        collect(child.stdout.take(), sender.clone());
        collect(child.stderr.take(), sender);
        let mut server = Self { child, said };
        server.wait_until_it_listens(address);
        server
    }

    /// Whatever the server says is a reason to try again; so is that it has said nothing lately.
    fn wait_until_it_listens(&mut self, address: SocketAddr) {
        let start = Instant::now();
        let mut heard = String::new();
        while TcpStream::connect(address).is_err() {
            match self.said.recv_timeout(Duration::from_millis(10)) {
                Ok(line) => heard.push_str(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => panic!("the server ended: {heard}"),
            }
            assert!(
                start.elapsed() < PATIENCE,
                "nobody listens on {address}: {heard}"
            );
        }
    }

    /// Waits until the server says a line with `text`, and returns what it said up to and with it.
    pub fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut heard = String::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) => {
                    heard.push_str(&line);
                    if line.contains(text) {
                        return heard;
                    }
                }
                Err(_) => panic!("the server never says {text:?}: {heard}"),
            }
        }
    }

    /// Stops the server with TERM, and returns how it ended and what it had said.
    pub fn stop(mut self) -> (ExitStatus, String) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process"), Signal::TERM).expect("a signal sent");
        let status = self.child.wait().expect("an end");
        (status, self.said.iter().collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes on the lines of one output; the channel closes when all outputs have ended.
fn collect(output: Option<impl Read + Send + 'static>, lines: Sender<String>) {
    let mut output = BufReader::new(output.expect("a piped output"));
    std::thread::spawn(move || {
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
            if lines
                .send(String::from_utf8_lossy(&line).into_owned())
                .is_err()
            {
                break;
            }
            line.clear();
        }
    });
}

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder");
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().expect("a parent")).expect("a folder");
        fs::copy(from, to).expect("a copy");
    }
}

/// Replaces both at once, so that what one replacement writes is not replaced by the other.
fn replace_each(text: &str, from: [&str; 2], to: [&str; 2]) -> String {
    let first: Vec<_> = text
        .split(from[0])
        .map(|part| part.replace(from[1], to[1]))
        .collect();
    first.join(to[0])
}

/// The number of the user `nobody`.
fn nobody() -> u32 {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("nobody:"));
    let number = line.and_then(|line| line.split(':').nth(2));
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or(65534)
}
