//! Directives to drafts: each is looked up in the table, checked as nginx checks it, and understood by its row's function.
//!
//! Errors do not stop the walk; each remembers where nginx would have met it, so that nginx's first error comes first.

pub mod access;
pub mod browser;
mod builtin;
pub mod chain;
mod condition;
pub mod core;
pub mod files;
pub mod filters;
pub mod frame;
mod generic;
pub mod geo;
pub mod http;
pub mod include;
pub mod listen;
pub mod location;
pub mod log;
pub mod main;
pub mod map;
pub mod modules;
pub mod proxy;
pub mod proxy_cookies;
pub mod referer;
pub mod refusal;
pub mod resolver;
pub mod rewrite;
pub mod server;
pub mod template;
pub mod tls;
pub mod types;
mod unknown;
pub mod upstream;
pub mod userid;

use std::path::PathBuf;

use super::diagnostics::{Diagnostic, Order};
use super::lexer::Word;
use super::model::SlotSource;
use super::parser::Directive;
use super::paths::Paths;
use super::source::{Sources, Span};
use super::table::{self, Contexts, Row, Status};
use frame::{Frame, HttpDraft};
use refusal::not_implemented;

/// What the function of a directive gives: nothing, or why nginx would stop here.
pub type Outcome = Result<(), Diagnostic>;

/// The walk over a configuration, with everything that was understood so far.
pub struct Analyser {
    pub paths: Paths,
    pub sources: Sources,
    pub found: Vec<Diagnostic>,
    pub variables: template::Variables,
    /// Blocks that are open, outermost first.
    pub frames: Vec<Frame>,
    pub http: Option<HttpDraft>,
    /// What is known only after `http` was read whole: its listens, upstreams and logs grow here meanwhile.
    pub shared: frame::Shared,
    /// Files whose `include` is being read, outermost first.
    pub including: Vec<PathBuf>,
    /// Where the walk stands: see [`Order`].
    pub order: Order,
    /// Who answers for upstreams whose names do not resolve.
    pub stub: Option<std::net::SocketAddr>,
}

impl Analyser {
    pub fn new(paths: Paths) -> Self {
        Self {
            paths,
            sources: Sources::default(),
            found: Vec::new(),
            variables: template::Variables::default(),
            frames: vec![Frame::new(Contexts::MAIN)],
            http: None,
            shared: frame::Shared::default(),
            including: Vec::new(),
            order: Order::default(),
            stub: None,
        }
    }

    /// Walks over directives of the innermost open block.
    pub fn walk(&mut self, directives: &[Directive]) {
        for directive in directives {
            self.directive(directive);
        }
    }

    /// Walks over a directive's block in a frame of its own, and gives the frame back.
    pub fn block(&mut self, directive: &Directive, frame: Frame) -> Frame {
        self.frames.push(frame);
        if let Some(block) = &directive.block {
            self.walk(&block.directives);
        }
        self.frames
            .pop()
            .unwrap_or_else(|| Frame::new(Contexts::MAIN))
    }

    /// The innermost open block.
    pub fn frame(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(Contexts::MAIN));
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Keeps a finding; `at` is where nginx meets it, unless the finding knows better.
    pub fn report(&mut self, found: Diagnostic, at: Span) {
        let mut order = self.order_at(at);
        if let (Some(last), [offset]) = (order.path.last_mut(), &found.order.path[..]) {
            *last = *offset;
        }
        self.found.push(Diagnostic { order, ..found });
    }

    /// Keeps a finding about the `number`th file that the line at `at` includes.
    pub fn report_of_file(&mut self, found: Diagnostic, at: Span, number: u32) {
        let mut order = self.order.clone();
        order.enter(at, number);
        self.found.push(Diagnostic { order, ..found });
    }

    pub fn order_at(&self, at: Span) -> Order {
        let mut order = self.order.clone();
        order.path.push(at.start);
        order
    }

    fn directive(&mut self, directive: &Directive) {
        let rows = table::find(&directive.name.value);
        let context = self.frame().context;
        let outcome = match rows.iter().find(|row| row.contexts.contains(context)) {
            Some(row) => self.known(row, directive),
            None if rows.is_empty() => Err(self.unknown_directive(directive)),
            None => Err(self.misplaced(rows, directive)),
        };
        if let Err(found) = outcome {
            let found = match directive.args.iter().find_map(curly_quote) {
                Some(quote) => found.help(format!(
                    "`{quote}` is no quote for nginx: type a straight one, `\"` or `'`"
                )),
                None => found,
            };
            self.report(found, directive.end);
        }
    }

    fn known(&mut self, row: &'static Row, directive: &Directive) -> Outcome {
        let name = directive.name.text();
        if !row.block && directive.block.is_some() {
            return Err(emerg(
                directive,
                format!("directive \"{name}\" is not terminated by \";\""),
            )
            .at(directive.end)
            .label("expected `;`: this directive has no block"));
        }
        if row.block && directive.block.is_none() && self.lacks_its_end(directive) {
            return Ok(());
        }
        if row.block && directive.block.is_none() {
            return Err(emerg(
                directive,
                format!("directive \"{name}\" has no opening \"{{\""),
            )
            .at(directive.end)
            .label("expected `{`: this directive has a block"));
        }
        if !row.arity.accepts(directive.args.len()) {
            let found = self.wrong_arity(row, directive);
            if let (true, Some(_)) = (row.block, &directive.block) {
                // The block is read all the same, for the mistakes in it.
                self.report(found, directive.end);
            } else {
                return Err(found);
            }
        }
        let outcome = match row.status {
            Status::Value => self.keep(row, directive),
            Status::Accepted => self.keep(row, directive),
            Status::Done(analyse) | Status::AcceptedBy(analyse) => analyse(self, directive),
            Status::Refused => self.refused(row, directive),
        };
        outcome.map_err(|found| match unknown::swallowed(directive) {
            Some(swallowed) if found.span == Some(swallowed.word.span) => {
                swallowed.explain(found, directive)
            }
            _ => found,
        })
    }

    /// Whether a `}` stands where a block should begin: that has been said already, and is now said of the block.
    fn lacks_its_end(&mut self, directive: &Directive) -> bool {
        let end = directive.end;
        let is_it = |found: &&mut Diagnostic| found.span == Some(end) && found.is_fatal();
        let Some(found) = self.found.iter_mut().find(is_it) else {
            return false;
        };
        let name = directive.name.text();
        found.label = "expected `{` before this `}`".to_owned();
        found.help = vec![format!(
            "`{name}` has a block: `{{` begins it, `}}` ends it"
        )];
        for note in &mut found.notes {
            note.text = format!("`{name}` has no block here");
        }
        true
    }

    fn refused(&mut self, row: &'static Row, directive: &Directive) -> Outcome {
        self.keep(row, directive)?;
        let written = directive
            .args
            .iter()
            .map(Word::text)
            .collect::<Vec<_>>()
            .join(" ");
        if row.default.is_some_and(|default| default == written) {
            return Ok(());
        }
        self.define_variables_of(directive);
        Err(refusal::of_directive(row, directive))
    }

    /// Variables that a refused directive would make are not reported as unknown on top.
    fn define_variables_of(&mut self, directive: &Directive) {
        let word = match &*directive.name.value {
            b"map" | b"geo" | b"split_clients" => directive.args.last(),
            b"auth_request_set" => directive.args.first(),
            _ => None,
        };
        if let Some(name) = word.and_then(|word| word.value.strip_prefix(b"$")) {
            self.variables
                .define(&String::from_utf8_lossy(name), SlotSource::Set);
        }
    }
}

/// A word processor's quotation mark in a word.
fn curly_quote(word: &Word) -> Option<char> {
    let text = word.text();
    text.chars()
        .find(|c| matches!(c, '“' | '”' | '„' | '‘' | '’'))
}

/// An error with nginx's place: the line where the directive ends; the caret stands at its name.
pub fn emerg(directive: &Directive, message: impl Into<String>) -> Diagnostic {
    Diagnostic::emerg(message)
        .line(directive.end)
        .at(directive.name.span)
}

pub fn warn(directive: &Directive, message: impl Into<String>) -> Diagnostic {
    Diagnostic::warn(message)
        .line(directive.end)
        .at(directive.name.span)
}

/// nginx's `"NAME" directive REASON`.
pub fn bad(directive: &Directive, reason: &str) -> Diagnostic {
    emerg(
        directive,
        format!("\"{}\" directive {reason}", directive.name.text()),
    )
}

/// A second line where one is right.
pub fn duplicate(directive: &Directive, first: Option<Span>) -> Diagnostic {
    let found = bad(directive, "is duplicate").label("given a second time in the same block");
    match first {
        Some(span) => found.note(span, "first given here"),
        None => found,
    }
}

/// nginx's `invalid parameter "X"`.
pub fn invalid_parameter(directive: &Directive, word: &Word) -> Diagnostic {
    emerg(directive, format!("invalid parameter \"{}\"", word.text())).at(word.span)
}
