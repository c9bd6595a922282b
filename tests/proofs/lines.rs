//! The lines of a case's configuration, each with the row of the table that it is of.

use proxy_lab::config::parser::{self, Directive};
use proxy_lab::config::source::Sources;
use proxy_lab::config::table::{self, Contexts, Row};

use crate::oracle::case::Case;
use crate::oracle::run;

/// One directive of a configuration, with its block if it has one.
pub struct Line {
    pub row: &'static Row,
    pub context: Contexts,
    /// As written, without its `;` or block.
    pub text: String,
    /// Which of several with the same text, from 1.
    pub nth: usize,
    /// Blocks around it.
    pub depth: usize,
    /// Others of the same name beside it.
    pub siblings: usize,
    start: usize,
    /// Behind its `;` or `{`.
    head_end: usize,
    end: usize,
}

impl Line {
    /// Where its block begins.
    pub fn opened(&self) -> Option<usize> {
        self.row.block.then_some(self.head_end)
    }
}

/// A row's name; with its first context where several rows have that name.
pub fn key(row: &Row) -> String {
    match table::find(row.name.as_bytes()) {
        [_, _, ..] => {
            let context = row.contexts.names().next().unwrap_or_default();
            format!("{} in {context}", row.name)
        }
        _ => row.name.to_owned(),
    }
}

/// The configuration of a case, and its lines.
pub fn of(case: &Case) -> (String, Vec<Line>) {
    let text = run::frame(case);
    let mut sources = Sources::default();
    sources.add("nginx.conf".into(), text.clone().into_bytes());
    let parsed = parser::parse(text.as_bytes(), 0, false);
    let mut lines = Vec::new();
    walk(&parsed.directives, Contexts::MAIN, 0, &sources, &mut lines);
    (text, lines)
}

/// The configuration without a line.
pub fn without(text: &str, line: &Line) -> String {
    let (before, after) = (text.get(..line.start), text.get(line.end..));
    [before.unwrap_or_default(), after.unwrap_or_default()].concat()
}

fn walk(
    directives: &[Directive],
    context: Contexts,
    depth: usize,
    sources: &Sources,
    lines: &mut Vec<Line>,
) {
    for directive in directives {
        let rows = table::find(&directive.name.value);
        let Some(row) = rows.iter().find(|row| row.contexts.contains(context)) else {
            continue;
        };
        let text = sources.directive(directive.name.span);
        let close = directive.block.as_ref().map(|block| block.close.end);
        lines.push(Line {
            row,
            context,
            nth: 1 + lines.iter().filter(|line| line.text == text).count(),
            text,
            depth,
            siblings: directives
                .iter()
                .filter(|d| d.name.value == directive.name.value)
                .count()
                - 1,
            start: directive.name.span.start as usize,
            head_end: directive.end.end as usize,
            end: close.unwrap_or(directive.end.end) as usize,
        });
        if let (Some(block), Some(inner)) = (&directive.block, inside(row.name, context)) {
            walk(&block.directives, inner, depth + 1, sources, lines);
        }
    }
}

/// The context in a directive's block, where directives of the table stand in it.
fn inside(name: &str, context: Contexts) -> Option<Contexts> {
    Some(match name {
        "events" => Contexts::EVENTS,
        "http" => Contexts::HTTP,
        "server" => Contexts::SRV,
        "location" => Contexts::LOC,
        "upstream" => Contexts::UPS,
        "limit_except" => Contexts::LMT,
        "if" if context == Contexts::SRV => Contexts::SIF,
        "if" => Contexts::LIF,
        _ => return None,
    })
}
