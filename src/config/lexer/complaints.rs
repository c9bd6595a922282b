//! What is wrong with a text's words, where nginx would stop, and what to do about it.

use crate::config::diagnostics::Diagnostic;
use crate::config::source::Span;
use crate::config::written;

use super::{Lexer, Quote, Run, Start, State, Stop, Word};

impl Lexer<'_> {
    /// Notes an error at the place where nginx would have stopped: here.
    fn fail(&mut self, found: Diagnostic) {
        let pos = u32::try_from(self.pos).unwrap_or(u32::MAX);
        self.errors.push(found.met_at(pos));
    }

    pub(super) fn unexpected(&mut self, ch: u8, span: Span) {
        let mut found = Diagnostic::emerg(format!("unexpected \"{}\"", char::from(ch)))
            .at(span)
            .line(span);
        found = if ch == b';' {
            found
                .label("no directive stands before this `;`")
                .help("remove it: `;` ends a directive, and a block needs none after its `}`")
        } else {
            found
                .label("no directive stands before this `{`")
                .help("a block begins with its name: `server {`, `location / {`")
        };
        self.fail(found);
    }

    pub(super) fn no_space(&mut self, ch: u8, here: Start, word: Option<&Word>) {
        let here = self.span(here);
        let mut found = Diagnostic::emerg(format!("unexpected \"{}\"", written::shown(&[ch])))
            .at(here)
            .line(here)
            .label("expected a space, `;` or `{` after the closing quote");
        if let Some(word) = word {
            found = found.note(word.span, "the quoted text ends just before");
            if self.lines_of(word.span) > 1 {
                found = found.help(format!(
                    "the text that opens in line {} runs over several lines: is its closing quote missing?",
                    word.span.line
                ));
            } else {
                found = found
                    .help("quote the whole argument, or none of it: `\"a b\"c` is not one word");
            }
        }
        self.fail(found);
    }

    fn lines_of(&self, span: Span) -> usize {
        let text = self.text.get(span.start as usize..span.end as usize);
        1 + text
            .unwrap_or_default()
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
    }

    pub(super) fn missing_semicolon(&mut self, span: Span, words: &[Word]) {
        let mut found = Diagnostic::emerg("unexpected \"}\"").at(span).line(span);
        if let (Some(first), Some(last)) = (words.first(), words.last()) {
            let end = Span {
                start: last.span.end.saturating_sub(1),
                ..last.span
            };
            found = found
                .label("expected `;` before this `}`")
                .note(
                    self.after(end),
                    format!("`{}` is not ended here", first.text()),
                )
                .help(if self.line_at(last.span.end) == span.line {
                    format!("add `;` behind `{}`", last.text())
                } else {
                    format!("add `;` at the end of line {}", self.line_at(last.span.end))
                });
        }
        // nginx never comes to the directive: this is before all that is wrong with it.
        self.errors.push(found.met_at(span.start));
    }

    /// The place of one byte after a span's last.
    fn after(&self, span: Span) -> Span {
        let pos = span.end as usize;
        let line_start = self.text.get(..pos).unwrap_or_default();
        let line_start = line_start
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |n| n + 1);
        let from = Start {
            pos,
            line: self.line_at(span.end),
            line_start,
        };
        self.span_to(from, pos + 1)
    }

    fn line_at(&self, pos: u32) -> u32 {
        let before = self.text.get(..pos as usize).unwrap_or_default();
        1 + u32::try_from(before.iter().filter(|&&b| b == b'\n').count()).unwrap_or(u32::MAX)
    }

    /// The file ends, in the middle of a directive or not.
    pub(super) fn end_of_file(&mut self, run: Run) -> (Vec<Word>, Stop) {
        let Run {
            mut words,
            state,
            start,
            ..
        } = run;
        let here = self.here();
        let end = self.span(here);
        if words.is_empty() && !matches!(state, State::Word(_)) {
            return (words, Stop::Eof(end));
        }
        let message = if self.command_line {
            "unexpected end of parameter, expecting \";\""
        } else {
            "unexpected end of file, expecting \";\" or \"}\""
        };
        let mut found = Diagnostic::emerg(message).at(end).line(end);
        match state {
            State::Word(quote @ (Quote::Single | Quote::Double)) => {
                let open = Start {
                    pos: start.pos.saturating_sub(1),
                    ..start
                };
                let open = self.span_to(open, start.pos);
                found = found
                    .at(open)
                    .label("this quote is never closed")
                    .help(format!(
                        "add the closing {} in line {}",
                        quote_mark(quote),
                        open.line
                    ));
            }
            State::Word(Quote::Bare) => words.push(self.word(start, self.pos, Quote::Bare)),
            _ => {}
        }
        if let Some(first) = words.first().filter(|_| found.label.is_empty()) {
            found = found
                .at(first.span)
                .label("this directive is not ended")
                .help("add `;` after its last argument");
        }
        self.fail(found);
        (Vec::new(), Stop::Eof(end))
    }

    /// A word or a comment does not fit in nginx's buffer: it reads no further.
    pub(super) fn too_long(&mut self, run: &Run) -> (Vec<Word>, Stop) {
        let (state, start) = (run.state, run.start);
        let span = self.span_to(start, start.pos + 1);
        let found = match state {
            State::Word(quote @ (Quote::Single | Quote::Double)) => Diagnostic::emerg(format!(
                "too long parameter, probably missing terminating \"{}\" character",
                quote_mark(quote).trim_matches('`')
            ))
            .label("the text that begins here does not end within 4096 bytes"),
            _ => {
                let head = self.text.get(start.pos..start.pos + 10).unwrap_or_default();
                let head = written::shown(head);
                Diagnostic::emerg(format!("too long parameter \"{head}...\" started"))
                    .label("a word or a comment must fit in 4096 bytes")
            }
        };
        self.fail(found.at(span).line(span));
        self.pos = self.text.len();
        let end = self.here();
        (Vec::new(), Stop::Eof(self.span(end)))
    }
}

fn quote_mark(quote: Quote) -> &'static str {
    match quote {
        Quote::Single => "`'`",
        _ => "`\"`",
    }
}
