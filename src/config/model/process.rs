//! What concerns the process rather than a request: the main context and `events`.

use std::path::PathBuf;
use std::time::Duration;

use super::ErrorLog;

/// What concerns the process rather than a request (the main context and `events`).
#[derive(Debug, Clone)]
pub struct Process {
    /// `worker_processes`; `auto` is the number of cores.
    pub workers: usize,
    pub worker_connections: usize,
    pub daemon: bool,
    pub master_process: bool,
    /// `pid`, absolute.
    pub pid: PathBuf,
    /// As nginx names it: relative where the prefix is.
    pub pid_shown: PathBuf,
    /// `worker_shutdown_timeout`: how long a graceful end may take.
    pub shutdown_timeout: Option<Duration>,
    pub user: Option<User>,
    /// The main context's `error_log`s.
    pub error_log: Vec<ErrorLog>,
}

/// Whom workers run as, in the system's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Every group that the system lists the user in.
    pub groups: Vec<u32>,
}
