//! Grades an answer by what it does: starts a server from it, sends requests, and looks at both ends.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::backends::{Backends, Behaviour, Wanted};
use super::checks::{BackendSpec, Checks, Scripted};
use super::copy::{Copy, CopyError};
use super::exercise::{CourseError, Exercise};
use super::graded::Refusal;
use super::nginx::Nginx;
use super::placeholders::{Draw, PlaceholderError};
use super::run::{self, Run};
use super::served::{Served, StartError};
use super::verdict::Verdict;

/// How long the requests of an answer may take in all.
const DEADLINE: Duration = Duration::from_secs(12);
/// The same for exercises that are slow.
const SLOW: Duration = Duration::from_secs(20);
/// The most that a machine with little time to spare gets of both.
const MOST_PATIENT: u32 = 3;
/// What the start of a server takes on a slow machine that has its time to spare.
const START: Duration = Duration::from_millis(250);
/// Folders of the system from which a file may include.
const SYSTEM: [&str; 3] = [
    "/etc/nginx",
    "/usr/local/etc/nginx",
    "/opt/homebrew/etc/nginx",
];

/// Which server is asked.
#[derive(Debug, Clone)]
pub enum Engine {
    /// This program: the path of its executable.
    Lab(PathBuf),
    Nginx(Nginx),
}

/// Grading itself failed: nothing is said about the answer.
#[derive(Debug, thiserror::Error)]
pub enum GradeError {
    #[error(transparent)]
    Course(#[from] CourseError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error("check.toml: {0}")]
    Placeholder(#[from] PlaceholderError),
    #[error("the backends of the check cannot be started: {0}")]
    Backends(io::Error),
    #[error("{0}")]
    Start(String),
}

/// Grades the answer at `answer` (a folder with an nginx.conf, or that file).
///
/// # Errors
/// What keeps it from being graded; a wrong answer is no error.
pub fn grade(
    engine: &Engine,
    exercise: &Exercise,
    answer: &Path,
    seed: u64,
) -> Result<Verdict, GradeError> {
    let begun = Instant::now();
    let checks = exercise.checks()?;
    let copy = Copy::make(exercise, answer)?;
    let draw = Draw::new(seed, vec![copy.folder.clone(), exercise.folder.clone()]);
    for file in &checks.files {
        let file = file.as_ref();
        copy.add(&draw.fill(&file.path)?, &draw.fill(&file.text)?)?;
    }
    let wanted = wanted(&checks, &draw)?;
    let mut backends = Backends::start(&wanted).map_err(GradeError::Backends)?;
    let mut verdict = Verdict {
        exercise: exercise.name.clone(),
        seed,
        checks: Vec::new(),
        refusal: None,
        seconds: 0.0,
        exchanges: Vec::new(),
    };
    let starting = Instant::now();
    match start(engine, exercise, &copy, &mut backends) {
        Ok(served) => {
            let slowness = slowness(starting.elapsed());
            let deadline = if checks.slow { SLOW } else { DEADLINE };
            let mut run = Run {
                served,
                backends,
                draw,
                copy: &copy,
                wanted: &wanted,
                patience: run::PATIENCE * slowness,
                deadline: Instant::now() + deadline * slowness,
                errors_seen: 0,
                exchanges: Vec::new(),
            };
            for check in &checks.checks {
                let outcome = run.check(check.as_ref())?;
                verdict.checks.push(outcome);
            }
            verdict.exchanges = run.exchanges;
        }
        Err(StartError::Refused(mut refusal)) => {
            refusal.first = copy.shown(&refusal.first);
            refusal.text = copy.shown(&refusal.text);
            refusal.brief = copy.shown(&refusal.brief);
            verdict.refusal = Some(refusal);
        }
        Err(StartError::Exhausted(why)) => {
            verdict.refusal = Some(Refusal::line(why));
        }
        Err(error) => return Err(GradeError::Start(error.to_string())),
    }
    verdict.seconds = begun.elapsed().as_secs_f64();
    Ok(verdict)
}

/// How many times as long as usual everything may take on a machine where the start took so long: an answer that comes
/// late because other programs are at work is no mistake of the learner's.
fn slowness(start: Duration) -> u32 {
    let times = start.as_millis() / START.as_millis();
    u32::try_from(times)
        .unwrap_or(MOST_PATIENT)
        .clamp(1, MOST_PATIENT)
}

fn start(
    engine: &Engine,
    exercise: &Exercise,
    copy: &Copy,
    backends: &mut Backends,
) -> Result<Served, StartError> {
    match engine {
        Engine::Lab(program) => {
            let mut read: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
            read.push(exercise.folder.clone());
            Served::lab(program, &copy.folder, read, copy.root(), backends)
        }
        Engine::Nginx(nginx) => nginx.serve(&copy.folder, backends),
    }
}

/// The backends that a check.toml asks for; without any the demo backend of the lesson.
///
/// # Errors
/// A placeholder cannot be filled in.
pub fn wanted(checks: &Checks, draw: &Draw) -> Result<Vec<Wanted>, PlaceholderError> {
    if checks.backends.is_empty() {
        return Ok(vec![Wanted {
            name: "demo".to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 5000)),
            behaviour: Behaviour::Demo,
            delay: Duration::ZERO,
        }]);
    }
    let one = |spec: &BackendSpec| {
        let behaviour = match &spec.answer {
            _ if spec.down => Behaviour::Down,
            _ if spec.hangs_up => Behaviour::HangsUp,
            Some(answer) => Behaviour::Scripted(Scripted {
                status: answer.status,
                headers: answer
                    .headers
                    .iter()
                    .map(|h| draw.fill(h))
                    .collect::<Result<_, _>>()?,
                body: draw.fill(&answer.body)?,
            }),
            None => Behaviour::Demo,
        };
        Ok(Wanted {
            name: spec.name.clone(),
            address: spec.address,
            behaviour,
            delay: Duration::from_secs_f64(spec.delay),
        })
    };
    checks
        .backends
        .iter()
        .map(|spec| one(spec.as_ref()))
        .collect()
}
