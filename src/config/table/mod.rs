//! The table of directives: nginx's language as data.
//!
//! Every directive of the modules that Debian's nginx 1.22.1 has built in is a row, in the order of nginx's modules.
//! Adding a directive to Proxy Lab is changing its row's status and naming the function that understands it.

mod core;
mod filters;
mod gateways;
mod grpc;
mod http_core;
mod memcached;
mod modules;
mod proxy;
mod ssl;
mod upstream;

use std::collections::HashMap;
use std::sync::OnceLock;

use super::analyse::{Analyser, Outcome};
use super::parser::Directive;

/// Where a directive may stand: a set of contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contexts(pub u16);

impl Contexts {
    pub const MAIN: Self = Self(1);
    pub const EVENTS: Self = Self(2);
    pub const HTTP: Self = Self(4);
    pub const SRV: Self = Self(8);
    pub const LOC: Self = Self(16);
    pub const UPS: Self = Self(32);
    /// `if` in a server.
    pub const SIF: Self = Self(64);
    /// `if` in a location.
    pub const LIF: Self = Self(128);
    /// `limit_except`.
    pub const LMT: Self = Self(256);

    const NAMES: [(Self, &str); 9] = [
        (Self::MAIN, "main"),
        (Self::EVENTS, "events"),
        (Self::HTTP, "http"),
        (Self::SRV, "server"),
        (Self::LOC, "location"),
        (Self::UPS, "upstream"),
        (Self::SIF, "if in server"),
        (Self::LIF, "if in location"),
        (Self::LMT, "limit_except"),
    ];

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// In the words of nginx's documentation.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(context, _)| self.contains(*context))
            .map(|(_, name)| *name)
    }
}

impl std::ops::BitOr for Contexts {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How many arguments a directive takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Bit N is set where N arguments are right.
    OneOf(u8),
    AtLeast(usize),
}

impl Arity {
    pub fn accepts(self, count: usize) -> bool {
        match self {
            Self::OneOf(bits) => count < 8 && bits >> count & 1 == 1,
            Self::AtLeast(least) => count >= least,
        }
    }

    /// "one argument", "1 or 2 arguments", "at least 2 arguments".
    pub fn describe(self) -> String {
        match self {
            Self::AtLeast(1) => "at least one argument".into(),
            Self::AtLeast(least) => format!("at least {least} arguments"),
            Self::OneOf(1) => "no argument".into(),
            Self::OneOf(2) => "one argument".into(),
            Self::OneOf(bits) => {
                let counts: Vec<_> = (0..8)
                    .filter(|n| bits >> n & 1 == 1)
                    .map(|n| n.to_string())
                    .collect();
                match counts.split_last() {
                    Some((last, rest)) if !rest.is_empty() => {
                        format!("{} or {last} arguments", rest.join(", "))
                    }
                    _ => format!("{} arguments", counts.concat()),
                }
            }
        }
    }
}

/// What the arguments of a directive are; all but `Custom` are read by one generic function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `on` or `off`.
    Flag,
    Text,
    /// One text; lines add up.
    Texts,
    /// A name and a value; lines add up.
    Pairs,
    Number,
    /// A number between two bounds.
    Bounded(u64, u64),
    Size,
    Offset,
    Msec,
    Sec,
    /// A number and a size.
    Buffers,
    /// One word of a list.
    Enum(&'static [&'static str]),
    /// Words of a list; lines add up.
    Mask(&'static [&'static str]),
    /// A path and up to three levels.
    Path,
    /// A text with variables.
    Template,
    /// A size with variables.
    TemplateSize,
    /// Texts with variables; lines add up.
    Templates,
    /// Read by a function of its own.
    Custom,
}

/// A function that understands a directive whose arguments are `Custom`, or that does more than keep a value.
pub type Analyse = fn(&mut Analyser, &Directive) -> Outcome;

/// How much of a directive Proxy Lab has.
#[derive(Clone, Copy)]
pub enum Status {
    /// Does what nginx's does: its value is kept by the generic reader …
    Value,
    /// … or read by a function.
    Done(Analyse),
    /// Checked; it changes no answer of nginx's either: what it tunes is inside, or nobody's business but the system's.
    Accepted,
    /// Accepted, with a check of its own.
    AcceptedBy(Analyse),
    /// nginx has it, Proxy Lab has not: an error.
    Refused,
}

/// A directive.
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    /// nginx's name of the module.
    pub module: &'static str,
    pub contexts: Contexts,
    pub arity: Arity,
    pub block: bool,
    pub kind: Kind,
    /// As it would be written.
    pub default: Option<&'static str>,
    pub status: Status,
    /// What the lab does otherwise than nginx, in a sentence.
    pub differs: Option<&'static str>,
}

impl Row {
    const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    const fn block(mut self) -> Self {
        self.block = true;
        self
    }

    const fn value(mut self) -> Self {
        self.status = Status::Value;
        self
    }

    const fn done(mut self, analyse: Analyse) -> Self {
        self.status = Status::Done(analyse);
        self
    }

    const fn differs(mut self, text: &'static str) -> Self {
        self.differs = Some(text);
        self
    }

    const fn accepted(mut self) -> Self {
        self.status = Status::Accepted;
        self
    }

    const fn accepted_by(mut self, analyse: Analyse) -> Self {
        self.status = Status::AcceptedBy(analyse);
        self
    }

    /// Whether a second line in the same block is right (`Custom` ones decide for themselves).
    pub fn repeats(&self) -> bool {
        matches!(
            self.kind,
            Kind::Custom | Kind::Texts | Kind::Pairs | Kind::Mask(_) | Kind::Templates
        )
    }
}

pub const fn row(name: &'static str, contexts: u16, arity: Arity, kind: Kind) -> Row {
    Row {
        name,
        module: "",
        contexts: Contexts(contexts),
        arity,
        block: false,
        kind,
        default: None,
        status: Status::Refused,
        differs: None,
    }
}

/// What the tables of the modules are written with.
mod prelude {
    pub use super::Kind::{
        Bounded, Buffers, Custom, Enum, Flag, Mask, Msec, Number, Offset, Pairs, Path, Sec, Size,
        Template, TemplateSize, Templates, Text, Texts,
    };
    pub use super::{Arity, Module, row};

    pub const MAIN: u16 = 1;
    pub const EVENTS: u16 = 2;
    pub const HTTP: u16 = 4;
    pub const SRV: u16 = 8;
    pub const LOC: u16 = 16;
    pub const UPS: u16 = 32;
    pub const SIF: u16 = 64;
    pub const LIF: u16 = 128;
    pub const LMT: u16 = 256;
    /// What `…_ignore_headers` may name.
    pub const FIELDS_OF_UPSTREAMS: &[&str] = &[
        "X-Accel-Redirect",
        "X-Accel-Expires",
        "X-Accel-Limit-Rate",
        "X-Accel-Buffering",
        "X-Accel-Charset",
        "Expires",
        "Cache-Control",
        "Set-Cookie",
        "Vary",
    ];
    /// What `…_ssl_protocols` may name.
    pub const PROTOCOLS: &[&str] = &["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

    /// The usual three levels.
    pub const ALL: u16 = HTTP | SRV | LOC;

    pub const NONE: Arity = Arity::OneOf(1);
    pub const ONE: Arity = Arity::OneOf(2);
    pub const TWO: Arity = Arity::OneOf(4);
    pub const THREE: Arity = Arity::OneOf(8);
    pub const ONE_TWO: Arity = Arity::OneOf(6);
    pub const TWO_THREE: Arity = Arity::OneOf(12);
    pub const UP_TO_ONE: Arity = Arity::OneOf(3);
    pub const UP_TO_TWO: Arity = Arity::OneOf(7);
    pub const ONE_TO_THREE: Arity = Arity::OneOf(14);
    pub const ONE_TO_FOUR: Arity = Arity::OneOf(30);
    pub const SOME: Arity = Arity::AtLeast(1);
    pub const TWO_MORE: Arity = Arity::AtLeast(2);
}

/// A module's name and rows.
pub type Module = (&'static str, &'static [Row]);

/// Every module, in the order of Debian's build: where a name stands in two, the first that fits the context wins.
const MODULES: &[&[Module]] = &[
    core::MODULES,
    http_core::MODULES,
    modules::MODULES,
    ssl::MODULES,
    proxy::MODULES,
    gateways::MODULES,
    grpc::MODULES,
    memcached::MODULES,
    upstream::MODULES,
    filters::MODULES,
];

/// Every row, with its module's name.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let modules = MODULES.iter().copied().flatten();
        modules
            .flat_map(|(module, rows)| rows.iter().map(|row| Row { module, ..*row }))
            .collect()
    })
}

/// The rows of a name: one for each module that has it.
pub fn find(name: &[u8]) -> &'static [&'static Row] {
    static INDEX: OnceLock<HashMap<&'static [u8], Vec<&'static Row>>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        let mut index: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows() {
            index.entry(row.name.as_bytes()).or_default().push(row);
        }
        index
    });
    index.get(name).map_or(&[], Vec::as_slice)
}
