//! The program in nginx mode (`-p DIR -c FILE`), in a folder and on ports of its own.
//!
//! With `PROXY_LAB_TEST_PROGRAM=nginx` in the environment the same tests run against real nginx: what they expect is
//! nginx's, and this shows it.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::client::{self, Answer};
use super::ports::{FIVE_DIGITS, Ports, loopback};

/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running program; dropping it ends it and removes its folder.
pub struct Program {
    child: Child,
    folder: tempfile::TempDir,
    ports: Ports,
}

impl Program {
    /// Starts with `http` as the inside of the `http` block.
    ///
    /// `{port}` in it stands for a free port of 127.0.0.1 (`{port2}`, `{port3}` for others), `{dir}` for the prefix;
    /// `prepare` fills the prefix with files before.
    pub fn start(http: &str, prepare: impl FnOnce(&Path)) -> Self {
        Self::start_under("", "worker_connections 256;", http, prepare)
    }

    /// The same, where the shell first does `limits` (as `ulimit -Sn 256;`) and `events` is the inside of that block.
    pub fn start_under(
        limits: &str,
        events: &str,
        http: &str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let ports = free_ports();
        write_configuration(folder.path(), events, http, &ports);
        let mut child = under(limits, command(folder.path()))
            .spawn()
            .expect("a process");
        if !serves(&mut child, folder.path()) {
            let _ = child.kill();
            let output = child.wait_with_output().expect("an output");
            let said = String::from_utf8_lossy(&output.stderr);
            panic!("the program does not start:\n{said}");
        }
        Self {
            child,
            folder,
            ports,
        }
    }

    /// The prefix.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where `{port}` listens.
    pub fn address(&self) -> SocketAddr {
        self.address_of(0)
    }

    /// Where the `n`th port listens, counted from 0.
    pub fn address_of(&self, n: usize) -> SocketAddr {
        loopback(self.ports[n])
    }

    /// Sends these bytes on a connection of their own and reads one answer.
    pub fn send(&self, raw: &[u8]) -> Answer {
        let head = raw.starts_with(b"HEAD ");
        client::exchange(self.address(), raw, head).expect("an answer")
    }

    /// `METHOD TARGET` with `Host: h.test`, `Connection: close` and the given fields.
    pub fn ask(&self, method: &str, target: &str, fields: &[&str]) -> Answer {
        let mut raw =
            format!("{method} {target} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n");
        for field in fields {
            raw.push_str(field);
            raw.push_str("\r\n");
        }
        raw.push_str("\r\n");
        self.send(raw.as_bytes())
    }

    pub fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[])
    }

    /// Writes the file anew, with another inside of `http`, and as it was but for that; the program is not told.
    pub fn rewrite(&self, http: &str) {
        write_configuration(self.folder(), "worker_connections 256;", http, &self.ports);
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok();
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a process"), signal).expect("a signal sent");
    }

    /// The most memory the serving process has had resident, in kB (Linux).
    pub fn peak_memory(&self) -> u64 {
        let of = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a status");
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.expect("a figure").trim().trim_end_matches(" kB");
            kilobytes.parse::<u64>().expect("a number")
        };
        // Real nginx serves from children of its master.
        let children = format!("/proc/{0}/task/{0}/children", self.pid());
        let children = fs::read_to_string(children).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|c| c.parse().ok());
        children.chain([self.pid()]).map(of).max().unwrap_or(0)
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_none()
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::yield_now();
        }
    }

    /// The error log so far.
    pub fn error_log(&self) -> String {
        self.log("error.log")
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap_or_default()
    }

    /// Waits until a log holds `text`, and returns the line that does. A line is written about when the client gets
    /// the end of its answer, or a moment later.
    pub fn wait_for_log(&self, name: &str, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let log = self.log(name);
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < until, "{name} never has {text:?}:\n{log}");
            std::thread::yield_now();
        }
    }

    /// Ends the program and returns what it had said.
    pub fn stop(mut self) -> String {
        self.terminate();
        let mut said = String::new();
        if let Some(stderr) = &mut self.child.stderr {
            stderr.read_to_string(&mut said).expect("its output");
        }
        said
    }

    /// A signal rather than a kill: real nginx's master would leave its workers behind.
    fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok();
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// What the program says of a file that it does not start with.
    pub fn refuses(http: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        write_configuration(folder.path(), "", http, &free_ports());
        let output = command(folder.path()).output().expect("a process");
        assert!(!output.status.success(), "it starts with {http}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.terminate();
        let _ = self.child.wait();
    }
}

pub fn is_nginx() -> bool {
    std::env::var_os("PROXY_LAB_TEST_PROGRAM").is_some()
}

/// The program on the folder's file, not started yet.
pub fn command(folder: &Path) -> Command {
    let program = std::env::var_os("PROXY_LAB_TEST_PROGRAM").map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_proxy-lab")),
        PathBuf::from,
    );
    let mut command = Command::new(program);
    command.arg("-p").arg(folder).arg("-c").arg("nginx.conf");
    if !is_nginx() {
        command.args(["--product", "nginx/1.22.1"]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// The command under limits that the shell sets; the process is the command's all the same.
fn under(limits: &str, command: Command) -> Command {
    if limits.is_empty() {
        return command;
    }
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limits} exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args());
    shell
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    shell
}

/// As many as `{port}`, `{port2}` and `{port3}` ask for.
pub fn free_ports() -> Ports {
    Ports::free(3, FIVE_DIGITS)
}

pub fn write_configuration(folder: &Path, events: &str, http: &str, ports: &[u16]) {
    let dir = folder.to_str().expect("a path in UTF-8");
    let mut http = http
        .replace("{dir}", dir)
        .replace("{port}", &ports[0].to_string());
    for (i, port) in ports.iter().enumerate() {
        http = http.replace(&format!("{{port{}}}", i + 1), &port.to_string());
    }
    // Real nginx started by root would read the folder as another user.
    let user = if is_nginx() && rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let text = format!(
        "daemon off;\n{user}\nworker_processes 1;\npid {dir}/pid;\nerror_log {dir}/error.log info;\n\
         events {{ {events} }}\n\
         http {{\naccess_log off;\nclient_body_temp_path {dir}/t1;\nproxy_temp_path {dir}/t2;\n\
         fastcgi_temp_path {dir}/t3;\nuwsgi_temp_path {dir}/t4;\nscgi_temp_path {dir}/t5;\n{http}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), text).expect("a file");
}

/// True once the program has written its pid, which it does when its sockets are bound; false where it ends first.
fn serves(child: &mut Child, folder: &Path) -> bool {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let pid = fs::read_to_string(folder.join("pid")).unwrap_or_default();
        if pid.trim() == child.id().to_string() {
            return true;
        }
        if child.try_wait().is_ok_and(|status| status.is_some()) {
            return false;
        }
        std::thread::yield_now();
    }
    false
}
