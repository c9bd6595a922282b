//! Text to words: nginx's rules for spaces, quotes, escapes, `$`, comments and ends of directives.
//!
//! The rules are those of nginx's `ngx_conf_read_token`, as observed: a quote counts only at the beginning of a word,
//! `}` too, `{` after `$` belongs to the word, a backslash protects the next byte wherever it stands.
//! Where nginx would stop, the error is noted and reading goes on, so that all mistakes of a file are seen at once.

use bytes::Bytes;

use super::diagnostics::Diagnostic;
use super::source::Span;
use super::written;

mod complaints;

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

/// The words of a directive, as far as they were read.
struct Run {
    words: Vec<Word>,
    state: State,
    /// What nginx's bound on the length of a word counts from.
    start: Start,
    /// A backslash protects the next byte.
    escaped: bool,
    /// A `$` stands before the next byte.
    dollar: bool,
    /// A quote went wrong: what is left of this directive would only bring errors that follow from that one.
    broken: bool,
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
        let mut run = Run {
            words: Vec::new(),
            state: State::Space,
            start: self.here(),
            escaped: false,
            dollar: false,
            broken: false,
        };
        loop {
            let Some(&ch) = self.text.get(self.pos) else {
                return self.end_of_file(run);
            };
            if self.pos - run.start.pos >= BUFFER && !self.command_line {
                return self.too_long(&run);
            }
            let here = self.here();
            self.pos += 1;
            if ch == b'\n' {
                self.line += 1;
                self.line_start = self.pos;
            }
            let stop = match run.state {
                State::Comment => {
                    if ch == b'\n' {
                        run.state = State::Space;
                        run.start = here;
                    }
                    None
                }
                State::Word(quote) => self.in_word(&mut run, quote, ch, here),
                State::AfterQuote => self.behind_quote(&mut run, ch, here),
                State::Space => self.between_words(&mut run, ch, here),
            };
            if let Some(stop) = stop {
                return (run.words, stop);
            }
        }
    }

    fn in_word(&mut self, run: &mut Run, quote: Quote, ch: u8, here: Start) -> Option<Stop> {
        if std::mem::take(&mut run.escaped) || ch == b'{' && run.dollar {
            return None;
        }
        run.dollar = ch == b'$';
        run.escaped = ch == b'\\';
        let ends = match quote {
            Quote::Double => ch == b'"',
            Quote::Single => ch == b'\'',
            Quote::Bare => matches!(ch, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{'),
        };
        if !ends {
            return None;
        }
        run.words.push(self.word(run.start, here.pos, quote));
        run.state = match quote {
            Quote::Bare => State::Space,
            _ => State::AfterQuote,
        };
        match (quote, ch) {
            (Quote::Bare, b';') => self.semicolon(run, here),
            (Quote::Bare, b'{') => Some(Stop::Open(self.span(here))),
            _ => None,
        }
    }

    fn behind_quote(&mut self, run: &mut Run, ch: u8, here: Start) -> Option<Stop> {
        run.state = State::Space;
        match ch {
            b' ' | b'\t' | b'\r' | b'\n' => return None,
            b';' => return self.semicolon(run, here),
            b'{' => return Some(Stop::Open(self.span(here))),
            b')' => {}
            _ => {
                if !run.broken {
                    self.no_space(ch, here, run.words.last());
                }
                run.broken = true;
            }
        }
        self.between_words(run, ch, here)
    }

    fn between_words(&mut self, run: &mut Run, ch: u8, here: Start) -> Option<Stop> {
        run.start = here;
        match ch {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b';' => {
                if run.words.is_empty() && !run.broken {
                    self.unexpected(ch, self.span(here));
                    return None;
                }
                return self.semicolon(run, here);
            }
            b'{' => {
                let span = self.span(here);
                if run.words.is_empty() {
                    self.unexpected(ch, span);
                }
                return Some(Stop::Open(span));
            }
            b'}' => {
                let span = self.span(here);
                if run.words.is_empty() || run.broken {
                    run.words.clear();
                    return Some(Stop::Close(span));
                }
                // It is met where the directive is, which nginx does not get to look at.
                self.pos = here.pos;
                self.missing_semicolon(span, &run.words);
                return Some(Stop::Unterminated(span));
            }
            b'#' => run.state = State::Comment,
            b'"' | b'\'' => {
                run.start.pos = self.pos;
                run.state = State::Word(match ch {
                    b'"' => Quote::Double,
                    _ => Quote::Single,
                });
            }
            _ => {
                run.escaped = ch == b'\\';
                run.dollar = ch == b'$';
                run.state = State::Word(Quote::Bare);
            }
        }
        None
    }

    /// The directive ends; one that went wrong is forgotten.
    fn semicolon(&self, run: &mut Run, here: Start) -> Option<Stop> {
        if !std::mem::take(&mut run.broken) {
            return Some(Stop::Semicolon(self.span(here)));
        }
        run.words.clear();
        None
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
