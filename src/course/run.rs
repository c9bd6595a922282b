//! One answer under way: each request of each check is sent, and both ends are compared with what is asked.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::advice;
use super::backends::{Arrived, Backends, Wanted};
use super::checks::{Check, Request, split_header, split_send};
use super::client::{Outgoing, Parts};
use super::compare::{self, Mismatch};
use super::copy::Copy;
use super::diagnose::{Scene, diagnose};
use super::grade::GradeError;
use super::message::{Message, MessageError};
use super::placeholders::Draw;
use super::served::Served;
use super::verdict::{Exchange, Failure, Outcome};

/// How long one request may take, where the machine has its time to spare.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// How long a story is waited for that may not come.
const STORY: Duration = Duration::from_millis(500);

/// One answer under way.
pub struct Run<'a> {
    pub served: Served,
    pub backends: Backends,
    pub draw: Draw,
    pub copy: &'a Copy,
    pub wanted: &'a [Wanted],
    /// How long one request may take.
    pub patience: Duration,
    /// When all of them must be over.
    pub deadline: Instant,
    /// Bytes of the error lines that belong to earlier requests.
    pub errors_seen: usize,
    pub exchanges: Vec<Exchange>,
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
    /// Sends the requests of a check, up to the first that is not answered as it must be.
    ///
    /// # Errors
    /// A placeholder cannot be filled in.
    pub fn check(&mut self, check: &Check) -> Result<Outcome, GradeError> {
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
        let answer = sent.send(real, self.draw.client(), left.min(self.patience));
        // An answer's story comes soon, as soon as the machine has time for it; there is none where nothing was answered,
        // and none to be recognised of what is no request.
        let comes = answer.is_ok() && request.raw.is_none();
        let patience = if comes { self.patience } else { STORY };
        let story = self.served.story(&sent.method, &sent.target, patience);
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
            let logged = match &because.log {
                Some(text) => exchanged.errors.contains(&self.draw.fill(text)?),
                None => true,
            };
            if received.is_none() && answer.is_none() && logged {
                message.0 = self.draw.fill(&because.say)?;
                if let Some(look) = &because.look {
                    message.1 = self.draw.fill(look)?;
                }
                break;
            }
        }
        if let Some(advice) = self.advice() {
            message.1 = advice;
        }
        let found = diagnose(&scene);
        if let Some(diagnosed) = found.message {
            message = diagnosed;
        }
        Ok(Failure {
            message: message.0,
            look: message.1,
            sent: self.command(&exchanged.sent, &mismatch.expected),
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

    /// The command that sends the same, and from the same address where that is what matters.
    fn command(&self, sent: &Outgoing, expected: &str) -> String {
        let client = self.draw.client();
        let shown = sent.shown.as_str();
        match shown.strip_prefix("curl ") {
            Some(rest) if client != Ipv4Addr::LOCALHOST && names(expected, client) => {
                format!("curl --interface {client} {rest}")
            }
            _ => shown.to_owned(),
        }
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

    /// What the file itself says, whatever is asked of it.
    fn advice(&self) -> Option<String> {
        let text = std::fs::read(self.copy.folder.join("nginx.conf")).ok()?;
        advice::never_chosen(&text)
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

/// Whether a text has the address in it, and not as a part of a longer one.
fn names(text: &str, address: Ipv4Addr) -> bool {
    let part = |c: char| !c.is_ascii_digit() && c != '.';
    text.split(part).any(|word| word.parse() == Ok(address))
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
