//! Why a request went where it went: the steps that the phases note down while they answer it.
//!
//! The code that serves notes them itself, where it decides; off, which is always but in `explain`, that is one branch a
//! place. What a step shows is text for people and for JSON; it is made here and decides nothing.

use std::cell::{Cell, RefCell};

use crate::config::model::{Location, Model, Peer, Upstream};
use crate::config::source::Span;
use crate::config::variables::Var;

use super::request::Request;
use super::story;

mod location;
mod server;
mod step;
mod variable;

pub use location::LocationSearch;
pub use server::server_step;
pub use step::{Candidate, HeadLine, LeftOut, Lost, Origin, Place, Step, Wanted};

/// How the reason of a peer begins that might as well have been chosen.
pub const TURN: &str = "takes its turn";

/// The steps of one request, in the order in which they happened.
#[derive(Debug, Default)]
pub struct Trace {
    steps: RefCell<Vec<Step>>,
    /// How often a variable was read that is another one each time.
    varied: Cell<u32>,
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
        let varies = by_others || variable::varies(var);
        self.varied.set(self.varied.get() + u32::from(varies));
        self.read(Step::Variable {
            name: variable::name(var, model),
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
