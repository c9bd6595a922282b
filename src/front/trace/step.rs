//! The steps themselves: what happened and why, as data for people and for JSON.

use serde::Serialize;

use crate::config::model::FileTest;

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
