//! Words to a tree of directives, one file at a time; what each directive means is the analyser's business.

use super::diagnostics::{Diagnostic, UNCLOSED};
use super::lexer::{Lexer, Stop, Word};
use super::source::Span;

/// Blocks may stand in each other this deep; nginx has no such bound, but no sensible file comes near it.
pub const MAX_DEPTH: usize = 128;

/// `NAME ARGS… ;` or `NAME ARGS… { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    pub name: Word,
    pub args: Vec<Word>,
    pub block: Option<Block>,
    /// The `;` or `{` (or, where it is missing, what came instead): nginx's messages name its line.
    pub end: Span,
}

/// What stands between braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub directives: Vec<Directive>,
    /// The `}`, or the end of the file.
    pub close: Span,
}

impl Directive {
    /// From its name to its end.
    pub fn span(&self) -> Span {
        Span {
            end: self.end.end.max(self.name.span.end),
            ..self.name.span
        }
    }

    /// The first argument, which the table has made sure of; a directive without one gives its name.
    pub fn arg(&self) -> &Word {
        self.args.first().unwrap_or(&self.name)
    }
}

/// A file as a tree, with what nginx would have stopped at.
#[derive(Debug, Default)]
pub struct Parsed {
    pub directives: Vec<Directive>,
    pub errors: Vec<Diagnostic>,
}

/// A block that is still open.
struct Open {
    head: Option<(Word, Vec<Word>, Span)>,
    directives: Vec<Directive>,
}

/// Parses one file (or the directives of `-g`).
pub fn parse(text: &[u8], file: u16, command_line: bool) -> Parsed {
    let mut lexer = Lexer::new(text, file, command_line);
    let mut stack: Vec<Open> = Vec::new();
    let mut current: Vec<Directive> = Vec::new();
    let mut errors = Vec::new();
    // Blocks that are deeper than the bound are read over.
    let mut skipped = 0usize;
    // For the advice about a brace that was never closed: blocks whose `}` stands in another column.
    let mut askew: Option<(Span, Span)> = None;
    loop {
        let (words, stop) = lexer.next();
        // A text that broke off hides the braces after it.
        let broke_off = matches!(stop, Stop::Eof(_)) && !lexer.errors.is_empty();
        errors.append(&mut lexer.errors);
        let mut words = words.into_iter();
        let head = words.next().map(|name| (name, words.collect::<Vec<_>>()));
        match stop {
            Stop::Semicolon(end) | Stop::Unterminated(end) => {
                if let Some((name, args)) = head {
                    if command_line && matches!(stop, Stop::Unterminated(_)) {
                        continue;
                    }
                    current.push(Directive {
                        name,
                        args,
                        block: None,
                        end,
                    });
                }
            }
            Stop::Open(end) => {
                if command_line {
                    let message = "block directives are not supported in -g option";
                    errors.push(stopped_at(end, message));
                }
                if stack.len() >= MAX_DEPTH {
                    if skipped == 0 {
                        errors.push(stopped_at(end, "blocks are nested too deeply"));
                    }
                    skipped += 1;
                } else {
                    stack.push(Open {
                        head: head.map(|(name, args)| (name, args, end)),
                        directives: std::mem::take(&mut current),
                    });
                }
            }
            Stop::Close(close) => {
                if skipped > 0 {
                    skipped -= 1;
                } else if let Some(open) = stack.pop() {
                    note_askew(&open, close, text, &mut askew);
                    close_block(open, close, &mut current);
                } else {
                    errors.push(nothing_open(close));
                }
            }
            Stop::Eof(end) => {
                if !stack.is_empty() && !broke_off {
                    errors.push(never_closed(&stack, end, askew));
                }
                while let Some(open) = stack.pop() {
                    close_block(open, end, &mut current);
                }
                return Parsed {
                    directives: current,
                    errors,
                };
            }
        }
    }
}

fn nothing_open(close: Span) -> Diagnostic {
    stopped_at(close, "unexpected \"}\"")
        .label("no block is open here")
        .help("remove it, or look for a block above that was closed too early")
}

/// An error at the byte that nginx would have stopped at.
fn stopped_at(span: Span, message: &str) -> Diagnostic {
    Diagnostic::emerg(message)
        .at(span)
        .line(span)
        .met_at(span.end)
}

fn close_block(open: Open, close: Span, current: &mut Vec<Directive>) {
    let inner = std::mem::replace(current, open.directives);
    if let Some((name, args, end)) = open.head {
        let block = Some(Block {
            directives: inner,
            close,
        });
        current.push(Directive {
            name,
            args,
            block,
            end,
        });
    }
}

/// Remembers the first block that begins a line and whose `}` begins another line with less indentation.
fn note_askew(open: &Open, close: Span, text: &[u8], askew: &mut Option<(Span, Span)>) {
    let Some((name, ..)) = &open.head else { return };
    let first = |span: Span| {
        let before = text.get(..span.start as usize).unwrap_or_default();
        let line = before.rsplit(|&b| b == b'\n').next().unwrap_or_default();
        line.iter().all(|b| matches!(b, b' ' | b'\t'))
    };
    let shallower = close.column < name.span.column && close.line != name.span.line;
    if askew.is_none() && shallower && first(name.span) && first(close) {
        *askew = Some((name.span, close));
    }
}

fn never_closed(stack: &[Open], end: Span, askew: Option<(Span, Span)>) -> Diagnostic {
    let mut found = Diagnostic::emerg(UNCLOSED).line(end).met_at(end.end);
    let innermost = stack.iter().rev().find_map(|open| open.head.as_ref());
    found.span = Some(end);
    if let Some((name, _, open)) = innermost {
        found = found.at(*open).label(format!(
            "the block `{}` opens here and is never closed",
            name.text()
        ));
    }
    if let Some((opened, closed)) = askew {
        found
            .note(opened, "a block that opens here …")
            .note(closed, "… is closed here, by a brace with less indentation")
            .help(format!(
                "the missing `}}` probably belongs between line {} and line {}",
                opened.line, closed.line
            ))
    } else {
        found.help("each `{` needs its `}`")
    }
}
