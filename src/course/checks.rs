//! `check.toml`: what is asked of an answer, and what must be seen by the client and by the backend.
//!
//! `docs/teaching.md` describes every key for those who write exercises. Here the text becomes these types, and
//! whatever is wrong with it is said with its line. Placeholders are still in the texts: they are filled in per run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::review::{Finding, Review};

/// A whole check.toml.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checks {
    /// What the exercise is called in lists.
    pub title: String,
    /// Its one idea, in a line.
    pub idea: String,
    /// Grading may take five seconds rather than one.
    #[serde(default)]
    pub slow: bool,
    /// The start is a file that does not load: it cannot be shown to run.
    #[serde(default)]
    pub broken: bool,
    #[serde(default, rename = "backend")]
    pub backends: Vec<Spanned<BackendSpec>>,
    /// Made in the copy that is graded.
    #[serde(default, rename = "file")]
    pub files: Vec<Spanned<FileSpec>>,
    #[serde(rename = "check")]
    pub checks: Vec<Spanned<Check>>,
}

/// A server behind the proxy. Without any there is one, the demo backend on 127.0.0.1:5000.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendSpec {
    /// Said in its answers (`X-Backend`), but for the one called `demo`.
    pub name: String,
    /// As the file names it.
    pub address: SocketAddr,
    /// Nobody listens there.
    #[serde(default)]
    pub down: bool,
    /// Connections are taken and closed without an answer.
    #[serde(default)]
    pub hangs_up: bool,
    /// Seconds before each answer.
    #[serde(default)]
    pub delay: f64,
    /// This is answered to everything, instead of what the demo backend says.
    pub answer: Option<Scripted>,
}

/// An answer that a check.toml writes itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scripted {
    pub status: u16,
    #[serde(default)]
    pub headers: Vec<String>,
    #[serde(default)]
    pub body: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Below the exercise's folder.
    pub path: String,
    pub text: String,
}

/// One thing that must be right.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is right when it passes, in a few words.
    pub name: String,
    /// The message for the learner when it is not.
    pub say: String,
    /// Where to look then.
    pub look: String,
    /// Sent one after the other, each on a connection of its own.
    #[serde(rename = "request")]
    pub requests: Vec<Request>,
    /// Messages for mistakes that can be told apart by what was seen; the first that fits is said instead.
    #[serde(default)]
    pub because: Vec<Because>,
}

/// A better message for a certain mistake.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Because {
    pub say: String,
    pub look: Option<String>,
    /// What the client saw.
    #[serde(default)]
    pub answer: Expected,
    /// What the backend got.
    #[serde(default)]
    pub received: Received,
    /// A text in the lines that the request left in the error log.
    pub log: Option<String>,
}

/// What is sent, and what must follow.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Method and target: `GET /api/users`.
    pub send: Option<String>,
    /// The whole request as it goes out, instead of `send`, `host`, `headers` and `body`.
    pub raw: Option<String>,
    /// The port, as the file names it.
    #[serde(default = "port_3000")]
    pub to: u16,
    /// The Host header; `localhost:PORT` unless it is said.
    pub host: Option<String>,
    /// `Name: value`
    #[serde(default)]
    pub headers: Vec<String>,
    pub body: Option<String>,
    /// How often it is sent; each time the same must be seen.
    #[serde(default = "once")]
    pub times: u32,
    #[serde(default)]
    pub answer: Expected,
    #[serde(default)]
    pub received: Received,
}

fn port_3000() -> u16 {
    3000
}

fn once() -> u32 {
    1
}

/// What the client must see.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expected {
    /// One of these.
    pub status: OneOrMore<u16>,
    /// `Name: value`, exactly; a name that is sent twice has both values, joined by a comma. Of a list one must be there.
    pub headers: Vec<OneOrMore<String>>,
    /// `Name: part of the value`
    pub headers_contain: Vec<String>,
    /// Names that must be there.
    pub has: Vec<String>,
    /// Names that must not.
    pub absent: Vec<String>,
    pub body: Option<String>,
    pub contains: OneOrMore<String>,
    pub lacks: OneOrMore<String>,
    /// The body is JSON that has at least this in it.
    pub json: Option<toml::Value>,
    /// The connection ends without an answer.
    pub none: bool,
}

/// What the backend must have received for the request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Received {
    /// How many requests came, at all backends together; 1 where anything else is asked.
    pub count: Option<usize>,
    /// Which backend got the last of them.
    pub backend: Option<String>,
    pub method: Option<String>,
    /// Path and query as they came.
    pub target: Option<String>,
    pub path: Option<String>,
    pub query: Option<String>,
    pub headers: Vec<OneOrMore<String>>,
    pub headers_contain: Vec<String>,
    pub has: Vec<String>,
    pub absent: Vec<String>,
    pub body: Option<String>,
}

/// A value, or a list of values.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl<T> OneOrMore<T> {
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// A check.toml that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChecksError {
    #[error("{path}: {source}", path = path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// The text of the TOML reader shows the line, with a caret.
    #[error("{path}:{line}: {message}", path = path.display(), message = message.trim_end())]
    Toml {
        path: PathBuf,
        line: usize,
        message: String,
    },
    #[error("{path}:{line}: {message}", path = path.display())]
    Meaning {
        path: PathBuf,
        line: usize,
        message: String,
    },
}

/// Reads and checks a check.toml. `folder` is the exercise's, for `{file:…}`.
///
/// # Errors
/// The first thing that is wrong, with its line and what to write instead.
pub fn load(path: &Path, folder: &Path) -> Result<Checks, ChecksError> {
    let text = std::fs::read_to_string(path).map_err(|source| ChecksError::Read {
        path: path.to_owned(),
        source,
    })?;
    let checks: Checks = toml::from_str(&text).map_err(|error| ChecksError::Toml {
        path: path.to_owned(),
        line: line_at(&text, error.span().map_or(0, |span| span.start)),
        message: error.to_string(),
    })?;
    let finding = Review::new(&text, folder).whole(&checks);
    match finding {
        Ok(()) => Ok(checks),
        Err(Finding { at, message }) => Err(ChecksError::Meaning {
            path: path.to_owned(),
            line: line_at(&text, at),
            message,
        }),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|&&byte| byte == b'\n').count() + 1
}

impl Expected {
    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.status.as_slice().is_empty()
            && self.headers.is_empty()
            && self.headers_contain.is_empty()
            && self.has.is_empty()
            && self.absent.is_empty()
            && self.body.is_none()
            && self.contains.as_slice().is_empty()
            && self.lacks.as_slice().is_empty()
            && self.json.is_none()
            && !self.none
    }
}

impl Received {
    /// Nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.count.is_none() && !self.asks_more_than_count()
    }

    /// A request must have come.
    pub fn asks_more_than_count(&self) -> bool {
        self.backend.is_some()
            || self.method.is_some()
            || self.target.is_some()
            || self.path.is_some()
            || self.query.is_some()
            || !self.headers.is_empty()
            || !self.headers_contain.is_empty()
            || !self.has.is_empty()
            || !self.absent.is_empty()
            || self.body.is_some()
    }
}

/// Method and target of `GET /path`.
pub fn split_send(send: &str) -> Option<(&str, &str)> {
    let (method, target) = send.split_once(' ')?;
    let fits = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    (fits && target.starts_with('/') && !target.contains([' ', '\r', '\n']))
        .then_some((method, target))
}

/// Name and value of `Name: value`.
pub fn split_header(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let value = value.trim();
    let right = !name.is_empty() && name.chars().all(fits) && !value.contains(['\r', '\n']);
    right.then_some((name, value))
}
