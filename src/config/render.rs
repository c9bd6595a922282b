//! Findings as text: nginx's line first, then the place, the source line with a caret, and advice.

use super::diagnostics::{Diagnostic, Severity};
use super::source::{Sources, Span};

/// Lines are cut to about this many columns around the caret.
const WIDTH: usize = 100;
const TAB: usize = 4;

/// A finding as it is shown, each line ended. With `colour`, ANSI colours.
pub fn render(found: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let paint = Paint { colour };
    let tint = if found.severity == Severity::Warn {
        Paint::WARN
    } else {
        Paint::BAD
    };
    let mut out = paint.with(tint, &format!("nginx: {}", found.line_text(sources)));
    out.push('\n');
    let notes = found
        .notes
        .iter()
        .map(|note| (note.span, &note.text, false));
    let main = found.span.map(|span| (span, &found.label, true));
    let places: Vec<_> = main
        .into_iter()
        .chain(notes)
        .filter(|(span, ..)| sources.get(span.file).is_some())
        .collect();
    let widest = places
        .iter()
        .map(|(span, ..)| span.line.to_string().len())
        .max()
        .unwrap_or(1);
    for (span, text, primary) in places {
        let tint = if primary { tint } else { Paint::NOTE };
        place(
            &mut out,
            sources,
            span,
            text,
            (widest, primary),
            &paint,
            tint,
        );
    }
    let gutter = " ".repeat(widest);
    for help in &found.help {
        out.push_str(&format!(
            "{gutter} {} {} {help}\n",
            paint.with(Paint::FRAME, "="),
            paint.with(Paint::BOLD, "help:")
        ));
    }
    out
}

fn place(
    out: &mut String,
    sources: &Sources,
    span: Span,
    label: &str,
    (widest, primary): (usize, bool),
    paint: &Paint,
    tint: &str,
) {
    let gutter = " ".repeat(widest);
    let path = sources.path(span).to_string_lossy();
    let arrow = if primary { "-->" } else { ":::" };
    let bar = paint.with(Paint::FRAME, "|");
    out.push_str(&format!(
        "{gutter}{} {path}:{}:{}\n",
        paint.with(Paint::FRAME, arrow),
        span.line,
        span.column
    ));
    let text = sources
        .get(span.file)
        .map_or(&[][..], |source| &source.text);
    let shown = excerpt(text, span);
    let number = paint.with(Paint::FRAME, &format!("{:>widest$}", span.line));
    out.push_str(&format!("{gutter} {bar}\n{number} {bar} {}\n", shown.line));
    let mark = if primary { "^" } else { "-" }.repeat(shown.width);
    let mark = format!("{mark} {label}");
    let indent = " ".repeat(shown.indent);
    out.push_str(&format!(
        "{gutter} {bar} {indent}{}\n",
        paint.with(tint, mark.trim_end())
    ));
}

/// A line of the source as it is shown, and where the caret stands under it, in columns.
struct Excerpt {
    line: String,
    indent: usize,
    width: usize,
}

fn excerpt(text: &[u8], span: Span) -> Excerpt {
    let start = (span.start as usize).min(text.len());
    let end = (span.end as usize).clamp(start, text.len());
    let from = text[..start]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |n| n + 1);
    let to = text[start..]
        .iter()
        .position(|&b| b == b'\n')
        .map_or(text.len(), |n| start + n);
    let before = columns(&text[from..start]);
    let marked = columns(&text[start..end.min(to)]);
    let mut line = before.clone();
    line.extend(&marked);
    line.extend(columns(&text[end.min(to)..to]));
    while line.last() == Some(&' ') && line.len() > before.len() {
        line.pop();
    }
    let mut indent = before.len();
    let mut width = marked.len().max(1);
    // A long line is cut around the caret.
    if line.len() > WIDTH {
        let cut = indent.saturating_sub(WIDTH / 2).min(line.len() - WIDTH);
        let last = (cut + WIDTH).min(line.len());
        let mut part: Vec<char> = line[cut..last].to_vec();
        if last < line.len() {
            part.extend(" …".chars());
        }
        if cut > 0 {
            part.splice(0..0, "… ".chars());
            indent = indent - cut + 2;
        }
        width = width.min(part.len().saturating_sub(indent)).max(1);
        line = part;
    }
    Excerpt {
        line: line.into_iter().collect(),
        indent,
        width,
    }
}

/// Text as columns: a tab is four, a control character or a byte that is no UTF-8 is one sign.
fn columns(bytes: &[u8]) -> Vec<char> {
    let mut out = Vec::new();
    for ch in String::from_utf8_lossy(bytes).chars() {
        match ch {
            '\t' => out.extend([' '; TAB]),
            '\r' => {}
            ch if ch.is_control() => out.push('\u{fffd}'),
            ch => out.push(ch),
        }
    }
    out
}

struct Paint {
    colour: bool,
}

impl Paint {
    const BAD: &'static str = "1;31";
    const WARN: &'static str = "1;33";
    const NOTE: &'static str = "1;36";
    const FRAME: &'static str = "1;34";
    const BOLD: &'static str = "1";

    fn with(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
