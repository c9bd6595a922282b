//! A learner's file being served for the grader: by this program's graded process, or by real nginx.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::backends::Backends;
use super::graded::{Job, MARK, Refusal, Roads, Word};

/// How long a start may take.
const START: Duration = Duration::from_secs(30);
/// Most bytes of error lines that are kept.
const ERRORS: usize = 256 * 1024;

/// A server that was started for grading; dropping it ends it.
pub struct Served {
    child: Child,
    /// The graded process ends when this closes.
    _input: Option<ChildStdin>,
    /// Addresses as the file has them, and where they really are.
    pub listens: Vec<(SocketAddr, SocketAddr)>,
    heard: Arc<Heard>,
    /// It tells the story of each request.
    tells: bool,
}

/// No server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file is wrong: the learner's affair.
    #[error("{}", .0.first)]
    Refused(Refusal),
    /// It took too long, or too much memory.
    #[error("{0}")]
    Exhausted(String),
    /// The grader's own affair.
    #[error("the server for grading cannot be started: {0}")]
    Trouble(String),
}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self::Trouble(error.to_string())
    }
}

/// What the process has said so far.
#[derive(Default)]
struct Heard {
    words: Mutex<Words>,
    changed: Condvar,
}

#[derive(Default)]
struct Words {
    bound: Option<Vec<(SocketAddr, SocketAddr)>>,
    refused: Option<Refusal>,
    serving: bool,
    stories: Vec<String>,
    /// How many stories were told, and of how many the error lines are complete.
    told: usize,
    marks: usize,
    errors: String,
    over: bool,
}

impl Heard {
    fn words(&self) -> MutexGuard<'_, Words> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Words)) {
        change(&mut self.words());
        self.changed.notify_all();
    }

    /// Waits until `wanted` finds something, or the process or the patience ends.
    fn wait<T>(&self, patience: Duration, wanted: impl Fn(&mut Words) -> Option<T>) -> Option<T> {
        let end = Instant::now() + patience;
        let mut words = self.words();
        loop {
            if let Some(found) = wanted(&mut words) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || words.over {
                return None;
            }
            let waited = self.changed.wait_timeout(words, left);
            words = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Served {
    /// Starts the graded process of `program` for a folder with an `nginx.conf`.
    ///
    /// # Errors
    /// As [`StartError`].
    pub fn lab(
        program: &Path,
        folder: &Path,
        read: Vec<PathBuf>,
        write: &Path,
        backends: &mut Backends,
    ) -> Result<Self, StartError> {
        let mut child = Command::new(program)
            .arg("grade-serve")
            .env_clear()
            // The allocator would ask for as much at once as the process may have.
            .env("MIMALLOC_ARENA_RESERVE", "32M")
            .envs(std::env::var_os("TZ").map(|zone| ("TZ", zone)))
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut input = child.stdin.take();
        let mut served = Self {
            heard: Heard::listen(&mut child),
            child,
            _input: None,
            listens: Vec::new(),
            tells: true,
        };
        let job = Job {
            file: folder.join("nginx.conf"),
            prefix: folder.to_owned(),
            read,
            write: write.to_owned(),
        };
        tell(&mut input, &job)?;
        served.listens = served.bound()?;
        for (configured, real) in served.listens.clone() {
            for address in dialled_as(configured) {
                backends.hop(address, real)?;
            }
        }
        let roads = Roads {
            pairs: backends.addresses(),
            otherwise: backends.refusing(),
        };
        tell(&mut input, &roads)?;
        served._input = input;
        let serving = |words: &mut Words| words.serving.then_some(());
        served
            .heard
            .wait(START, serving)
            .ok_or_else(|| served.why_not())?;
        Ok(served)
    }

    /// Takes over a server that was started otherwise.
    pub fn other(mut child: Child, listens: Vec<(SocketAddr, SocketAddr)>) -> Self {
        Self {
            heard: Heard::listen(&mut child),
            child,
            _input: None,
            listens,
            tells: false,
        }
    }

    /// Where the port of the file really is: the loopback's own address before a wildcard.
    pub fn real(&self, port: u16) -> Option<SocketAddr> {
        let mut fitting = self.listens.iter().filter(|(at, _)| at.port() == port);
        let exact = fitting.clone().find(|(at, _)| at.ip().is_loopback());
        exact.or_else(|| fitting.next()).map(|(_, real)| *real)
    }

    /// The story of the request just answered, if it comes within `patience`; those of others that came before it are
    /// forgotten.
    pub fn story(&self, method: &str, target: &str, patience: Duration) -> Option<String> {
        if !self.tells {
            return None;
        }
        let begin = format!("{method} {target} ");
        self.heard.wait(patience, |words| {
            if words.marks < words.told {
                return None;
            }
            // The outermost of several is told last.
            let at = words.stories.iter().rposition(|s| s.starts_with(&begin))?;
            let story = words.stories.swap_remove(at);
            words.stories.clear();
            Some(story)
        })
    }

    /// The error lines so far.
    pub fn errors(&self) -> String {
        self.heard.words().errors.clone()
    }

    /// The process has ended by itself: it used too much of something.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn bound(&self) -> Result<Vec<(SocketAddr, SocketAddr)>, StartError> {
        let found = self.heard.wait(START, |words| {
            let refused = words
                .refused
                .take()
                .map(|refusal| Err(StartError::Refused(refusal)));
            refused.or_else(|| words.bound.take().map(Ok))
        });
        found.unwrap_or_else(|| Err(self.why_not()))
    }

    fn why_not(&self) -> StartError {
        let words = self.heard.words();
        match (words.over, words.errors.contains("proxy-lab:")) {
            (true, true) => StartError::Trouble(words.errors.trim().to_owned()),
            (true, false) => StartError::Exhausted(
                "the file needs more memory, time or open files than an exercise may use"
                    .to_owned(),
            ),
            (false, _) => {
                StartError::Exhausted(format!("it was not served within {} s", START.as_secs()))
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Heard {
    /// Reads what the process says, in threads that end with it.
    fn listen(child: &mut Child) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        if let Some(out) = child.stdout.take() {
            let heard = heard.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    let Ok(word) = serde_json::from_str(&line) else {
                        continue;
                    };
                    heard.change(|words| words.take(word));
                }
                heard.change(|words| words.over = true);
            });
        }
        if let Some(errors) = child.stderr.take() {
            let heard = heard.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(errors);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    heard.change(|words| words.take_error(&line));
                    line.clear();
                }
            });
        }
        heard
    }
}

impl Words {
    fn take(&mut self, word: Word) {
        match word {
            Word::Bound(bound) => self.bound = Some(bound),
            Word::Refused(refusal) => self.refused = Some(refusal),
            Word::Serving => self.serving = true,
            Word::Story(story) => {
                self.told += 1;
                self.stories.push(story);
            }
        }
    }

    fn take_error(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if line.trim_end() == MARK {
            self.marks += 1;
        } else if self.errors.len() < ERRORS {
            self.errors.push_str(&line);
        }
    }
}

fn tell(input: &mut Option<ChildStdin>, what: &impl serde::Serialize) -> Result<(), StartError> {
    let mut line = serde_json::to_vec(what).map_err(std::io::Error::other)?;
    line.push(b'\n');
    if let Some(input) = input {
        // A process that ended says itself why.
        let _ = input.write_all(&line);
    }
    Ok(())
}

/// The addresses by which this machine reaches a listening one.
fn dialled_as(configured: SocketAddr) -> Vec<SocketAddr> {
    use std::net::{Ipv4Addr, Ipv6Addr};
    let port = configured.port();
    match configured {
        SocketAddr::V4(at) if at.ip().is_unspecified() => {
            vec![configured, (Ipv4Addr::LOCALHOST, port).into()]
        }
        SocketAddr::V6(at) if at.ip().is_unspecified() => {
            vec![configured, (Ipv6Addr::LOCALHOST, port).into()]
        }
        _ => vec![configured],
    }
}
