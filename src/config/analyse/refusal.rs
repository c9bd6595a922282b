//! What nginx has and Proxy Lab has not: the line that says so, and what to do about it. Each thing is told once, with
//! all the places where it stands.

use super::emerg;
use crate::config::diagnostics::{Diagnostic, Place};
use crate::config::parser::Directive;
use crate::config::source::{Sources, Span};
use crate::config::table::Row;

/// How each of these lines ends.
const ENDING: &str = ", but Proxy Lab does not implement it (yet)";
/// More places than these are counted only.
const PLACES: usize = 6;

/// Something other than a whole directive.
pub fn not_implemented(directive: &Directive, span: Span, what: &str) -> Diagnostic {
    emerg(directive, format!("nginx has {what}{ENDING}")).at(span)
}

/// A whole directive.
pub fn of_directive(row: &Row, directive: &Directive) -> Diagnostic {
    let name = row.name;
    let what = format!("the directive \"{name}\"");
    not_implemented(directive, directive.name.span, &what)
        .label("correct for nginx, but the answers here would differ")
        .help(match name {
            "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass" | "memcached_pass" => {
                "nothing but HTTP is spoken to a backend here: `return 501;` in its place, and the other locations are \
                 served"
            }
            _ if row.block => {
                "with a `#` before each line of the block, the rest is served without what it does"
            }
            _ => "with a `#` before the line, the rest is served without what it does",
        })
}

/// Keeps the first finding about each thing, which names the lines of the others.
pub fn once_each(found: Vec<Diagnostic>, sources: &Sources) -> Vec<Diagnostic> {
    let mut kept: Vec<(Diagnostic, Vec<String>)> = Vec::new();
    for found in found {
        let same = |(first, _): &&mut (Diagnostic, _)| first.message == found.message;
        let is_refusal = found.message.ends_with(ENDING);
        match kept.iter_mut().find(same).filter(|_| is_refusal) {
            Some((first, places)) => {
                let place = place(&found, first, sources);
                if !places.contains(&place) {
                    places.push(place);
                }
            }
            None => kept.push((found, Vec::new())),
        }
    }
    let told = kept.into_iter().map(|(first, places)| {
        if places.is_empty() {
            return first;
        }
        let shown = places[..places.len().min(PLACES)].join(", ");
        let more = match places.len().saturating_sub(PLACES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        first.help(format!("it is written in {shown}{more}, too"))
    });
    told.collect()
}

/// `line 7`, or `FILE:7` where that is another file.
fn place(found: &Diagnostic, first: &Diagnostic, sources: &Sources) -> String {
    match (found.place, first.place) {
        (Place::Line { file, line }, Place::Line { file: own, .. }) if file != own => {
            let path = sources.get(file).map(|source| source.path.display());
            path.map_or_else(String::new, |path| format!("{path}:{line}"))
        }
        (Place::Line { line, .. }, _) => format!("line {line}"),
        (Place::None, _) => String::new(),
    }
}
