//! Directives that no answer shows: what they do to nginx's processes.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::oracle::OracleError;
use crate::oracle::framing::PATIENCE;
use crate::oracle::server::Program;

const NAMES: [&str; 5] = [
    "daemon",
    "master_process",
    "pid",
    "worker_processes",
    "user",
];

pub fn proves(name: &str) -> bool {
    NAMES.contains(&name)
}

/// What is seen of a running nginx from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// The command that started it has ended by itself.
    in_background: bool,
    /// How many processes the one of the pid file has started.
    workers: usize,
    /// Whose they are.
    users: Vec<String>,
}

pub fn verify(nginx: &Program, names: &[String]) -> Result<Vec<String>, OracleError> {
    let asked = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    let mut wrong = Vec::new();
    let main = |text: &str| format!("{text} pid logs/nginx.pid;");
    let with = observe(nginx, &main("daemon off;"), "logs/nginx.pid")?;
    let mut prove =
        |name: &str, seen: Result<Seen, OracleError>, right: fn(&Seen, &Seen) -> bool| {
            let seen = seen?;
            match right(&with, &seen) {
                true => println!("ok      {name}: {with:?}, {seen:?}"),
                false => wrong.push(format!(
                    "{name}: {with:?}, and without or otherwise {seen:?}"
                )),
            }
            Ok::<_, OracleError>(())
        };
    if asked("daemon") {
        let without = observe(nginx, &main(""), "logs/nginx.pid");
        prove("daemon", without, |with, without| {
            !with.in_background && without.in_background
        })?;
    }
    if asked("worker_processes") {
        let three = observe(
            nginx,
            &main("daemon off; worker_processes 3;"),
            "logs/nginx.pid",
        );
        prove("worker_processes", three, |one, three| {
            one.workers == 1 && three.workers == 3
        })?;
    }
    if asked("master_process") {
        let alone = observe(
            nginx,
            &main("daemon off; master_process off;"),
            "logs/nginx.pid",
        );
        prove("master_process", alone, |with, alone| {
            with.workers == 1 && alone.workers == 0
        })?;
    }
    if asked("pid") {
        // Without the line nginx would write to the place of the system's own: another name proves as much.
        let other = observe(nginx, "daemon off; pid logs/other;", "logs/other");
        prove("pid", other, |_, other| other.workers == 1)?;
    }
    if asked("user") && rustix::process::geteuid().is_root() {
        let root = observe(nginx, &main("daemon off; user root;"), "logs/nginx.pid");
        prove("user", root, |without, root| without.users != root.users)?;
    }
    Ok(wrong)
}

/// Starts nginx with these lines of the main context, waits for its pid file, looks, and stops it.
fn observe(nginx: &Program, main: &str, pid_file: &str) -> Result<Seen, OracleError> {
    let folder = tempfile::tempdir().map_err(OracleError::io("making a folder"))?;
    let prefix = folder.path();
    let text = format!("{main} error_log logs/error.log; events {{ }}\n");
    fs::create_dir(prefix.join("logs")).map_err(OracleError::io("making a folder"))?;
    fs::write(prefix.join("nginx.conf"), text).map_err(OracleError::io("writing nginx.conf"))?;
    let mut command = nginx.command();
    command.arg("-p").arg(prefix).args(["-c", "nginx.conf"]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().map_err(OracleError::io("starting nginx"))?;
    let master = wait_for(|| pid_in(&prefix.join(pid_file)), "its pid file")?;
    // A pid file that is the starter's own means that it stays; another one's, that it is about to end.
    let in_background = master != child.id();
    if in_background {
        wait_for(
            || child.try_wait().ok().flatten().map(|_| ()),
            "the start's end",
        )?;
    }
    let expected = expected_workers(main);
    let seen = wait_for(
        || {
            let workers = children(master);
            let users = workers
                .iter()
                .filter_map(|pid| user(*pid))
                .collect::<Vec<_>>();
            // A worker is root until it has given that up: a line of its own name shows that it has begun.
            let begun = workers
                .iter()
                .all(|pid| title(*pid).contains("worker process"));
            (workers.len() == expected && begun).then_some(Seen {
                in_background,
                workers: workers.len(),
                users,
            })
        },
        "its workers",
    );
    stop(master, &mut child)?;
    seen
}

fn expected_workers(main: &str) -> usize {
    match main {
        text if text.contains("master_process off") => 0,
        text if text.contains("worker_processes 3") => 3,
        _ => 1,
    }
}

fn wait_for<T>(mut ask: impl FnMut() -> Option<T>, what: &str) -> Result<T, OracleError> {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(OracleError::Timeout(format!("waiting for {what}")));
        }
        std::thread::park_timeout(Duration::from_millis(3));
    }
}

fn pid_in(file: &Path) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Processes whose parent this one is.
fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok());
    let is_child = |pid: &u32| field(*pid, "PPid:") == Some(parent.to_string());
    pids.filter(is_child).collect()
}

fn user(pid: u32) -> Option<String> {
    field(pid, "Uid:")
}

/// The first value of a line of `/proc/PID/status`.
fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next().map(str::to_owned)
}

fn title(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Ends the nginx that was started here, by its number. It is told until it hears: without a master it goes to sleep on a
/// signal that comes just before it waits for its first event.
fn stop(master: u32, child: &mut Child) -> Result<(), OracleError> {
    let pid = i32::try_from(master).ok().and_then(Pid::from_raw);
    let is_own = master == child.id();
    wait_for(
        || {
            let ended = match is_own {
                true => matches!(child.try_wait(), Ok(Some(_))),
                false => title(master).is_empty(),
            };
            if let Some(pid) = pid.filter(|_| !ended) {
                let _ = kill_process(pid, Signal::TERM);
            }
            ended.then_some(())
        },
        "its end",
    )
}
