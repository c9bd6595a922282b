//! A case as its files say it: a configuration, files to serve, and conversations to hold.

use super::OracleError;
use super::names::NameSpec;
use super::ports;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One case: one configuration and what is sent to it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name, or `heads/NAME` for a table of heads.
    pub name: String,
    /// The data file that was read.
    pub file: PathBuf,
    /// The text of nginx.conf, its `@NAMES@` not yet replaced.
    pub config: String,
    /// The folder copied into the prefix, if there is one.
    pub files: Option<PathBuf>,
    /// The texts of the files in it that the configuration may include: `*.conf`, `*.inc` and `sites-enabled/*`.
    includes: Vec<String>,
    /// Where nginx's answers are recorded.
    pub expected: PathBuf,
    /// What stands in the case or its recorded answers and looks like a port: no port of a run is one of them.
    pub numbers: BTreeSet<u16>,
    pub spec: CaseSpec,
}

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

impl Case {
    /// The case in the folder `dir`.
    pub fn load(dir: &Path) -> Result<Case, OracleError> {
        let name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let files = dir.join("files");
        Case::read(
            name,
            dir.join("case.toml"),
            dir.join("nginx.conf"),
            files,
            dir.join("expected.txt"),
        )
    }

    /// The table of heads in `file`; all tables share the configuration beside them.
    pub fn load_heads(file: &Path) -> Result<Case, OracleError> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let dir = file.parent().unwrap_or(Path::new("."));
        let expected = dir.join(format!("{stem}.expected.txt"));
        Case::read(
            format!("heads/{stem}"),
            file.into(),
            dir.join("nginx.conf"),
            dir.join("files"),
            expected,
        )
    }

    /// One that no folder holds.
    #[allow(dead_code, reason = "only the random cases are made")]
    pub fn made(name: String, config: String, spec: CaseSpec) -> Case {
        Case {
            file: name.clone().into(),
            expected: name.clone().into(),
            numbers: ports::numbers(&config).collect(),
            name,
            config,
            files: None,
            includes: Vec::new(),
            spec,
        }
    }

    fn read(
        name: String,
        file: PathBuf,
        config: PathBuf,
        files: PathBuf,
        expected: PathBuf,
    ) -> Result<Case, OracleError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(OracleError::io(format!("reading {}", path.display())))
        };
        let said = read(&file)?;
        let spec: CaseSpec =
            toml::from_str(&said).map_err(|error| OracleError::case(&file, error.to_string()))?;
        let mut includes = Vec::new();
        if files.is_dir() {
            read_includes(&files, &mut includes)?;
        }
        let config = read(&config)?;
        // Not yet there for a case that is about to be recorded.
        let recorded = fs::read_to_string(&expected).unwrap_or_default();
        let case = Case {
            numbers: [&said, &config, &recorded]
                .into_iter()
                .chain(&includes)
                .flat_map(|text| ports::numbers(text))
                .collect(),
            config,
            includes,
            files: files.is_dir().then_some(files),
            name,
            file,
            expected,
            spec,
        };
        case.check()?;
        Ok(case)
    }

    fn check(&self) -> Result<(), OracleError> {
        let mut names = BTreeSet::new();
        for connection in &self.spec.connection {
            let name = &connection.name;
            if !names.insert(name) {
                return Err(OracleError::case(
                    &self.file,
                    format!("two connections are named {name:?}"),
                ));
            }
            let forms = [
                connection.send.is_some(),
                !connection.request.is_empty(),
                !connection.step.is_empty(),
            ];
            if forms.iter().filter(|used| **used).count() != 1 {
                let what = format!("{name:?} must have one of send, request and step");
                return Err(OracleError::case(&self.file, what));
            }
        }
        Ok(())
    }

    /// The same case under another configuration; the ports that only the old one names stay.
    #[allow(dead_code, reason = "only the proofs change a case")]
    pub fn with_config(&self, config: String) -> Case {
        let mut changed = self.clone();
        changed
            .includes
            .push(std::mem::replace(&mut changed.config, config));
        changed
    }

    /// All texts in which a port may be named.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.config.as_str()).chain(self.includes.iter().map(String::as_str))
    }
}

/// Whether a file is part of the configuration, so that names in it are replaced.
pub fn is_include(path: &Path) -> bool {
    let by_name = path
        .extension()
        .is_some_and(|extension| extension == "conf" || extension == "inc");
    // Debian's sites have no ending.
    by_name
        || path
            .parent()
            .is_some_and(|folder| folder.ends_with("sites-enabled"))
}

fn read_includes(folder: &Path, into: &mut Vec<String>) -> Result<(), OracleError> {
    let what = || OracleError::io(format!("reading {}", folder.display()));
    for entry in fs::read_dir(folder).map_err(what())? {
        let path = entry.map_err(what())?.path();
        if path.is_dir() {
            read_includes(&path, into)?;
        } else if is_include(&path) {
            into.push(fs::read_to_string(&path).map_err(what())?);
        }
    }
    Ok(())
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
