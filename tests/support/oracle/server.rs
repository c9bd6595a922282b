//! Starts and stops a server program on a case's configuration: nginx, or the lab.

use super::OracleError;
use super::framing::patience;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program that serves an nginx.conf.
#[derive(Debug, Clone)]
pub struct Program {
    /// How reports call it.
    pub name: &'static str,
    pub path: PathBuf,
    /// Arguments before `-p` and `-c`.
    pub arguments: Vec<OsString>,
    /// Where its libraries are, if not in the system's folders.
    pub libraries: Option<PathBuf>,
}

impl Program {
    /// The lab, saying nginx's name where nginx says its own.
    pub fn lab() -> Self {
        Program {
            name: "lab",
            path: env!("CARGO_BIN_EXE_proxy-lab").into(),
            arguments: vec!["--product".into(), "nginx/1.22.1".into()],
            libraries: None,
        }
    }

    /// nginx, and where its libraries are if not in the system's folders.
    #[allow(dead_code, reason = "the recorded answers need no nginx")]
    pub fn nginx(path: PathBuf, libraries: Option<PathBuf>) -> Self {
        Program {
            name: "nginx",
            path,
            arguments: Vec::new(),
            libraries,
        }
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments);
        // Local time is not GMT: which of them is shown, the answers tell.
        command.env("TZ", "XST-5:30");
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// Lets `program` test `prefix/nginx.conf`: its first complaint, if it refuses it.
#[allow(dead_code, reason = "cases of the suite are all accepted")]
pub fn refusal(program: &Program, prefix: &Path) -> Result<Option<String>, OracleError> {
    let mut command = program.command();
    command.arg("-t").arg("-p").arg(prefix).arg("-c");
    let what = format!("starting {}", program.path.display());
    let output = command
        .arg(prefix.join("nginx.conf"))
        .output()
        .map_err(OracleError::io(what))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaint = said.lines().find_map(|line| line.split_once("[emerg] "));
    Ok(Some(match complaint {
        // nginx's own process number, where it has a log.
        Some((_, message)) => match message.split_once(": ") {
            Some((process, message)) if process.contains('#') => message.to_string(),
            _ => message.to_string(),
        },
        None => said,
    }))
}

/// A running server; killed with all its processes when dropped.
pub struct Server {
    name: &'static str,
    child: Child,
    group: Option<Pid>,
    prefix: PathBuf,
    stopped: bool,
}

impl Server {
    /// Starts `program` on `prefix/nginx.conf` and waits until `port` accepts.
    pub fn start(program: &Program, prefix: &Path, port: u16) -> Result<Server, OracleError> {
        let output = File::create(prefix.join("stderr.txt"))
            .map_err(OracleError::io("creating stderr.txt"))?;
        let mut command = program.command();
        command
            .arg("-p")
            .arg(prefix)
            .arg("-c")
            .arg(prefix.join("nginx.conf"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output);
        command.current_dir(prefix).process_group(0);
        let what = format!("starting {}", program.path.display());
        let child = command.spawn().map_err(OracleError::io(what))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let mut server = Server {
            name: program.name,
            child,
            group,
            prefix: prefix.into(),
            stopped: false,
        };
        server.wait_until_accepting(port)?;
        Ok(server)
    }

    fn wait_until_accepting(&mut self, port: u16) -> Result<(), OracleError> {
        let end = Instant::now() + patience();
        // Written when all sockets are bound: until then another server may be what accepts there.
        let text = fs::read_to_string(self.prefix.join("nginx.conf")).unwrap_or_default();
        let pid = text
            .contains("pid logs/nginx.pid;")
            .then(|| self.prefix.join("logs/nginx.pid"));
        loop {
            let bound = pid.as_ref().is_none_or(|pid| pid.exists());
            if bound && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                self.stopped = true;
                return Err(self.error(format!("ended at once with {status}")));
            }
            if Instant::now() > end {
                return Err(self.error(format!("does not accept on port {port}")));
            }
            // Nothing announces a listening socket; a refused connect costs little.
            std::thread::park_timeout(Duration::from_millis(3));
        }
    }

    /// Stops gracefully, so that all log lines are written.
    pub fn stop(mut self) -> Result<(), OracleError> {
        if let Some(pid) = self.group {
            let _ = kill_process(pid, Signal::QUIT);
        }
        let end = Instant::now() + patience();
        while Instant::now() < end {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.stopped = true;
                return match status.success() {
                    true => Ok(()),
                    false => Err(self.error(format!("ended with {status} when told to quit"))),
                };
            }
            std::thread::park_timeout(Duration::from_millis(3));
        }
        Err(self.error("does not end when told to quit".into()))
    }

    fn error(&self, what: String) -> OracleError {
        let mut what = what;
        for file in ["stderr.txt", "logs/error.log"] {
            let text = fs::read_to_string(self.prefix.join(file)).unwrap_or_default();
            if !text.trim().is_empty() {
                what.push_str(&format!("; {file}: {}", text.trim()));
            }
        }
        OracleError::Server {
            program: self.name.into(),
            what,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let (false, Some(group)) = (self.stopped, self.group) {
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
