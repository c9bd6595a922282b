//! Values with variables: split at load time, each name resolved, unknown ones reported with their place.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::refusal::not_implemented;
use super::{Analyser, emerg};
use crate::config::diagnostics::{Diagnostic, Order};
use crate::config::lexer::{Quote, Word};
use crate::config::model::{SetTarget, SlotSource, SlotVariable};
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::source::Span;
use crate::config::template::{Part, Template};
use crate::config::variables::{self, Known, Var};
use crate::config::written;

/// The variables that a file makes, and those it only uses so far.
#[derive(Default)]
pub struct Variables {
    slots: Vec<Slot>,
    by_name: HashMap<String, u16>,
    /// nginx's own variables that were used as such.
    used: HashSet<String>,
    /// Those of them that the file makes its own further down.
    made_late: HashSet<String>,
    /// The same, where an earlier reading of the file found them.
    known_late: HashSet<String>,
}

struct Slot {
    name: String,
    /// What gives it a value.
    source: Option<SlotSource>,
    /// Its first use.
    used: Option<Span>,
}

impl Variables {
    /// The slot of a variable that a directive makes; names count without case. A `set` leaves what another directive
    /// has made of it.
    pub fn define(&mut self, name: &str, source: SlotSource) -> u16 {
        let index = self.slot(name, None);
        let lower = name.to_ascii_lowercase();
        if self.used.contains(&lower) {
            self.made_late.insert(lower);
        }
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            let weak = matches!(source, SlotSource::Set | SlotSource::Nginx(_));
            slot.source = slot.source.take().filter(|_| weak).or(Some(source));
        }
        index
    }

    /// What a block was read for takes the place of what announced it.
    pub fn replace(&mut self, target: SetTarget, source: SlotSource) {
        if let SetTarget::Slot(index) = target
            && let Some(slot) = self.slots.get_mut(usize::from(index))
        {
            slot.source = Some(source);
        }
    }

    /// The slot of a name that the file has made so far.
    pub fn defined(&self, name: &str) -> Option<u16> {
        let index = *self.by_name.get(name)?;
        let slot = self.slots.get(usize::from(index))?;
        slot.source.as_ref().map(|_| index)
    }

    /// A reading that knows that these names are the file's own, wherever they are used.
    pub fn knowing(names: HashSet<String>) -> Self {
        Self {
            known_late: names,
            ..Self::default()
        }
    }

    /// Names that were taken for nginx's above the line that makes them the file's own: nginx resolves names at the end.
    pub fn made_late(&self) -> &HashSet<String> {
        &self.made_late
    }

    fn slot(&mut self, name: &str, used: Option<Span>) -> u16 {
        let name = name.to_ascii_lowercase();
        if let Some(&index) = self.by_name.get(&name) {
            return index;
        }
        let index = u16::try_from(self.slots.len()).unwrap_or(u16::MAX);
        self.by_name.insert(name.clone(), index);
        self.slots.push(Slot {
            name,
            source: None,
            used,
        });
        index
    }

    /// The names of those that the file makes.
    pub fn made(&self) -> Vec<String> {
        let made = self.slots.iter().filter(|slot| slot.source.is_some());
        made.map(|slot| slot.name.clone()).collect()
    }

    /// The variables, by slot.
    pub fn finish(self) -> Vec<SlotVariable> {
        let variable = |slot: Slot| SlotVariable {
            name: slot.name,
            source: slot.source.unwrap_or(SlotSource::Set),
        };
        self.slots.into_iter().map(variable).collect()
    }

    /// One finding for each name that nothing defines, in the order of first use, as nginx meets them: after all else.
    pub fn unknown(&self) -> Vec<Diagnostic> {
        let unknown = self.slots.iter().filter(|slot| slot.source.is_none());
        unknown
            .map(|slot| {
                let mut found = Diagnostic::emerg(format!("unknown \"{}\" variable", slot.name));
                found.span = slot.used;
                found = found.label("nothing gives this variable a value");
                let own = self
                    .slots
                    .iter()
                    .filter(|slot| slot.source.is_some())
                    .map(|slot| &*slot.name);
                match nearest(&slot.name, own.chain(variables::names())) {
                    Some(guess) => found.help(format!("did you mean `${guess}`?")),
                    None => found,
                }
            })
            .collect()
    }
}

/// A piece of a word: where it begins in the word's value.
#[derive(Clone, Copy)]
pub struct Piece<'a> {
    pub word: &'a Word,
    pub from: usize,
    pub to: usize,
}

impl<'a> Piece<'a> {
    pub fn whole(word: &'a Word) -> Self {
        Self {
            word,
            from: 0,
            to: word.value.len(),
        }
    }

    pub fn from(word: &'a Word, from: usize) -> Self {
        Self {
            word,
            from: from.min(word.value.len()),
            to: word.value.len(),
        }
    }

    pub fn bytes(&self) -> Bytes {
        self.word.value.slice(self.from..self.to)
    }

    /// The place of a part of the value; of the whole word where escapes have moved it.
    pub fn span(&self, from: usize, to: usize) -> Span {
        let word = self.word.span;
        let quotes = if self.word.quote == Quote::Bare { 0 } else { 1 };
        let written = (word.end - word.start) as usize;
        if written != self.word.value.len() + 2 * quotes || self.word.value[..to].contains(&b'\n') {
            return word;
        }
        let before = String::from_utf8_lossy(&self.word.value[..from])
            .chars()
            .count();
        let number = |n: usize| u32::try_from(n).unwrap_or_default();
        Span {
            column: word.column + number(quotes + before),
            start: word.start + number(quotes + from),
            end: word.start + number(quotes + to),
            ..word
        }
    }
}

impl Analyser {
    /// Compiles a whole word; `$1` to `$9` are captures.
    pub fn template(&mut self, directive: &Directive, word: &Word) -> Result<Template, Diagnostic> {
        self.compile(directive, Piece::whole(word), true)
    }

    /// Compiles a piece of a word.
    pub fn compile(
        &mut self,
        directive: &Directive,
        piece: Piece<'_>,
        captures: bool,
    ) -> Result<Template, Diagnostic> {
        let text = &piece.word.value;
        let mut parts: Vec<Part> = Vec::new();
        let mut at = piece.from;
        while at < piece.to {
            if text[at] != b'$' {
                let end = text[at..piece.to]
                    .iter()
                    .position(|&b| b == b'$')
                    .map_or(piece.to, |n| at + n);
                parts.push(Part::Literal(text.slice(at..end)));
                at = end;
                continue;
            }
            let dollar = at;
            at += 1;
            if let Some(digit @ b'1'..=b'9') =
                text[..piece.to].get(at).copied().filter(|_| captures)
            {
                parts.push(Part::Capture(digit - b'0'));
                at += 1;
                continue;
            }
            let braced = text[..piece.to].get(at) == Some(&b'{');
            let start = at + usize::from(braced);
            let name_of = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
            let rest = text.get(start..piece.to).unwrap_or_default();
            let end = start + rest.iter().position(|b| !name_of(b)).unwrap_or(rest.len());
            let name = written::shown(text.get(start..end).unwrap_or_default()).into_owned();
            if braced && start < piece.to && text[..piece.to].get(end) != Some(&b'}') {
                return Err(emerg(
                    directive,
                    format!("the closing bracket in \"{name}\" variable is missing"),
                )
                .at(piece.span(dollar, end))
                .label(format!("expected `${{{name}}}`")));
            }
            if name.is_empty() {
                return Err(emerg(directive, "invalid variable name")
                    .at(piece.span(dollar, end))
                    .label("expected a name after `$`: letters, digits and `_`")
                    .help("a `$` cannot be escaped in nginx"));
            }
            at = end + usize::from(braced);
            let var = self.variable(directive, &name, piece.span(dollar, at))?;
            parts.push(Part::Variable(var));
        }
        Ok(Template {
            parts: parts.into(),
        })
    }

    /// What a variable's name stands for.
    pub fn variable(
        &mut self,
        directive: &Directive,
        name: &str,
        span: Span,
    ) -> Result<Var, Diagnostic> {
        let name = name.to_ascii_lowercase();
        if self.variables.known_late.contains(&name) {
            return Ok(Var::Slot(self.variables.slot(&name, Some(span))));
        }
        // The file's own go before nginx's families, such as `$arg_…`.
        if let Some(slot) = self.variables.defined(&name) {
            return Ok(Var::Slot(slot));
        }
        match variables::known(&name) {
            Some(Known::Var(var)) => {
                self.variables.used.insert(name);
                Ok(var)
            }
            Some(Known::Refused) => {
                let what = format!("the variable \"${name}\"");
                Err(not_implemented(directive, span, &what))
            }
            None => Ok(Var::Slot(self.variables.slot(&name, Some(span)))),
        }
    }

    /// The name that was meant where a variable's name ends at a `-`, as a header's would not.
    fn dashed_name(&self, span: Span) -> Option<String> {
        let text = &self.sources.get(span.file)?.text;
        let rest = text.get(span.end as usize..)?;
        let named = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let tail = &rest[..rest.iter().position(|b| !named(b)).unwrap_or(rest.len())];
        let joined =
            tail.first() == Some(&b'-') && tail.get(1).is_some_and(u8::is_ascii_alphabetic);
        let whole = [text.get(span.start as usize..span.end as usize)?, tail].concat();
        joined.then(|| String::from_utf8_lossy(&whole).into_owned())
    }

    /// Reports the variables that nothing defined; `order` is the end of `http`.
    pub fn report_unknown_variables(&mut self, order: &Order) {
        for mut found in self.variables.unknown() {
            if let Some(whole) = found.span.and_then(|span| self.dashed_name(span)) {
                found.help = vec![format!(
                    "a variable's name has no `-`: write `{}`",
                    whole.replace('-', "_")
                )];
            }
            let order = Order {
                rank: super::http::RANK_VARIABLES,
                ..order.clone()
            };
            self.found.push(Diagnostic { order, ..found });
        }
    }
}
