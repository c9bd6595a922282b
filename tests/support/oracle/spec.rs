//! What a case.toml says, field by field.

use super::names::NameSpec;
use serde::Deserialize;

/// What case.toml holds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseSpec {
    /// What the case is about, in a line.
    #[allow(
        dead_code,
        reason = "every case must say what it is about; readers of the file use it"
    )]
    pub about: String,
    /// Compare the error log's messages too.
    #[serde(default)]
    pub error_log: bool,
    /// Files to make, beside those of `files/`.
    #[serde(default)]
    pub file: Vec<FileSpec>,
    /// Symbolic links to make: path and target.
    #[serde(default)]
    pub link: Vec<LinkSpec>,
    /// Unix sockets under the prefix that backends listen on, counted after those of `@BACKEND…@`.
    #[serde(default)]
    pub unix_backend: Vec<String>,
    /// What the name server at `@DNS@` knows.
    #[serde(default)]
    pub dns: Vec<NameSpec>,
    /// Empty folders to make.
    #[serde(default)]
    pub folder: Vec<String>,
    pub connection: Vec<ConnectionSpec>,
}

/// A file that the runner makes under the prefix.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    pub path: String,
    /// What it holds, as a text with escapes; a line's end here is a bare LF.
    #[serde(default)]
    pub text: String,
    /// When changed last, in seconds since 1970; all files have `MODIFIED` unless they say otherwise.
    pub modified: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    pub path: String,
    pub target: String,
}

/// One client connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSpec {
    pub name: String,
    /// The port's name.
    #[serde(default = "default_port")]
    pub to: String,
    /// Short for plain requests sent one after the other: `GET /path`, HTTP/1.1; more lines are header fields of that one
    /// request. Where an answer ends the connection, the next request has a new one.
    #[serde(default)]
    pub request: Vec<String>,
    /// `Host` of the short form.
    #[serde(default = "default_host")]
    pub host: String,
    /// More header lines for the short form.
    #[serde(default)]
    pub fields: Vec<String>,
    /// One send, raw.
    pub send: Option<String>,
    /// How many answers `send` gets, or their methods.
    pub answers: Option<Answers>,
    /// Shut down the writing side after `send`.
    #[serde(default)]
    pub shutdown: bool,
    /// Several steps instead of one send.
    #[serde(default)]
    pub step: Vec<StepSpec>,
    /// What the backends answer while this connection lasts, in order; the last one repeats.
    #[serde(default)]
    pub backend: Vec<AnswerSpec>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Answers {
    Count(usize),
    Methods(Vec<String>),
}

/// One step of a connection; its parts happen in the order of these fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// Wait until the backends received so many requests on this connection's behalf.
    pub received: Option<usize>,
    /// Read until the answer holds this text.
    pub until: Option<String>,
    /// Let a backend that waits between two parts of its answer go on.
    #[serde(default)]
    pub release: bool,
    pub send: Option<String>,
    pub answers: Option<Answers>,
    #[serde(default)]
    pub shutdown: bool,
    /// Read until the server closes.
    #[serde(default)]
    pub eof: bool,
    /// Wait until `logs/access.log` holds so many lines: a request's is written when the server is done with it.
    pub logged: Option<usize>,
    /// Close from the client's side, and end the conversation.
    #[serde(default)]
    pub close: bool,
}

/// One scripted answer of a backend.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum AnswerSpec {
    Plain(String),
    Full(FullAnswer),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FullAnswer {
    /// Written one after the other; before each but the first the backend waits for a `release`.
    #[serde(default)]
    pub send: Vec<String>,
    /// How much of the request is read before answering.
    #[serde(default)]
    pub read: ReadUntil,
    #[serde(default)]
    pub then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadUntil {
    #[default]
    Body,
    Head,
    /// The head, noted as soon as it is there, then the body.
    Each,
    /// All that comes until nothing more does for a moment, whatever the head says of a body: it may say more or less.
    Quiet,
}

/// What a backend does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    /// Closes after an HTTP/1.0 request or `Connection: close`, else keeps the connection.
    #[default]
    Auto,
    Keep,
    Close,
    Reset,
    /// Reads on until the proxy closes.
    Wait,
    /// Sends back every byte until the proxy closes.
    Echo,
    /// Says whether the proxy takes the whole answer while its client reads nothing of it, then goes on as with `auto`.
    Press,
}

fn default_port() -> String {
    "PORT".into()
}

fn default_host() -> String {
    "localhost:@PORT@".into()
}

impl ConnectionSpec {
    /// The steps, whatever form they were written in.
    pub fn steps(&self) -> Vec<StepSpec> {
        if let Some(send) = &self.send {
            return vec![StepSpec {
                send: Some(send.clone()),
                answers: self.answers.clone(),
                shutdown: self.shutdown,
                ..StepSpec::default()
            }];
        }
        if !self.step.is_empty() {
            return self.step.clone();
        }
        let fields: String = self
            .fields
            .iter()
            .map(|field| format!("{field}\n"))
            .collect();
        let text = |request: &String| {
            let (line, own) = request.split_once('\n').unwrap_or((request, ""));
            let own = if own.is_empty() {
                String::new()
            } else {
                format!("{own}\n")
            };
            format!("{line} HTTP/1.1\nHost: {}\n{fields}{own}\n", self.host)
        };
        let step = |request| StepSpec {
            send: Some(text(request)),
            ..StepSpec::default()
        };
        self.request.iter().map(step).collect()
    }
}

impl StepSpec {
    /// The methods of the requests whose answers follow the step's send.
    pub fn methods(&self) -> Vec<String> {
        let Some(send) = &self.send else {
            return Vec::new();
        };
        let first = if send.starts_with("HEAD ") {
            "HEAD"
        } else {
            "GET"
        };
        match &self.answers {
            None => vec![first.into()],
            Some(Answers::Count(0)) => Vec::new(),
            Some(Answers::Count(n)) => std::iter::once(first)
                .chain(std::iter::repeat("GET"))
                .take(*n)
                .map(Into::into)
                .collect(),
            Some(Answers::Methods(methods)) => methods.clone(),
        }
    }
}

impl AnswerSpec {
    pub fn full(&self) -> FullAnswer {
        match self {
            AnswerSpec::Full(answer) => answer.clone(),
            AnswerSpec::Plain(text) => FullAnswer {
                send: vec![text.clone()],
                read: ReadUntil::Body,
                then: Then::Auto,
            },
        }
    }
}
