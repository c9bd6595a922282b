//! Why a request went where it went: the steps that the phases note down while they answer it.
//!
//! The code that serves notes them itself, where it decides; off, which is always but in `explain`, that is one branch a
//! place. What a step shows is text for people and for JSON; it is made here and decides nothing.

use std::cell::{Cell, RefCell};

use serde::Serialize;

use crate::config::model::{FileTest, Location, Model, Peer, Server, Upstream};
use crate::config::source::Span;
use crate::config::variables::{Builtin, Means, Var, variables};

use super::choose::{self, How};
use super::request::Request;
use super::story;

mod location;
pub use location::LocationSearch;

/// How the reason of a peer begins that might as well have been chosen.
pub const TURN: &str = "takes its turn";

/// The steps of one request, in the order in which they happened.
#[derive(Debug, Default)]
pub struct Trace {
    steps: RefCell<Vec<Step>>,
    /// How often a variable was read that is another one each time.
    varied: Cell<u32>,
}

/// Where a directive stands, and its line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub file: String,
    pub line: u32,
    /// The directive as written.
    pub text: String,
}

/// One that might have been chosen, with what was decided and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// `location /api/`, or the names of a server.
    pub name: String,
    pub place: Place,
    pub chosen: bool,
    pub reason: String,
}

/// A line of the request to the upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeadLine {
    pub text: String,
    pub origin: Origin,
}

/// Where such a line comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Origin {
    /// A directive of the file.
    Directive(Place),
    /// nginx sends it where the file says nothing.
    Default,
    /// The client sent it.
    Client,
    /// It describes the body that follows.
    Body,
}

/// A field of the client's that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    pub field: String,
    pub reason: String,
}

/// A directive of an outer level that does not apply, because this level has one of that name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lost {
    pub directive: Place,
    /// The first directive that took its place.
    pub by: Place,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// The server for the address and the host.
    Server {
        address: String,
        host: String,
        candidates: Vec<Candidate>,
    },
    /// The URI as it was understood.
    Uri {
        received: String,
        /// Decoded and normalised.
        uri: String,
        args: String,
    },
    /// A location was searched.
    Location {
        uri: String,
        candidates: Vec<Candidate>,
    },
    /// A directive of the rewrite phase.
    Rewrite { directive: Place, outcome: String },
    /// A variable was read.
    Variable {
        name: String,
        /// `null` where it has none.
        value: Option<String>,
        /// It is another one each time (clock, chance, counters), or only known later.
        varies: bool,
    },
    /// The client may not have this: a rule, a location that is `internal`, a body that is too large.
    Refused {
        /// The rule, or the location for which it holds.
        directive: Place,
        reason: String,
        status: u16,
    },
    /// A file was looked for.
    File {
        directive: Option<Place>,
        wanted: Wanted,
        path: String,
        found: bool,
        result: String,
    },
    /// Another URI from the start, inside.
    Internal { uri: String, args: String },
    /// On to a named location.
    Named { location: String, place: Place },
    /// An `error_page` for a status.
    ErrorPage {
        status: u16,
        directive: Place,
        target: String,
    },
    /// The request as it would go out.
    Upstream {
        pass: Place,
        /// How the target came about.
        target: String,
        lines: Vec<HeadLine>,
        left_out: Vec<LeftOut>,
        /// Bytes that follow; `null` where the length is not known before.
        body: Option<u64>,
    },
    /// The peer that would be asked.
    Peer {
        upstream: String,
        address: String,
        others: Vec<Candidate>,
    },
    /// A line of the error log.
    Message { level: String, text: String },
    /// What the location that answered adds and loses.
    End {
        /// What the log would say; 0 where an upstream has the word.
        status: u16,
        location: String,
        place: Place,
        /// Fields added to the answer.
        adds: Vec<Place>,
        lost: Vec<Lost>,
    },
}

/// What a file was wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// A candidate of `try_files`.
    File,
    /// The same, with a final slash.
    Folder,
    /// One of `index`.
    Index,
    /// To be sent.
    Content,
    /// Tested by `if`.
    Test,
    /// None of `try_files` was there: its last word is a status, `=404`.
    Status,
}

impl From<FileTest> for Wanted {
    fn from(_: FileTest) -> Self {
        Wanted::Test
    }
}

impl Trace {
    pub fn push(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    /// The steps so far; none are left.
    pub fn take(&self) -> Vec<Step> {
        self.steps.take()
    }

    pub fn varied(&self) -> u32 {
        self.varied.get()
    }

    /// A variable was read; the same value again is no news. `by_others`: it was made of one that varies.
    pub fn variable(&self, var: &Var, model: &Model, value: Option<&[u8]>, by_others: bool) {
        let varies = by_others || varies(var);
        self.varied.set(self.varied.get() + u32::from(varies));
        let name = match var {
            Var::Builtin(builtin) => builtin_name(*builtin).to_owned(),
            Var::Absent(name) | Var::Empty(name) => text(name).to_string(),
            Var::Arg(name) => format!("arg_{}", text(name)),
            Var::Http(name) => format!("http_{}", text(name)),
            Var::Cookie(name) => format!("cookie_{}", text(name)),
            Var::SentHttp(name) => format!("sent_http_{}", text(name)),
            Var::SentTrailer(name) => format!("sent_trailer_{}", text(name)),
            Var::UpstreamHttp(name) => format!("upstream_http_{}", text(name)),
            Var::UpstreamCookie(name) => format!("upstream_cookie_{}", text(name)),
            Var::UpstreamTrailer(name) => format!("upstream_trailer_{}", text(name)),
            Var::Slot(slot) => model
                .slots
                .get(usize::from(*slot))
                .map(|variable| variable.name.clone())
                .unwrap_or_default(),
        };
        self.read(Step::Variable {
            name,
            value: value.map(text),
            varies,
        });
    }

    /// A group of a regex was read: `$1`.
    pub fn group(&self, number: usize, value: Option<&[u8]>) {
        self.read(Step::Variable {
            name: number.to_string(),
            value: value.map(text),
            varies: false,
        });
    }

    fn read(&self, step: Step) {
        let mut steps = self.steps.borrow_mut();
        let same = |known: &Step| match (known, &step) {
            (
                Step::Variable { name, value, .. },
                Step::Variable {
                    name: other,
                    value: new,
                    varies,
                },
            ) => name == other && (value == new || *varies),
            _ => false,
        };
        if !steps.iter().any(same) {
            steps.push(step);
        }
    }
}

fn builtin_name(builtin: Builtin) -> &'static str {
    let means = |means: &Means| matches!(means, Means::Value(known) if *known == builtin);
    variables()
        .find(|variable| means(&variable.means))
        .map_or("", |variable| variable.name)
}

/// Whether a value is the clock's, chance's, a count's that other requests share, or that of something that did not
/// happen yet.
fn varies(var: &Var) -> bool {
    match var {
        Var::UpstreamHttp(_) | Var::UpstreamCookie(_) | Var::SentHttp(_) | Var::SentTrailer(_) => {
            true
        }
        Var::Builtin(builtin) => matches!(
            builtin,
            Builtin::BodyBytesSent
                | Builtin::BytesSent
                | Builtin::Connection
                | Builtin::ConnectionRequests
                | Builtin::ConnectionTime
                | Builtin::DateGmt
                | Builtin::DateLocal
                | Builtin::Msec
                | Builtin::Pid
                | Builtin::Pipe
                | Builtin::RemotePort
                | Builtin::RequestBodyFile
                | Builtin::RequestCompletion
                | Builtin::RequestId
                | Builtin::RequestTime
                | Builtin::Status
                | Builtin::TimeIso8601
                | Builtin::TimeLocal
                | Builtin::UpstreamAddr
                | Builtin::UpstreamBytesReceived
                | Builtin::UpstreamBytesSent
                | Builtin::UpstreamConnectTime
                | Builtin::UpstreamHeaderTime
                | Builtin::UpstreamResponseLength
                | Builtin::UpstreamResponseTime
                | Builtin::UpstreamStatus
        ),
        _ => false,
    }
}

/// Where a directive of the request's configuration stands.
pub fn place(model: &Model, span: Span) -> Place {
    Place {
        file: model.sources.path(span).display().to_string(),
        line: span.line,
        text: model.sources.directive(span),
    }
}

/// Bytes as text; control characters are shown and not obeyed.
pub fn text(bytes: &[u8]) -> String {
    story::lossy(bytes)
}

/// `server`: which was chosen for the host, and why the others were not.
pub fn server_step(r: &Request, how: &How<'_>) -> Step {
    let host = &r.head.host;
    let candidate = |server: &std::sync::Arc<Server>| Candidate {
        name: names(server),
        place: place(&r.model, server.span),
        chosen: server.id == r.server.id,
        reason: String::new(),
    };
    let listen = r.listen();
    // Then nothing is known of a host.
    let unread = r.head.bad.is_some() && r.uri.is_empty();
    let mut candidates: Vec<Candidate> = Vec::new();
    for server in listen.iter().flat_map(|listen| &listen.servers) {
        let mut candidate = candidate(server);
        candidate.reason = match listen {
            Some(_) if candidate.chosen && unread => {
                "the request line is refused: this is the default server of the address".to_owned()
            }
            Some(_) if unread => "it is not the default server".to_owned(),
            Some(_) if candidate.chosen => chosen_server(how, host),
            Some(listen) => lost_server(listen, server, how, host),
            None => String::new(),
        };
        candidates.push(candidate);
    }
    Step::Server {
        address: story::address(listen),
        host: text(host),
        candidates,
    }
}

fn names(server: &Server) -> String {
    let names: Vec<&str> = server
        .names
        .iter()
        .map(|name| if name.is_empty() { "\"\"" } else { name })
        .collect();
    format!("server_name {}", names.join(" "))
}

fn chosen_server(how: &How<'_>, host: &[u8]) -> String {
    let host = text(host);
    match how {
        How::Exact => format!("its name is the host \"{host}\""),
        How::Leading(suffix) => format!("\"*{}\" matches the host \"{host}\"", text(suffix)),
        How::Trailing(prefix) => format!("\"{}*\" matches the host \"{host}\"", text(prefix)),
        How::Regex(matched) => {
            let pattern = &matched.regex.pattern;
            format!("the pattern \"{pattern}\" matches the host \"{host}\"")
        }
        How::Default if host.is_empty() => {
            "the request names no host: this is the default server of the address".to_owned()
        }
        How::Default => {
            format!(
                "no name matches the host \"{host}\": this is the default server of the address"
            )
        }
        How::Failed(_) => "a pattern could not be matched: this is the default server".to_owned(),
    }
}

/// Why a server lost: none of its names matches, or one does but another kind of name goes first.
fn lost_server(
    listen: &crate::config::model::Listen,
    server: &Server,
    how: &How<'_>,
    host: &bytes::Bytes,
) -> String {
    let is = |other: &Server| other.id == server.id;
    let names = &listen.names;
    let wildcard = names
        .leading
        .iter()
        .any(|(suffix, of)| is(of) && choose::ends_with_name(host, suffix))
        || names
            .trailing
            .iter()
            .any(|(prefix, of)| is(of) && choose::begins_with_name(host, prefix));
    let pattern = names.regexes.iter().any(|(_, of)| is(of));
    match how {
        How::Exact if wildcard => "a wildcard matches, but an exact name goes first".to_owned(),
        How::Leading(_) | How::Trailing(_) if wildcard => {
            "a wildcard matches too, but the other one goes first".to_owned()
        }
        How::Exact | How::Leading(_) | How::Trailing(_) if pattern => {
            "its patterns are not tried: names without one go first".to_owned()
        }
        How::Regex(_) if pattern => "its pattern does not match, or stands further down".to_owned(),
        How::Default => "none of its names matches, and it is not the default server".to_owned(),
        _ => "none of its names matches".to_owned(),
    }
}

/// How the URI was understood.
pub fn uri_step(r: &Request) -> Step {
    let raw = &r.head.raw;
    Step::Uri {
        received: text(r.head.unparsed_uri.of(raw)),
        uri: text(&r.uri),
        args: text(&r.args),
    }
}

/// The peer that would be asked, and its fellows.
pub fn peer_step(r: &Request, upstream: &Upstream, chosen: usize) -> Step {
    let others = upstream
        .peers
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != chosen);
    let candidate = |peer: &Peer| Candidate {
        name: peer.name.clone(),
        place: place(&r.model, peer.span),
        chosen: false,
        reason: match (peer.down, peer.backup) {
            (true, _) => "marked `down`".to_owned(),
            (_, true) => "a `backup`: only where no other answers".to_owned(),
            _ => format!("{TURN} (weight {}), or where this one fails", peer.weight),
        },
    };
    Step::Peer {
        upstream: upstream.name.clone(),
        address: upstream
            .peers
            .get(chosen)
            .map(|peer| peer.name.clone())
            .unwrap_or_default(),
        others: others.map(|(_, peer)| candidate(peer)).collect(),
    }
}

/// The end of the way: what the location adds to the answer, and what it lost of the levels around it.
pub fn end_step(r: &Request) -> Step {
    let model = &r.model;
    let location: &Location = &r.location;
    Step::End {
        status: r.status.get(),
        location: story::location_name(location),
        place: place(model, location.span),
        adds: location
            .core
            .add_headers
            .iter()
            .map(|header| place(model, header.span))
            .collect(),
        lost: location
            .lost
            .iter()
            .map(|lost| Lost {
                directive: place(model, lost.span),
                by: place(model, lost.by),
            })
            .collect(),
    }
}
