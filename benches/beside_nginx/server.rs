//! A server under measurement: started on a core of its own, its CPU time and memory read from `/proc`.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tempfile::TempDir;
use tokio::net::TcpStream;

use super::BenchError;
use super::nginx::Nginx;
use super::ports::{FIVE_DIGITS, loopback, reserve};
use super::{files, plan::Setup};

/// How long a server may take to accept.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cores used; `None` where there is only one for everything.
pub struct Cores {
    pub server: Option<usize>,
    pub load: Option<usize>,
}

/// The first two cores that this process may use.
pub fn cores() -> Cores {
    let allowed = sched_getaffinity(None).ok();
    let mut cores =
        (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_some_and(|set| set.is_set(core)));
    match (cores.next(), cores.next()) {
        (Some(server), Some(load)) => Cores {
            server: Some(server),
            load: Some(load),
        },
        _ => Cores {
            server: None,
            load: None,
        },
    }
}

/// Keeps this thread, and the processes that it starts from now on, on one core.
pub fn pin(core: Option<usize>) {
    if let Some(core) = core {
        let mut set = CpuSet::new();
        set.set(core);
        // Where it is not allowed the figures are noisier, no more.
        let _ = sched_setaffinity(None, &set);
    }
}

/// 512 connections need over a thousand descriptors in each process.
pub fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// A running server; ended when dropped, its folder removed.
pub struct Server {
    pub name: &'static str,
    pub address: SocketAddr,
    child: Child,
    folder: TempDir,
    _reserved: UdpSocket,
    /// The processes that serve: nginx's workers, or the lab itself.
    pids: Vec<u32>,
}

impl Server {
    pub async fn nginx(
        nginx: &Nginx,
        setup: Setup,
        upstream: u16,
        cores: &Cores,
    ) -> Result<Self, BenchError> {
        let mut server = Self::start("nginx", nginx.command(), setup, upstream, cores).await?;
        let master = server.child.id();
        let children = format!("/proc/{master}/task/{master}/children");
        let end = Instant::now() + PATIENCE;
        // The master listens before its worker is there.
        while server.pids.is_empty() && Instant::now() < end {
            let list = fs::read_to_string(&children)
                .map_err(BenchError::io("the list of nginx's workers"))?;
            server.pids = list
                .split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        match server.pids.is_empty() {
            true => Err(BenchError::Other("nginx has no worker".into())),
            false => Ok(server),
        }
    }

    pub async fn lab(setup: Setup, upstream: u16, cores: &Cores) -> Result<Self, BenchError> {
        let command = Command::new(env!("CARGO_BIN_EXE_proxy-lab"));
        let mut server = Self::start("lab", command, setup, upstream, cores).await?;
        server.pids = vec![server.child.id()];
        Ok(server)
    }

    async fn start(
        name: &'static str,
        mut command: Command,
        setup: Setup,
        upstream: u16,
        cores: &Cores,
    ) -> Result<Self, BenchError> {
        let folder = tempfile::tempdir().map_err(BenchError::io("a folder"))?;
        let (port, reserved) =
            reserve(FIVE_DIGITS, |_| true).map_err(BenchError::io("a free port"))?;
        files::write(folder.path(), setup, port, upstream)?;
        let log = fs::File::create(folder.path().join("stderr.txt"))
            .map_err(BenchError::io("stderr.txt"))?;
        command
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "lab/nginx.conf", "-g", "daemon off;"]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        pin(cores.server);
        let child = command.spawn();
        pin(cores.load);
        let child = child.map_err(BenchError::io(format!("starting {name}")))?;
        let address = loopback(port);
        let mut server = Self {
            name,
            address,
            child,
            folder,
            _reserved: reserved,
            pids: Vec::new(),
        };
        server.wait_until_accepting().await?;
        Ok(server)
    }

    async fn wait_until_accepting(&mut self) -> Result<(), BenchError> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > end {
                let said =
                    fs::read_to_string(self.folder.path().join("stderr.txt")).unwrap_or_default();
                return Err(BenchError::Other(format!(
                    "{} does not serve: {}",
                    self.name,
                    said.trim()
                )));
            }
            // Nothing announces a listening socket; a refused connect costs little.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Ok(())
    }

    /// CPU time of all the server's threads so far: the scheduler's own count, to the nanosecond.
    pub fn cpu_time(&self) -> Result<Duration, BenchError> {
        let mut total = 0;
        for pid in &self.pids {
            let tasks = fs::read_dir(format!("/proc/{pid}/task"))
                .map_err(BenchError::io(format!("the threads of {}", self.name)))?;
            for task in tasks.flatten() {
                let counts = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                let on_cpu = counts
                    .split_whitespace()
                    .next()
                    .and_then(|n| n.parse::<u64>().ok());
                total += on_cpu.unwrap_or(0);
            }
        }
        match total {
            0 => Err(BenchError::Other("this kernel keeps no schedstat".into())),
            n => Ok(Duration::from_nanos(n)),
        }
    }

    /// The most memory resident since [`Server::forget_peak`], in megabytes.
    pub fn peak_memory(&self) -> Result<f64, BenchError> {
        let mut total = 0.0;
        for pid in &self.pids {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))
                .map_err(BenchError::io(format!("the memory of {}", self.name)))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<f64>().ok());
            total += kilobytes.ok_or_else(|| BenchError::Other("no VmHWM".into()))? / 1024.0;
        }
        Ok(total)
    }

    /// Begins the peak anew.
    pub fn forget_peak(&self) {
        for pid in &self.pids {
            let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
    }

    /// The access log grows by megabytes a second.
    pub fn empty_logs(&self) {
        let log = fs::OpenOptions::new()
            .write(true)
            .open(self.folder.path().join("logs/access.log"));
        if let Ok(log) = log {
            let _ = log.set_len(0);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
