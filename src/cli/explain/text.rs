//! An explanation for people: short sections in the order of events, each line with its place in the file.

use std::path::Path;

use crate::config::model::Model;
use crate::front::explain::{BodyShown, Ending, Explanation};
use crate::front::trace::{Candidate, HeadLine, LeftOut, Lost, Origin, Place, Step, Wanted};

use super::rounds::{Part, fold};

/// Where the text of a section begins.
const INDENT: usize = 12;
/// Columns are no wider than this: a long entry pushes its neighbours to the right instead.
const WIDEST: usize = 44;
/// So many candidates are shown whole; of more, those that had no chance are counted.
const MANY: usize = 10;
/// Lines of an answer's text that are shown.
const LINES: usize = 12;

/// The whole text.
pub fn render(explanation: &Explanation, model: &Model, raw: &str) -> String {
    let mut page = Page {
        text: String::new(),
        last: "",
        rows: ("", Vec::new()),
        prefix: &model.prefix,
    };
    page.text
        .push_str(raw.lines().next().unwrap_or_default().trim_end());
    page.text.push('\n');
    let parts = fold(&explanation.steps);
    for part in &parts {
        match part {
            Part::Step(step) => page.step(step),
            Part::More(n) => page.line("…", &format!("and {n} more rounds like these")),
        }
    }
    page.variables(&parts);
    page.ending(explanation);
    page.flush();
    page.text
}

struct Page<'a> {
    text: String,
    /// The label of the section under way.
    last: &'static str,
    /// Rows that wait to be aligned, and their label.
    rows: (&'static str, Vec<Vec<String>>),
    prefix: &'a Path,
}

impl Page<'_> {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Server { candidates, .. } => self.candidates("server", candidates),
            Step::Uri {
                received,
                uri,
                args,
            } => self.uri(received, uri, args),
            Step::Location { candidates, .. } => self.candidates("location", candidates),
            Step::Rewrite { directive, outcome } => self.row("rewrite", directive, outcome),
            Step::Variable { .. } => {}
            Step::Refused {
                directive,
                reason,
                status,
            } => self.row("refused", directive, &format!("{reason}: {status}")),
            Step::File {
                directive,
                wanted,
                path,
                result,
                ..
            } => self.file(directive.as_ref(), *wanted, path, result),
            Step::Internal { uri, args } => {
                let mark = if args.is_empty() { "" } else { "?" };
                self.line("again", &format!("from the start, as {uri}{mark}{args}"));
            }
            Step::Named { location, place } => {
                let text = format!("in location {location}   {}", short(place));
                self.line("again", &text);
            }
            Step::ErrorPage {
                status,
                directive,
                target,
            } => {
                let outcome = format!("{status} leads to {target}");
                self.row("error page", directive, &outcome);
            }
            Step::Upstream {
                pass,
                target,
                lines,
                left_out,
                body,
            } => self.upstream(pass, target, lines, left_out, *body),
            Step::Peer {
                upstream,
                address,
                others,
            } => self.peer(upstream, address, others),
            Step::Message { level, text } => self.line("log", &format!("[{level}] {text}")),
            Step::End { lost, .. } => self.lost(lost),
        }
    }

    fn uri(&mut self, received: &str, uri: &str, args: &str) {
        if received.is_empty() {
            self.line("uri", "none: the request line is refused");
            return;
        }
        let mark = if args.is_empty() { "" } else { "?" };
        let whole = format!("{uri}{mark}{args}");
        if whole == received {
            self.line("uri", &whole);
            return;
        }
        let text = format!("{uri}   decoded and normalised, from {received}");
        self.line("uri", &text);
        if !args.is_empty() {
            self.line("uri", &format!("arguments: {args}"));
        }
    }

    /// Where there is no choice, the target has said it all.
    fn peer(&mut self, upstream: &str, address: &str, others: &[Candidate]) {
        if others.is_empty() && upstream == address {
            return;
        }
        self.line("peer", &format!("{address}   of upstream {upstream}"));
        let rows = others.iter().map(|other| {
            let place = short(&other.place);
            vec![other.name.clone(), place, other.reason.clone()]
        });
        self.rows("peer", rows.collect());
    }

    /// A directive and what came of it.
    fn row(&mut self, label: &'static str, directive: &Place, outcome: &str) {
        let row = vec![directive.text.clone(), short(directive), outcome.to_owned()];
        self.rows(label, vec![row]);
    }

    fn candidates(&mut self, label: &'static str, candidates: &[Candidate]) {
        let many = candidates.len() > MANY;
        let hopeless = |c: &&Candidate| {
            many && (c.reason.starts_with("the path does not begin")
                || c.reason == "none of its names matches")
        };
        let rows = candidates.iter().filter(|c| !hopeless(c)).map(|c| {
            let mark = if c.chosen { "→ " } else { "  " };
            vec![
                format!("{mark}{}", c.name),
                short(&c.place),
                c.reason.clone(),
            ]
        });
        self.rows(label, rows.collect());
        let hidden = candidates.iter().filter(hopeless).count();
        if hidden > 0 {
            self.line(label, &format!("  and {hidden} more that do not match"));
        }
    }

    fn file(&mut self, directive: Option<&Place>, wanted: Wanted, path: &str, result: &str) {
        let what = match wanted {
            Wanted::File => "a file?",
            Wanted::Folder => "a folder?",
            Wanted::Index => "index?",
            Wanted::Content => "to be sent",
            Wanted::Test => "tested",
            Wanted::Status => "the last",
        };
        let place = directive.map(|directive| {
            let name = directive.text.split_whitespace().next().unwrap_or_default();
            format!("{}   {name}", short(directive))
        });
        let path = self.below_prefix(path);
        self.rows(
            "files",
            vec![vec![
                path,
                what.to_owned(),
                result.to_owned(),
                place.unwrap_or_default(),
            ]],
        );
    }

    /// Paths below the prefix without it: `html/hello.txt`.
    fn below_prefix(&self, path: &str) -> String {
        let short = Path::new(path).strip_prefix(self.prefix).ok();
        short.map_or_else(|| path.to_owned(), |short| short.display().to_string())
    }

    fn upstream(
        &mut self,
        pass: &Place,
        target: &str,
        lines: &[HeadLine],
        left_out: &[LeftOut],
        body: Option<u64>,
    ) {
        self.rows("proxy", vec![vec![pass.text.clone(), short(pass)]]);
        self.line("proxy", target);
        let rows = lines.iter().map(|line| match &line.origin {
            Origin::Directive(place) => vec![line.text.clone(), short(place), place.text.clone()],
            Origin::Default => vec![line.text.clone(), "default".to_owned()],
            Origin::Client => vec![line.text.clone(), "client".to_owned()],
            Origin::Body => vec![line.text.clone(), "body".to_owned()],
        });
        self.rows("request", rows.collect());
        match body {
            Some(0) => {}
            Some(length) => self.line("request", &format!("… and a body of {}", bytes(length))),
            None => self.line("request", "… and a body in chunks"),
        }
        let rows = left_out
            .iter()
            .map(|left| vec![left.field.clone(), left.reason.clone()]);
        self.rows("not passed", rows.collect());
    }

    fn lost(&mut self, lost: &[Lost]) {
        let rows = lost.iter().map(|lost| {
            let name = lost.by.text.split_whitespace().next().unwrap_or_default();
            let why = format!(
                "does not count here: this level has {name} of its own ({})",
                short(&lost.by)
            );
            vec![lost.directive.text.clone(), short(&lost.directive), why]
        });
        self.rows("lost", rows.collect());
    }

    fn variables(&mut self, parts: &[Part<'_, Step>]) {
        let rows = parts.iter().filter_map(|part| match part {
            Part::Step(Step::Variable {
                name,
                value,
                varies,
            }) => {
                let value = match value {
                    Some(value) if *varies => format!("{value}   (another one each time)"),
                    Some(value) => value.clone(),
                    None if *varies => "not known before the answer".to_owned(),
                    None => "has no value".to_owned(),
                };
                Some(vec![format!("${name}"), value])
            }
            _ => None,
        });
        self.rows("variables", rows.collect());
    }

    fn ending(&mut self, explanation: &Explanation) {
        match &explanation.outcome {
            Ending::Answer { head, body, .. } => {
                for line in head {
                    self.line("answer", line);
                }
                match body {
                    BodyShown::None => {}
                    BodyShown::Binary { length } => {
                        self.line(
                            "answer",
                            &format!("… and {} that are no text", bytes(*length)),
                        );
                    }
                    BodyShown::File { length } => {
                        self.line("answer", &format!("… and {} of the file", bytes(*length)));
                    }
                    BodyShown::Text { text, .. } => self.body(text),
                }
            }
            Ending::Upstream { address, turns } => {
                let others = if turns.is_empty() {
                    String::new()
                } else {
                    format!(", or {} when it is their turn", turns.join(", "))
                };
                self.line("answer", &format!("what {address} answers{others}"));
                if let Some(Step::End { adds, .. }) = explanation.steps.last() {
                    let rows = adds
                        .iter()
                        .map(|add| vec![add.text.clone(), short(add), "is added".to_owned()]);
                    self.rows("answer", rows.collect());
                }
            }
            Ending::Closed { .. } => self.line("answer", "none: the connection is closed"),
            Ending::Incomplete => {
                self.line(
                    "answer",
                    "none: the request has no end yet, the server waits for the rest",
                );
            }
        }
    }

    fn body(&mut self, text: &str) {
        self.line("answer", "");
        for line in text.lines().take(LINES) {
            self.line("answer", line);
        }
        let more = text.lines().count().saturating_sub(LINES);
        if more > 0 {
            self.line("answer", &format!("… and {more} more lines"));
        }
    }

    /// One line below its label, which a section shows once.
    fn line(&mut self, label: &'static str, text: &str) {
        self.flush();
        self.write(label, text);
    }

    /// Lines with columns, aligned with those of the same section before them.
    fn rows(&mut self, label: &'static str, rows: Vec<Vec<String>>) {
        if self.rows.0 != label {
            self.flush();
        }
        self.rows.0 = label;
        self.rows.1.extend(rows);
    }

    fn flush(&mut self) {
        let (label, rows) = std::mem::take(&mut self.rows);
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let widths = cells.map(|cell| cell.chars().count());
            widths.filter(|&n| n <= WIDEST).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            let text = cells.collect::<Vec<_>>().join("   ");
            self.write(label, text.trim_end());
        }
    }

    fn write(&mut self, label: &'static str, text: &str) {
        let shown = if label == self.last { "" } else { label };
        if label != self.last {
            self.text.push('\n');
        }
        self.last = label;
        let line = format!("{shown:INDENT$}{text}");
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}

/// `nginx.conf:14`
fn short(place: &Place) -> String {
    let name = Path::new(&place.file).file_name().unwrap_or_default();
    format!("{}:{}", name.to_string_lossy(), place.line)
}

fn bytes(n: u64) -> String {
    if n == 1 {
        "1 byte".to_owned()
    } else {
        format!("{n} bytes")
    }
}
