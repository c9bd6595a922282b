//! The same answer served by real nginx, to see that it behaves as here: in a copy, its ports exchanged for private ones.
//!
//! Only for exercises of one's own: real nginx has no wall around it.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::config::parser::{self, Directive};

use super::backends::Backends;
use super::graded::Refusal;
use super::served::{Served, StartError};

/// How long a start may take.
const START: Duration = Duration::from_secs(10);
/// Another program may take a port between its choice and its use.
const ATTEMPTS: usize = 5;

/// A program that is not nginx 1.22.1.
#[derive(Debug, thiserror::Error)]
pub enum NotNginx {
    #[error(transparent)]
    NotRun(#[from] io::Error),
    #[error("says {0:?}, and not nginx/1.22.1")]
    Says(String),
}

/// Asks `program` for its version, by `-v`.
///
/// # Errors
/// It is not nginx 1.22.1.
pub fn check_version(program: &mut Command) -> Result<(), NotNginx> {
    const VERSION: &str = "nginx version: nginx/1.22.1";
    let output = program.arg("-v").output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    // Builds of distributions may add their name in brackets.
    match said.strip_prefix(VERSION) {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => Ok(()),
        _ => Err(NotNginx::Says(said)),
    }
}

/// Every `nginx` of `PATH`, and of the folders where servers are usually put: an ordinary user's `PATH` often lacks them.
pub fn candidates() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    folders
        .into_iter()
        .chain(usual)
        .map(|folder| folder.join("nginx"))
        .filter(|program| program.is_file())
}

/// nginx 1.22.1.
#[derive(Debug, Clone)]
pub struct Nginx {
    path: PathBuf,
}

impl Nginx {
    /// The program at `path`, if it is nginx 1.22.1.
    ///
    /// # Errors
    /// What it says instead.
    pub fn at(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        match check_version(&mut Command::new(path)) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
            }),
            Err(NotNginx::NotRun(error)) => Err(format!("{shown}: {error}")),
            Err(NotNginx::Says(said)) => {
                Err(format!("{shown} is no nginx 1.22.1: it says \"{said}\""))
            }
        }
    }

    /// The first of [`candidates`].
    pub fn find() -> Option<Self> {
        candidates().find_map(|candidate| Self::at(&candidate).ok())
    }

    /// Serves the folder's nginx.conf.
    ///
    /// # Errors
    /// As [`StartError`].
    pub fn serve(&self, folder: &Path, backends: &mut Backends) -> Result<Served, StartError> {
        let file = folder.join("nginx.conf");
        let original = fs::read(&file)?;
        for attempt in 1..=ATTEMPTS {
            let ports = Ports::of(&original);
            for &(configured, real) in &ports.listens {
                let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                backends.hop(at(configured), at(real))?;
            }
            fs::write(&file, ports.rewritten(&original, backends))?;
            match self.start(folder, &ports) {
                // Another program was quicker: everything again, with other ports.
                Err(StartError::Trouble(why)) if attempt < ATTEMPTS && why.contains("(98: ") => {}
                done => return done,
            }
        }
        Err(StartError::Trouble("no free port".to_owned()))
    }

    fn start(&self, folder: &Path, ports: &Ports) -> Result<Served, StartError> {
        let nginx = || {
            let mut command = Command::new(&self.path);
            command.arg("-p").arg(folder).args(["-c", "nginx.conf"]);
            command.stdin(Stdio::null());
            command
        };
        let tested = nginx().arg("-t").output()?;
        if !tested.status.success() {
            return Err(refused(&String::from_utf8_lossy(&tested.stderr)));
        }
        // One process, so that ending it ends all.
        let mut child = nginx()
            .args(["-g", "daemon off; master_process off;"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let listens: Vec<_> = ports
            .listens
            .iter()
            .map(|(configured, real)| {
                let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                (at(*configured), at(*real))
            })
            .collect();
        let end = Instant::now() + START;
        for (_, real) in &listens {
            while TcpStream::connect(real).is_err() {
                let over = !matches!(child.try_wait(), Ok(None));
                if over || Instant::now() > end {
                    let _ = child.kill();
                    let output = child.wait_with_output()?;
                    return Err(StartError::Trouble(
                        String::from_utf8_lossy(&output.stderr).into_owned(),
                    ));
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(Served::other(child, listens))
    }
}

fn refused(said: &str) -> StartError {
    if said.contains("(98: ") {
        return StartError::Trouble(said.to_owned());
    }
    let first = said
        .lines()
        .find_map(|line| Some(&line[line.find("[emerg]")?..]));
    StartError::Refused(Refusal {
        first: first.unwrap_or_default().to_owned(),
        text: said.to_owned(),
        brief: said.to_owned(),
    })
}

/// The ports of a file, and the private ones that stand for them.
struct Ports {
    listens: Vec<(u16, u16)>,
    /// Where in the text each `listen` has its port.
    places: Vec<(usize, usize, u16)>,
    /// Every word of every directive.
    words: Vec<(usize, usize)>,
}

impl Ports {
    fn of(text: &[u8]) -> Self {
        let mut ports = Self {
            listens: Vec::new(),
            places: Vec::new(),
            words: Vec::new(),
        };
        for directive in &parser::parse(text, 0, false).directives {
            ports.walk(directive);
        }
        ports
    }

    fn walk(&mut self, directive: &Directive) {
        if directive.name.is("listen") {
            let word = directive.arg();
            let text = word.text().into_owned();
            let port = text.rsplit(':').next().unwrap_or_default().to_owned();
            if let Ok(number) = port.parse::<u16>() {
                let end = word.span.end as usize;
                self.places.push((end - port.len(), end, number));
                if !self.listens.iter().any(|(known, _)| *known == number) {
                    let free = free_port().unwrap_or(number);
                    self.listens.push((number, free));
                }
            }
        } else {
            let words = [&directive.name].into_iter().chain(&directive.args);
            self.words
                .extend(words.map(|w| (w.span.start as usize, w.span.end as usize)));
        }
        for inner in directive.block.iter().flat_map(|block| &block.directives) {
            self.walk(inner);
        }
    }

    fn real(&self, configured: u16) -> u16 {
        let found = self.listens.iter().find(|(known, _)| *known == configured);
        found.map_or(configured, |(_, real)| *real)
    }

    /// The text with private ports.
    fn rewritten(&self, text: &[u8], backends: &Backends) -> Vec<u8> {
        let mut changes: Vec<(usize, usize, String)> = self
            .places
            .iter()
            .map(|&(from, to, port)| (from, to, self.real(port).to_string()))
            .collect();
        let roads = backends.addresses();
        for &(from, to) in &self.words {
            let Some(word) = text.get(from..to).and_then(|w| std::str::from_utf8(w).ok()) else {
                continue;
            };
            let mut changed = word.to_owned();
            for (configured, real) in &roads {
                for host in [configured.ip().to_string(), "localhost".to_owned()] {
                    let (old, new) = (
                        format!("{host}:{}", configured.port()),
                        format!("{host}:{}", real.port()),
                    );
                    changed = replaced(&changed, &old, &new);
                }
            }
            if changed != word {
                changes.push((from, to, changed));
            }
        }
        changes.sort();
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        for (from, to, new) in changes {
            out.extend_from_slice(text.get(at..from).unwrap_or_default());
            out.extend_from_slice(new.as_bytes());
            at = to;
        }
        out.extend_from_slice(text.get(at..).unwrap_or_default());
        out
    }
}

/// Replaces an address where no further digit makes it another.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let behind = &rest[at + old.len()..];
        out.push_str(&rest[..at]);
        let whole = !behind.starts_with(|c: char| c.is_ascii_digit());
        out.push_str(if whole { new } else { old });
        rest = behind;
    }
    out + rest
}

/// A port below those that systems give to whoever asks for any: nobody gets it by chance before nginx does.
fn free_port() -> Option<u16> {
    use std::hash::{BuildHasher, Hasher};
    const FIRST: u64 = 10_240;
    const MANY: u64 = 20_000;
    let luck = std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish();
    (0..200)
        .filter_map(|n| u16::try_from(FIRST + (luck % MANY + n * 97) % MANY).ok())
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
}
