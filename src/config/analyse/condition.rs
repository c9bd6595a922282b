//! The condition of an `if`: a variable, a comparison, a regex, or a test of a file.

use std::sync::Arc;

use super::template::Piece;
use super::{Analyser, emerg};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{Condition, FileTest};
use crate::config::parser::Directive;
use crate::config::template::{Part, Template};
use crate::config::written;

/// The words between the parentheses: these may stand alone or touch the words.
fn pieces(directive: &Directive) -> Result<Vec<Piece<'_>>, Diagnostic> {
    let mut pieces: Vec<_> = directive.args.iter().map(Piece::whole).collect();
    let Some(last) = pieces.len().checked_sub(1) else {
        return Ok(pieces);
    };
    if directive.arg().value.first() != Some(&b'(') {
        return Err(invalid(directive, pieces[0])
            .label("a condition stands in parentheses")
            .help("write `if ($name = value) {`"));
    }
    let ends = pieces[last].word.value.last() == Some(&b')');
    // A lone `)` that is also the first word was read as `(`.
    if !ends || (last == 0 && pieces[0].word.value.len() < 2) {
        return Err(invalid(directive, pieces[last]).label("the closing `)` is missing"));
    }
    pieces[0].from = 1;
    pieces[last].to -= 1;
    let alone = |piece: &Piece<'_>| piece.word.value.len() == 1;
    if alone(&pieces[last]) {
        pieces.pop();
    }
    if pieces.first().is_some_and(alone) {
        pieces.remove(0);
    }
    Ok(pieces)
}

fn invalid(directive: &Directive, piece: Piece<'_>) -> Diagnostic {
    let bytes = piece.bytes();
    let text = written::shown(&bytes);
    emerg(directive, format!("invalid condition \"{text}\"")).at(piece.word.span)
}

/// Reads the condition of an `if`.
pub fn read(analyser: &mut Analyser, directive: &Directive) -> Result<Condition, Diagnostic> {
    let pieces = pieces(directive)?;
    let Some(&first) = pieces.first().filter(|piece| !piece.bytes().is_empty()) else {
        return Err(emerg(directive, "invalid condition \")\"")
            .at(directive.arg().span)
            .label("an empty condition"));
    };
    let text = first.bytes();
    match &*text {
        [b'$', _, ..] => of_variable(analyser, directive, &pieces),
        [b'-', test] => of_file(analyser, directive, &pieces, *test, false),
        [b'!', b'-', test] => of_file(analyser, directive, &pieces, *test, true),
        _ => Err(invalid(directive, first)
            .label("expected a `$variable`, or one of `-f`, `-d`, `-e`, `-x`")),
    }
}

fn of_variable(
    analyser: &mut Analyser,
    directive: &Directive,
    pieces: &[Piece<'_>],
) -> Result<Condition, Diagnostic> {
    let first = pieces[0];
    let (operator, right) = match pieces {
        [_] => (None, first),
        [_, operator, right] => (Some(*operator), *right),
        _ => {
            return Err(invalid(directive, first)
                .label("expected a variable, an operator and one value")
                .help("there is no `and` and no `or` here; quote a value that has spaces"));
        }
    };
    let name = first.bytes();
    let name = written::shown(&name[1..]).into_owned();
    let var = analyser.variable(directive, &name, first.span(first.from, first.to))?;
    let left = Template {
        parts: Box::new([Part::Variable(var)]),
    };
    let Some(operator) = operator else {
        return Ok(Condition::True(left));
    };
    let sign = operator.bytes();
    match &*sign {
        b"=" | b"!=" => Ok(Condition::Equal {
            left,
            right: analyser.compile(directive, right, true)?,
            negate: &*sign == b"!=",
        }),
        b"~" | b"~*" | b"!~" | b"!~*" => Ok(Condition::Matches {
            subject: left,
            regex: Arc::new(analyser.regex(directive, right, sign.ends_with(b"*"))?),
            negate: sign.starts_with(b"!"),
        }),
        _ => {
            let text = written::shown(&sign);
            let found = emerg(directive, format!("unexpected \"{text}\" in condition"))
                .at(operator.word.span)
                .label("expected `=`, `!=`, `~`, `~*`, `!~` or `!~*`");
            Err(match &*sign {
                b"==" => found.help("nginx compares with a single `=`"),
                _ => found,
            })
        }
    }
}

fn of_file(
    analyser: &mut Analyser,
    directive: &Directive,
    pieces: &[Piece<'_>],
    test: u8,
    negate: bool,
) -> Result<Condition, Diagnostic> {
    let [first, path] = pieces else {
        return Err(invalid(directive, pieces[0]).label("expected one path after the test"));
    };
    let path = analyser.compile(directive, *path, true)?;
    let test = match test {
        b'f' => FileTest::File,
        b'd' => FileTest::Directory,
        b'e' => FileTest::Exists,
        b'x' => FileTest::Executable,
        _ => {
            return Err(invalid(directive, *first).label("expected `-f`, `-d`, `-e` or `-x`"));
        }
    };
    Ok(Condition::File { test, path, negate })
}
