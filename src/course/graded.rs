//! The process that serves a learner's file while it is graded: the program's own hidden command `grade-serve`.
//!
//! A process of its own, because the file may be anybody's: it can be given limits of memory, time, files and
//! descriptors, a wall around its folders, and an end at a deadline, and none of that concerns the grader. It is the
//! same program, so what is graded is the very server that the learner runs. Both talk in lines of JSON: a [`Job`]
//! and [`Roads`] come by the standard input, a [`Word`] at a time goes out by the standard output, error lines by
//! the standard error. When the standard input ends, so does the process.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::config::diagnostics::{Diagnostic, MISPLACED, UNCLOSED};
use crate::config::model::{ListenAddress, Model};
use crate::config::render::render;
use crate::config::written;
use crate::config::{self, LoadError, LoadOptions};
use crate::front::log::Logs;
use crate::front::server::{self, FrontOptions};
use crate::front::worker::AddressMap;

/// Memory, bytes of address space.
const MEMORY: u64 = 1 << 30;
/// Seconds of processor time.
const PROCESSOR: u64 = 20;
/// The largest file that may be written.
const FILE: u64 = 64 << 20;
/// Open files and sockets.
const DESCRIPTORS: u64 = 256;

/// A line among the error lines: those of the story that is told next are complete. Both come by pipes of their own,
/// and neither says by itself how far the other has come.
pub const MARK: &str = "\u{1}";

/// What is to be served.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    /// Absolute.
    pub file: PathBuf,
    pub prefix: PathBuf,
    /// Folders that may be read, beside the writable one.
    pub read: Vec<PathBuf>,
    /// The folder that may be written.
    pub write: PathBuf,
}

/// Where addresses of the file really lead; what is not among them leads to `otherwise`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Roads {
    pub pairs: Vec<(SocketAddr, SocketAddr)>,
    pub otherwise: SocketAddr,
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// Addresses as the file has them, and where they are bound.
    Bound(Vec<(SocketAddr, SocketAddr)>),
    /// The file cannot be served.
    Refused(Refusal),
    Serving,
    /// The story of a request.
    Story(String),
}

/// Why a file cannot be served.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// nginx's own line: `[emerg] unknown directive …`.
    pub first: String,
    /// All diagnostics, as `-t` shows them.
    pub text: String,
    /// The one to begin with: nginx stops at the first, and what follows it is often its echo.
    pub brief: String,
}

/// Runs the command.
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy-lab: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve() -> Result<(), Box<dyn std::error::Error>> {
    limit()?;
    let mut lines = BufReader::new(std::io::stdin()).lines();
    let mut next = move || -> Result<String, Box<dyn std::error::Error>> {
        Ok(lines.next().ok_or("the grader said nothing")??)
    };
    let job: Job = serde_json::from_str(&next()?)?;
    crate::wall::build(&job.read, std::slice::from_ref(&job.write))?;
    let model = match load(&job) {
        Ok(model) => model,
        Err(refusal) => return say(&Word::Refused(refusal)),
    };
    let logs = match Logs::open(&model, true) {
        Ok(logs) => Arc::new(logs),
        Err(error) => return say(&Word::Refused(Refusal::line(format!("[emerg] {error}")))),
    };
    let mut options = FrontOptions {
        listen_map: AddressMap::closed(Vec::new(), any_port()),
        story: Some(Arc::new(|line: &str| {
            let _ = writeln!(std::io::stderr().lock(), "{MARK}");
            let _ = say(&Word::Story(line.to_owned()));
        })),
        ..FrontOptions::default()
    };
    let bound = match server::bind(&model, &options, &|_, _| {}) {
        Ok(bound) => bound,
        Err(error) => return say(&Word::Refused(Refusal::line(format!("[emerg] {error}")))),
    };
    let places = bound
        .iter()
        .filter_map(|bound| match (bound.key.configured(), &bound.address) {
            (ListenAddress::Inet(configured), ListenAddress::Inet(real)) => {
                Some((*configured, *real))
            }
            _ => None,
        });
    say(&Word::Bound(places.collect()))?;
    let roads: Roads = serde_json::from_str(&next()?)?;
    let pairs = roads
        .pairs
        .into_iter()
        .map(|(from, to)| (inet(from), inet(to)));
    options.dial_map = AddressMap::closed(pairs.collect(), inet(roads.otherwise));
    actix_rt::System::new().block_on(async move {
        let _control = server::start(Arc::new(model), logs, bound, options)?;
        say(&Word::Serving)?;
        let (over, ended) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            // The grader says no more; its end, or the end of the pipe, is the end.
            let _ = next();
            let _ = over.send(());
        });
        let _ = ended.await;
        Ok(())
    })
}

fn load(job: &Job) -> Result<Model, Refusal> {
    let options = LoadOptions {
        file: job.file.clone(),
        prefix: job.prefix.clone(),
        ..LoadOptions::default()
    };
    let mut model = config::load(&options).map_err(|error| Refusal::of(&error))?;
    // One worker, whatever the file says: the order of peers is then the same each time.
    model.process.workers = 1;
    Ok(model)
}

impl Refusal {
    fn of(error: &LoadError) -> Self {
        let shown = |found: &Diagnostic| written::legible(&render(found, &error.sources, false));
        let mut fatal = error.diagnostics.iter().filter(|found| found.is_fatal());
        let first = fatal.next();
        let rest: Vec<&Diagnostic> = fatal.collect();
        let mut brief = first.map(shown).unwrap_or_default();
        // Whatever comes behind a brace that is missing is in the wrong place: the brace is the cause.
        let brace = rest
            .iter()
            .filter(|_| first.is_some_and(|found| found.message.ends_with(MISPLACED)))
            .find(|found| found.message == UNCLOSED);
        brief.extend(brace.map(|found| shown(found)));
        match rest.len() - usize::from(brace.is_some()) {
            0 => {}
            1 => brief.push_str("… and one more message, perhaps because of this.\n"),
            n => brief.push_str(&format!(
                "… and {n} more messages, perhaps because of this.\n"
            )),
        }
        Self {
            first: error.to_string(),
            text: error.diagnostics.iter().map(shown).collect(),
            brief,
        }
    }

    /// A refusal that is said in one line.
    pub fn line(first: String) -> Self {
        let text = format!("nginx: {first}\n");
        Self {
            brief: text.clone(),
            first,
            text,
        }
    }
}

fn inet(address: SocketAddr) -> ListenAddress {
    ListenAddress::Inet(address)
}

fn any_port() -> ListenAddress {
    inet(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Says a word to the grader.
fn say(word: &Word) -> Result<(), Box<dyn std::error::Error>> {
    let mut line = serde_json::to_vec(word)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    Ok(out.flush()?)
}

/// Bounds what the process may use.
fn limit() -> Result<(), Box<dyn std::error::Error>> {
    let limits = [
        (Resource::As, MEMORY),
        (Resource::Cpu, PROCESSOR),
        (Resource::Fsize, FILE),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Core, 0),
    ];
    for (resource, most) in limits {
        let most = getrlimit(resource)
            .maximum
            .map_or(most, |hard| hard.min(most));
        let bound = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        match setrlimit(resource, bound) {
            // macOS takes no limit of the address space.
            Err(_) if resource == Resource::As && cfg!(target_os = "macos") => {}
            set => set?,
        }
    }
    Ok(())
}
