//! Text to words: nginx's rules for spaces, quotes, escapes, `$`, comments and ends of directives.
//!
//! The rules are those of nginx's `ngx_conf_read_token`, as observed: a quote counts only at the beginning of a word,
//! `}` too, `{` after `$` belongs to the word, a backslash protects the next byte wherever it stands.
//! Where nginx would stop, the error is noted and reading goes on, so that all mistakes of a file are seen at once.

use bytes::Bytes;

use super::diagnostics::Diagnostic;
use super::source::Span;
use super::written;

/// nginx reads files through a buffer of this size, and a word must fit in it.
const BUFFER: usize = 4096;

/// How a word was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quote {
    Bare,
    Single,
    Double,
}

/// A word of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// After quotes and escapes were taken away.
    pub value: Bytes,
    pub quote: Quote,
    /// With its quotes.
    pub span: Span,
}

impl Word {
    /// For messages.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        written::shown(&self.value)
    }

    /// For those messages of nginx's that print a text of C: it ends at the first NUL.
    pub fn c_text(&self) -> std::borrow::Cow<'_, str> {
        written::shown(written::before_nul(&self.value))
    }

    pub fn is(&self, text: &str) -> bool {
        self.value == text.as_bytes()
    }
}

/// What ended a run of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Semicolon(Span),
    Open(Span),
    Close(Span),
    /// A `}` came where a `;` was expected; it is still to be read.
    Unterminated(Span),
    Eof(Span),
}

/// Reads one file.
pub struct Lexer<'a> {
    text: &'a [u8],
    file: u16,
    command_line: bool,
    pos: usize,
    line: u32,
    line_start: usize,
    /// What nginx would have stopped at.
    pub errors: Vec<Diagnostic>,
}

/// Where a word begins, and what its bytes were so far.
#[derive(Clone, Copy)]
struct Start {
    pos: usize,
    line: u32,
    line_start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between words.
    Space,
    Comment,
    Word(Quote),
    /// After a closing quote.
    AfterQuote,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8], file: u16, command_line: bool) -> Self {
        Self {
            text,
            file,
            command_line,
            pos: 0,
            line: 1,
            line_start: 0,
            errors: Vec::new(),
        }
    }

    /// Reads the words up to the next `;`, `{`, `}` or the end of the file.
    #[allow(clippy::should_implement_trait)] // a lexer's next word is no iterator's
    pub fn next(&mut self) -> (Vec<Word>, Stop) {
        let mut words: Vec<Word> = Vec::new();
        let mut state = State::Space;
        // What nginx's bound on the length of a word counts from.
        let mut start = self.here();
        let mut escaped = false;
        let mut dollar = false;
        // A quote went wrong: what is left of this directive would only bring errors that follow from that one.
        let mut broken = false;
        loop {
            let Some(&ch) = self.text.get(self.pos) else {
                return self.end_of_file(words, state, start);
            };
            if self.pos - start.pos >= BUFFER && !self.command_line {
                return self.too_long(words, state, start);
            }
            let here = self.here();
            self.pos += 1;
            if ch == b'\n' {
                self.line += 1;
                self.line_start = self.pos;
            }
            match state {
                State::Comment => {
                    if ch == b'\n' {
                        state = State::Space;
                        start = here;
                    }
                    continue;
                }
                State::AfterQuote => match ch {
                    b' ' | b'\t' | b'\r' | b'\n' => {
                        state = State::Space;
                        continue;
                    }
                    b';' if broken => {
                        words.clear();
                        broken = false;
                        state = State::Space;
                        continue;
                    }
                    b';' => return (words, Stop::Semicolon(self.span(here))),
                    b'{' => return (words, Stop::Open(self.span(here))),
                    b')' => state = State::Space,
                    _ => {
                        if !broken {
                            self.after_quote(ch, here, words.last());
                        }
                        broken = true;
                        state = State::Space;
                    }
                },
                State::Space | State::Word(_) => {}
            }
            if let State::Word(quote) = state {
                if escaped {
                    escaped = false;
                    continue;
                }
                if ch == b'{' && dollar {
                    continue;
                }
                dollar = false;
                match (ch, quote) {
                    (b'\\', _) => escaped = true,
                    (b'$', _) => dollar = true,
                    (b'"', Quote::Double) | (b'\'', Quote::Single) => {
                        words.push(self.word(start, here.pos, quote));
                        state = State::AfterQuote;
                    }
                    (b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{', Quote::Bare) => {
                        words.push(self.word(start, here.pos, quote));
                        match ch {
                            b';' if broken => {
                                words.clear();
                                broken = false;
                                state = State::Space;
                            }
                            b';' => return (words, Stop::Semicolon(self.span(here))),
                            b'{' => return (words, Stop::Open(self.span(here))),
                            _ => state = State::Space,
                        }
                    }
                    _ => {}
                }
                continue;
            }
            start = here;
            match ch {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b';' if broken => {
                    words.clear();
                    broken = false;
                }
                b';' | b'{' => {
                    let span = self.span(here);
                    if words.is_empty() {
                        self.unexpected(ch, span);
                        if ch == b';' {
                            continue;
                        }
                    }
                    let stop = if ch == b';' {
                        Stop::Semicolon(span)
                    } else {
                        Stop::Open(span)
                    };
                    return (words, stop);
                }
                b'}' => {
                    let span = self.span(here);
                    if words.is_empty() || broken {
                        return (Vec::new(), Stop::Close(span));
                    }
                    // It is met where the directive is, which nginx does not get to look at.
                    self.pos = here.pos;
                    self.missing_semicolon(span, &words);
                    return (words, Stop::Unterminated(span));
                }
                b'#' => state = State::Comment,
                b'"' | b'\'' => {
                    start.pos = self.pos;
                    let quote = if ch == b'"' {
                        Quote::Double
                    } else {
                        Quote::Single
                    };
                    state = State::Word(quote);
                }
                _ => {
                    escaped = ch == b'\\';
                    dollar = ch == b'$';
                    state = State::Word(Quote::Bare);
                }
            }
        }
    }

    fn here(&self) -> Start {
        Start {
            pos: self.pos,
            line: self.line,
            line_start: self.line_start,
        }
    }

    /// The span from a place to where the lexer stands.
    fn span(&self, from: Start) -> Span {
        self.span_to(from, self.pos)
    }

    fn span_to(&self, from: Start, end: usize) -> Span {
        let before = self.text.get(from.line_start..from.pos).unwrap_or_default();
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file: self.file,
            line: from.line,
            column: number(column),
            start: number(from.pos),
            end: number(end),
        }
    }

    fn word(&self, mut start: Start, end: usize, quote: Quote) -> Word {
        let value = unescape(self.text.get(start.pos..end).unwrap_or_default());
        let mut last = end;
        if quote != Quote::Bare {
            start.pos -= 1;
            last += 1;
        }
        Word {
            value,
            quote,
            span: self.span_to(start, last),
        }
    }

    /// Notes an error at the place where nginx would have stopped: here.
    fn fail(&mut self, found: Diagnostic) {
        let pos = u32::try_from(self.pos).unwrap_or(u32::MAX);
        self.errors.push(found.met_at(pos));
    }

    fn unexpected(&mut self, ch: u8, span: Span) {
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

    fn after_quote(&mut self, ch: u8, here: Start, word: Option<&Word>) {
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

    fn missing_semicolon(&mut self, span: Span, words: &[Word]) {
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

    fn end_of_file(
        &mut self,
        mut words: Vec<Word>,
        state: State,
        start: Start,
    ) -> (Vec<Word>, Stop) {
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

    fn too_long(&mut self, words: Vec<Word>, state: State, start: Start) -> (Vec<Word>, Stop) {
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
        drop(words);
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

/// Takes escapes away: `\"`, `\'` and `\\` give the byte, `\t`, `\r`, `\n` the control character; any other backslash stays.
fn unescape(raw: &[u8]) -> Bytes {
    if !raw.contains(&b'\\') {
        return Bytes::copy_from_slice(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let replaced = match (byte, bytes.peek()) {
            (b'\\', Some(&next @ (b'"' | b'\'' | b'\\'))) => Some(next),
            (b'\\', Some(b't')) => Some(b'\t'),
            (b'\\', Some(b'r')) => Some(b'\r'),
            (b'\\', Some(b'n')) => Some(b'\n'),
            _ => None,
        };
        if replaced.is_some() {
            bytes.next();
        }
        out.push(replaced.unwrap_or(byte));
    }
    out.into()
}
