//! Grades an answer by what it does: starts a server from it, sends requests, and looks at both ends.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::backends::{Arrived, Backends, Behaviour, Wanted};
use super::checks::{BackendSpec, Check, Checks, Request, Scripted, split_header, split_send};
use super::client::{Outgoing, Parts};
use super::compare::{self, Mismatch};
use super::copy::{Copy, CopyError};
use super::diagnose::{Scene, diagnose};
use super::exercise::{CourseError, Exercise};
use super::message::{Message, MessageError};
use super::nginx::Nginx;
use super::placeholders::{Draw, PlaceholderError};
use super::served::{Served, StartError};
use super::verdict::{Exchange, Failure, Outcome, Verdict};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long an answer may be graded in all.
const DEADLINE: Duration = Duration::from_secs(12);
/// Both for exercises that are slow.
const SLOW: Duration = Duration::from_secs(20);
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
    match start(engine, exercise, &copy, &mut backends) {
        Ok(served) => {
            let deadline = begun + if checks.slow { SLOW } else { DEADLINE };
            let mut run = Run {
                served,
                backends,
                draw,
                copy: &copy,
                wanted: &wanted,
                deadline,
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
            verdict.refusal = Some(refusal);
        }
        Err(StartError::Exhausted(why)) => {
            verdict.refusal = Some(super::graded::Refusal {
                text: format!("{why}\n"),
                first: why,
            });
        }
        Err(error) => return Err(GradeError::Start(error.to_string())),
    }
    verdict.seconds = begun.elapsed().as_secs_f64();
    Ok(verdict)
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
fn wanted(checks: &Checks, draw: &Draw) -> Result<Vec<Wanted>, PlaceholderError> {
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

/// One answer under way.
struct Run<'a> {
    served: Served,
    backends: Backends,
    draw: Draw,
    copy: &'a Copy,
    wanted: &'a [Wanted],
    deadline: Instant,
    /// Bytes of the error lines that belong to earlier requests.
    errors_seen: usize,
    exchanges: Vec<Exchange>,
}

/// One request and what came of it.
struct Exchanged {
    sent: Outgoing,
    answer: Result<Message, MessageError>,
    arrived: Vec<Arrived>,
    story: Option<String>,
    errors: String,
}

impl Run<'_> {
    fn check(&mut self, check: &Check) -> Result<Outcome, GradeError> {
        let name = self.draw.fill(&check.name)?;
        for request in &check.requests {
            for _ in 0..request.times {
                if let Some(failure) = self.request(check, request)? {
                    return Ok(Outcome {
                        name,
                        passed: false,
                        failure: Some(failure),
                    });
                }
            }
        }
        Ok(Outcome {
            name,
            passed: true,
            failure: None,
        })
    }

    fn request(&mut self, check: &Check, request: &Request) -> Result<Option<Failure>, GradeError> {
        let sent = self.outgoing(request)?;
        let Some(real) = self.served.real(sent.port) else {
            return Ok(Some(self.nobody_listens(&sent)));
        };
        let Some(left) = self.time_left() else {
            return Ok(Some(self.too_late(&sent)));
        };
        self.backends.take();
        let answer = sent.send(real, self.draw.client(), left.min(PATIENCE));
        let story = self.served.story(&sent.method, &sent.target);
        let mut exchanged = Exchanged {
            arrived: self.backends.take(),
            errors: self.new_errors(),
            answer,
            story,
            sent,
        };
        self.as_configured(&mut exchanged);
        self.remember(&exchanged);
        let received = compare::received(&request.received, &self.draw, &exchanged.arrived)?;
        let mismatch = match received {
            Some(mismatch) => Some(mismatch),
            None => compare::answer(&request.answer, &self.draw, &exchanged.answer)?,
        };
        match mismatch {
            Some(mismatch) => Ok(Some(self.failure(check, exchanged, mismatch)?)),
            None => Ok(None),
        }
    }

    /// The failure with the best message that can be had for it.
    fn failure(
        &mut self,
        check: &Check,
        exchanged: Exchanged,
        mismatch: Mismatch,
    ) -> Result<Failure, GradeError> {
        let scene = Scene {
            answer: &exchanged.answer,
            errors: &exchanged.errors,
            looped: self.backends.looped(),
            over: self.served.is_over(),
            wanted: self.wanted,
        };
        let mut message = (self.draw.fill(&check.say)?, self.draw.fill(&check.look)?);
        for because in &check.because {
            let received = compare::received(&because.received, &self.draw, &exchanged.arrived)?;
            let answer = compare::answer(&because.answer, &self.draw, &exchanged.answer)?;
            if received.is_none() && answer.is_none() {
                message.0 = self.draw.fill(&because.say)?;
                if let Some(look) = &because.look {
                    message.1 = self.draw.fill(look)?;
                }
                break;
            }
        }
        let found = diagnose(&scene);
        if let Some(diagnosed) = found.message {
            message = diagnosed;
        }
        Ok(Failure {
            message: message.0,
            look: message.1,
            sent: exchanged.sent.shown,
            expected: mismatch.expected,
            seen: with_status(mismatch.seen, &exchanged.answer),
            place: exchanged
                .story
                .as_deref()
                .and_then(|story| self.place(story)),
            story: exchanged.story,
            log: found.log.map(|line| self.copy.shown(&line)),
        })
    }

    fn outgoing(&self, request: &Request) -> Result<Outgoing, GradeError> {
        if let Some(raw) = &request.raw {
            return Ok(Outgoing::raw(&self.draw.fill(raw)?, request.to));
        }
        let send = self
            .draw
            .fill(request.send.as_deref().unwrap_or_default())?;
        let (method, target) = split_send(&send).unwrap_or(("GET", "/"));
        let host = request
            .host
            .as_ref()
            .map(|host| self.draw.fill(host))
            .transpose()?;
        let body = request
            .body
            .as_ref()
            .map(|body| self.draw.fill(body))
            .transpose()?;
        let mut headers = Vec::new();
        for line in &request.headers {
            let line = self.draw.fill(line)?;
            headers.extend(split_header(&line).map(|(n, v)| (n.to_owned(), v.to_owned())));
        }
        Ok(Outgoing::new(&Parts {
            method,
            target,
            port: request.to,
            host: host.as_deref(),
            headers: &headers,
            body: body.as_deref(),
        }))
    }

    fn time_left(&self) -> Option<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    fn new_errors(&mut self) -> String {
        let errors = self.served.errors();
        let new = errors
            .get(self.errors_seen..)
            .unwrap_or_default()
            .to_owned();
        self.errors_seen = errors.len();
        new
    }

    fn nobody_listens(&self, sent: &Outgoing) -> Failure {
        let ports: Vec<String> = self
            .served
            .listens
            .iter()
            .map(|(at, _)| at.port().to_string())
            .collect();
        let seen = match ports.len() {
            0 => "the file listens on no port at all".to_owned(),
            _ => format!("the file listens on {}", ports.join(", ")),
        };
        Failure {
            message: format!("Nobody listens on port {}.", sent.port),
            look: "listen in the server block".to_owned(),
            sent: sent.shown.clone(),
            expected: format!("a server on port {}", sent.port),
            seen,
            ..Failure::default()
        }
    }

    fn too_late(&self, sent: &Outgoing) -> Failure {
        Failure {
            message: "Grading took too long and was ended.".to_owned(),
            look: "what makes the answers so slow".to_owned(),
            sent: sent.shown.clone(),
            expected: "all requests answered in time".to_owned(),
            seen: "no time was left for this request".to_owned(),
            ..Failure::default()
        }
    }

    /// The line of the file that a story names.
    fn place(&self, story: &str) -> Option<String> {
        let (_, behind) = story.split_once(" (nginx.conf:")?;
        let number: usize = behind.split(')').next()?.parse().ok()?;
        let text = std::fs::read_to_string(self.copy.folder.join("nginx.conf")).ok()?;
        let line = text.lines().nth(number.checked_sub(1)?)?;
        Some(format!("nginx.conf:{number}: {}", line.trim()))
    }

    fn remember(&mut self, exchanged: &Exchanged) {
        let Ok(answer) = &exchanged.answer else {
            return;
        };
        self.exchanges.push(Exchange {
            port: exchanged.sent.port,
            target: exchanged.sent.target.clone(),
            status: answer.status(),
            content_type: answer.header("Content-Type").unwrap_or_default(),
            body: answer.body.clone(),
        });
    }

    /// Real nginx runs on other ports than its file once said: what it tells of them is told as the file has it.
    fn as_configured(&self, exchanged: &mut Exchanged) {
        let roads = self.backends.addresses();
        let ports: Vec<(String, String)> = self
            .served
            .listens
            .iter()
            .chain(&roads)
            .map(|(configured, real)| {
                (
                    format!(":{}", real.port()),
                    format!(":{}", configured.port()),
                )
            })
            .collect();
        let map = |text: &mut String| {
            for (real, configured) in &ports {
                if text.contains(real) {
                    *text = text.replace(real, configured);
                }
            }
        };
        let mut messages: Vec<&mut Message> = exchanged
            .arrived
            .iter_mut()
            .map(|a| &mut a.request)
            .collect();
        messages.extend(exchanged.answer.as_mut().ok());
        for message in messages {
            message.headers.iter_mut().for_each(|(_, value)| map(value));
            if let Ok(mut text) = String::from_utf8(std::mem::take(&mut message.body)) {
                map(&mut text);
                message.body = text.into_bytes();
            }
        }
        map(&mut exchanged.errors);
    }
}

/// The status of the answer beside what was seen, unless that is what was seen.
fn with_status(seen: String, answer: &Result<Message, MessageError>) -> String {
    match answer {
        Ok(answer) if !seen.starts_with("status ") => {
            format!("{seen} (the client got {})", compare::status_line(answer))
        }
        _ => seen,
    }
}
