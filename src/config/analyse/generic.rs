//! The values that most directives have: flags, numbers, sizes, times, words of a list.

use std::time::Duration;

use super::{Analyser, Outcome, bad, duplicate, emerg, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::source::Span;
use crate::config::table::{Kind, Row};
use crate::config::template::Template;
use crate::config::values;

/// A directive's value, by the kind of its row.
#[derive(Debug, Clone)]
pub enum Value {
    Flag(bool),
    Number(u64),
    Time(Duration),
    Text(Word),
    /// A folder, and how many characters each level of folders in it takes of a file's name.
    Path(Word, Vec<usize>),
    Texts(Vec<Word>),
    Pairs(Vec<(Word, Word, Directive)>),
    Buffers(u64, u64),
    Enum(&'static str),
    Mask(Vec<&'static str>),
    Template(Template),
    /// Of a `Custom` kind that is only accepted.
    Seen,
}

/// A value with its place.
#[derive(Debug, Clone)]
pub struct Set {
    pub value: Value,
    pub span: Span,
    pub end: Span,
}

impl Analyser {
    /// Reads a directive's arguments by its row's kind and keeps the value in the block.
    pub(super) fn keep(&mut self, row: &'static Row, directive: &Directive) -> Outcome {
        let before = self.frame().level.values.get(row.name);
        if let Some(before) = before.filter(|_| !row.repeats()) {
            return Err(duplicate(directive, Some(before.span)));
        }
        let before = before.map(|set| set.value.clone());
        let value = self.read(row, directive, before)?;
        let set = Set {
            value,
            span: directive.name.span,
            end: directive.end,
        };
        self.frame().level.values.insert(row.name, set);
        Ok(())
    }

    fn read(
        &mut self,
        row: &Row,
        directive: &Directive,
        before: Option<Value>,
    ) -> Result<Value, Diagnostic> {
        let word = directive.arg();
        let text = &word.value;
        Ok(match row.kind {
            Kind::Flag => Value::Flag(flag(directive)?),
            Kind::Text => Value::Text(word.clone()),
            Kind::Path => Value::Path(word.clone(), levels(directive)?),
            Kind::Texts => {
                let mut all = match before {
                    Some(Value::Texts(all)) => all,
                    _ => Vec::new(),
                };
                all.push(word.clone());
                Value::Texts(all)
            }
            Kind::Pairs => {
                let mut all = match before {
                    Some(Value::Pairs(all)) => all,
                    _ => Vec::new(),
                };
                all.extend(pair(directive));
                Value::Pairs(all)
            }
            Kind::Number => Value::Number(number(directive)?),
            Kind::Bounded(low, high) => {
                let value = number(directive)?;
                if !(low..=high).contains(&value) {
                    let message = format!("value must be between {low} and {high}");
                    return Err(emerg(directive, message).at(word.span));
                }
                Value::Number(value)
            }
            Kind::Size => Value::Number(values::size(text).ok_or_else(|| bad_size(directive))?),
            Kind::Offset => Value::Number(values::offset(text).ok_or_else(|| bad_size(directive))?),
            Kind::Msec => Value::Time(values::msec(text).ok_or_else(|| bad_time(directive))?),
            Kind::Sec => Value::Time(values::sec(text).ok_or_else(|| bad_time(directive))?),
            Kind::Buffers => buffers(directive)?,
            Kind::Enum(words) => Value::Enum(one_of(directive, word, words)?),
            Kind::Mask(words) => {
                let all = match before {
                    Some(Value::Mask(all)) => all,
                    _ => Vec::new(),
                };
                Value::Mask(self.mask(directive, words, all)?)
            }
            Kind::Template => Value::Template(self.template(directive, word)?),
            Kind::TemplateSize => {
                let template = self.template(directive, word)?;
                if template.as_literal().is_some() {
                    values::size(text).ok_or_else(|| bad_size(directive))?;
                }
                Value::Template(template)
            }
            Kind::Templates => {
                for word in &directive.args {
                    self.template(directive, word)?;
                }
                Value::Seen
            }
            Kind::Custom => Value::Seen,
        })
    }

    /// Adds a line's words to those before; one that is there already is only warned of.
    fn mask(
        &mut self,
        directive: &Directive,
        words: &'static [&'static str],
        mut all: Vec<&'static str>,
    ) -> Result<Vec<&'static str>, Diagnostic> {
        for word in &directive.args {
            let value = one_of(directive, word, words)?;
            if all.contains(&value) {
                let message = format!("duplicate value \"{}\"", word.text());
                let found = warn(directive, message).at(word.span);
                self.report(found, directive.end);
            } else {
                all.push(value);
            }
        }
        Ok(all)
    }
}

/// The levels of folders behind a path.
fn levels(directive: &Directive) -> Result<Vec<usize>, Diagnostic> {
    let level = |word: &Word| {
        let number = values::number(&word.value).and_then(|n| usize::try_from(n).ok());
        number
            .filter(|&n| n > 0)
            .ok_or_else(|| invalid(directive, word, "a level is a digit from 1 to 9"))
    };
    directive.args.iter().skip(1).map(level).collect()
}

/// Two words, with the place of their line.
fn pair(directive: &Directive) -> Option<(Word, Word, Directive)> {
    let [name, value, ..] = &*directive.args else {
        return None;
    };
    let place = Directive {
        args: Vec::new(),
        block: None,
        ..directive.clone()
    };
    Some((name.clone(), value.clone(), place))
}

/// A number and a size, both above 0.
fn buffers(directive: &Directive) -> Result<Value, Diagnostic> {
    let [count, size, ..] = &*directive.args else {
        return Ok(Value::Seen);
    };
    let above_zero = |n: Option<u64>| n.filter(|&n| n > 0).ok_or_else(|| bad_buffers(directive));
    let count = above_zero(values::number(&count.value))?;
    let size = above_zero(values::size(&size.value))?;
    Ok(Value::Buffers(count, size))
}

/// The value that a row has where no line gives one.
pub fn default_of(row: &Row) -> Option<Value> {
    let text = row.default?;
    let mut words = text.split(' ');
    let first = words.next()?.as_bytes();
    Some(match row.kind {
        Kind::Flag => Value::Flag(first == b"on"),
        Kind::Number | Kind::Bounded(..) => Value::Number(values::number(first)?),
        Kind::Size => Value::Number(values::size(first)?),
        Kind::Offset => Value::Number(values::offset(first)?),
        Kind::Msec => Value::Time(values::msec(first)?),
        Kind::Sec => Value::Time(values::sec(first)?),
        Kind::Buffers => Value::Buffers(
            values::number(first)?,
            values::size(words.next()?.as_bytes())?,
        ),
        Kind::Enum(known) => Value::Enum(known.iter().find(|word| word.as_bytes() == first)?),
        Kind::Mask(known) => {
            let find = |text: &str| known.iter().find(|word| **word == text).copied();
            Value::Mask(text.split(' ').filter_map(find).collect())
        }
        _ => return None,
    })
}

/// `on` or `off`, whatever the case.
pub fn flag(directive: &Directive) -> Result<bool, Diagnostic> {
    let word = directive.arg();
    if word.value.eq_ignore_ascii_case(b"on") {
        return Ok(true);
    }
    if word.value.eq_ignore_ascii_case(b"off") {
        return Ok(false);
    }
    Err(emerg(
        directive,
        format!(
            "invalid value \"{}\" in \"{}\" directive, it must be \"on\" or \"off\"",
            word.c_text(),
            directive.name.text()
        ),
    )
    .at(word.span)
    .label("expected `on` or `off`"))
}

fn number(directive: &Directive) -> Result<u64, Diagnostic> {
    let word = directive.arg();
    values::number(&word.value).ok_or_else(|| {
        bad(directive, "invalid number")
            .at(word.span)
            .label("expected a whole number")
    })
}

/// nginx's `"NAME" directive invalid value`, with what was expected.
pub fn invalid(directive: &Directive, word: &Word, expected: &str) -> Diagnostic {
    bad(directive, "invalid value")
        .at(word.span)
        .label(expected)
}

fn bad_size(directive: &Directive) -> Diagnostic {
    invalid(
        directive,
        directive.arg(),
        "expected a size: a whole number, with `k` or `m` if need be (`8k`, `1m`)",
    )
}

pub fn bad_time(directive: &Directive) -> Diagnostic {
    invalid(
        directive,
        directive.arg(),
        "expected a time: `30`, `30s`, `500ms`, `5m`, `1h 30m`, `1d`",
    )
}

fn bad_buffers(directive: &Directive) -> Diagnostic {
    invalid(
        directive,
        directive.arg(),
        "expected a number of buffers and the size of each (`8 4k`)",
    )
}

pub(super) fn one_of(
    directive: &Directive,
    word: &Word,
    words: &[&'static str],
) -> Result<&'static str, Diagnostic> {
    if let Some(known) = words
        .iter()
        .find(|known| word.value.eq_ignore_ascii_case(known.as_bytes()))
    {
        return Ok(known);
    }
    let found = emerg(directive, format!("invalid value \"{}\"", word.c_text()))
        .at(word.span)
        .label(format!("expected one of: {}", words.join(", ")));
    Err(found.did_you_mean(nearest(&word.text(), words.iter().copied())))
}
