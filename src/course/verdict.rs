//! What grading found: for people, the first wrong thing first; for programs, everything.

use serde::Serialize;

use super::graded::Refusal;

/// The form of the JSON; it changes when a field changes its meaning or goes.
pub const VERSION: u32 = 1;

/// Part of the message about something that nginx has and the lab has not.
const NOT_HERE: &str = "Proxy Lab does not implement it";

/// The result of grading one answer.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub exercise: String,
    pub seed: u64,
    /// In the order of check.toml; empty where the file is not served at all.
    pub checks: Vec<Outcome>,
    /// Why the file was not served.
    pub refusal: Option<Refusal>,
    pub seconds: f64,
    /// Of every request with an answer: port, method, target, status, type and body. For proving that a replay fails.
    pub exchanges: Vec<Exchange>,
}

/// An answer that was seen.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub port: u16,
    pub target: String,
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub name: String,
    pub passed: bool,
    #[serde(flatten)]
    pub failure: Option<Failure>,
}

/// What went wrong with a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The message for the learner.
    pub message: String,
    /// Where to look.
    pub look: String,
    /// A command that sends the same request.
    pub sent: String,
    pub expected: String,
    pub seen: String,
    /// How the file answered: `GET /x → location / (nginx.conf:9) → …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub story: Option<String>,
    /// The line of the file that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What the error log says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Verdict {
    pub fn is_right(&self) -> bool {
        self.refusal.is_none() && self.first_failure().is_none()
    }

    pub fn first_failure(&self) -> Option<&Failure> {
        self.checks.iter().find_map(|check| check.failure.as_ref())
    }

    pub fn passed(&self) -> usize {
        self.checks.iter().filter(|check| check.passed).count()
    }

    /// The first line: what is wrong, in words.
    pub fn headline(&self) -> String {
        if let Some(refusal) = &self.refusal {
            let why = if refusal.first.contains(NOT_HERE) {
                "Proxy Lab cannot serve this file, though nginx might."
            } else {
                "nginx would not start with this file."
            };
            return format!("Not yet: {why} {}", refusal.first);
        }
        match self.first_failure() {
            Some(failure) => format!("Not yet: {}", failure.message),
            None => format!("Right: all {} checks pass.", self.checks.len()),
        }
    }

    /// The whole verdict for a terminal.
    pub fn text(&self, paint: &Paint) -> String {
        let right = self.is_right();
        let code = if right { Paint::GOOD } else { Paint::BAD };
        let mut text = format!("{}\n", paint.with(code, &self.headline()));
        if let Some(refusal) = &self.refusal {
            text.push_str(&format!("\n{}", indented(&refusal.brief)));
        } else if let Some(failure) = self.first_failure() {
            text.push('\n');
            let mut row = |name: &str, value: &str| {
                if !value.is_empty() {
                    let name = paint.with(Paint::FAINT, &format!("{name:<9}"));
                    text.push_str(&format!("  {name} {value}\n"));
                }
            };
            row("sent", &failure.sent);
            row("expected", &failure.expected);
            row("seen", &failure.seen);
            row("the way", failure.story.as_deref().unwrap_or_default());
            row("the line", failure.place.as_deref().unwrap_or_default());
            row("error log", failure.log.as_deref().unwrap_or_default());
            row("look at", &failure.look);
        }
        if !self.checks.is_empty() {
            text.push('\n');
        }
        for check in &self.checks {
            let (mark, code) = if check.passed {
                ("✓", Paint::GOOD)
            } else {
                ("✗", Paint::BAD)
            };
            text.push_str(&format!("  {} {}\n", paint.with(code, mark), check.name));
        }
        text
    }

    /// The verdict for programs; `docs/teaching.md` describes it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "version": VERSION,
            "exercise": self.exercise,
            "verdict": if self.is_right() { "right" } else { "not yet" },
            "headline": self.headline(),
            "seed": self.seed,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
            "refused": self.refusal.as_ref().map(|refusal| &refusal.text),
            "checks": self.checks,
        })
    }
}

/// The JSON of an answer that could not be graded.
pub fn not_graded(why: &str) -> serde_json::Value {
    serde_json::json!({ "version": VERSION, "verdict": "not graded", "error": why })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// Colours, where they are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    pub const GOOD: &'static str = "1;32";
    pub const BAD: &'static str = "1;31";
    pub const FAINT: &'static str = "2";
    pub const BOLD: &'static str = "1";

    pub fn with(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
