//! What was seen in a run, as a text that people can read and that is equal for two runs only if all bytes were.

use super::backend::Received;
use super::bytes::render;
use super::client::{FOLLOW_UP, Seen};
use super::framing::{contains, find};
use super::ports::Ports;
use std::fmt::Write;
use std::path::Path;

/// Everything that was seen of one case, in sections.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Transcript {
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    title: String,
    lines: Vec<String>,
}

/// The few things that differ from run to run: ports, the prefix, times and process numbers.
pub struct Masks {
    replace: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Masks {
    pub fn new(ports: &Ports, prefix: &Path) -> Self {
        let prefix = prefix.to_string_lossy().into_owned();
        let ports = ports
            .names
            .iter()
            .map(|(name, port)| (port.clone(), format!("@{name}@")));
        let pairs = std::iter::once((prefix, "@PREFIX@".into())).chain(ports);
        Masks {
            replace: pairs
                .map(|(from, to): (String, String)| (from.into_bytes(), to.into_bytes()))
                .collect(),
        }
    }

    /// The same for a text.
    #[allow(dead_code, reason = "not every test program asks for refusals")]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.apply(text.as_bytes())).into_owned()
    }

    /// `bytes` with names in place of what belongs to the run.
    fn apply(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for (from, to) in &self.replace {
            out = replace(&out, from, to);
        }
        out
    }
}

impl Transcript {
    /// Adds one client connection and what the backends received meanwhile.
    pub fn connection(&mut self, name: &str, seen: &[Seen], received: &[Received], masks: &Masks) {
        let mut lines = Vec::new();
        for event in seen {
            match event {
                Seen::Sent(bytes) => quote(&mut lines, "> ", &masks.apply(bytes)),
                Seen::Received(bytes) => quote(&mut lines, "< ", &mask_dates(&masks.apply(bytes))),
                Seen::Note(note) => lines.push(format!("-- {note}")),
            }
        }
        for request in received {
            let mut line = format!("-- backend {} received", request.backend);
            if request.on_connection > 1 {
                let _ = write!(
                    line,
                    ", as request {} of one connection",
                    request.on_connection
                );
            }
            if let Some(from) = request.from {
                let _ = write!(line, ", from {from}");
            }
            lines.push(line + ":");
            quote(&mut lines, "| ", &masks.apply(&request.bytes));
            lines.extend(request.note.map(|note| format!("-- {note}")));
        }
        self.sections.push(Section {
            title: name.to_string(),
            lines,
        });
    }

    /// Adds what the name server was asked meanwhile.
    pub fn asked(&mut self, questions: &[String]) {
        if let (Some(section), false) = (self.sections.last_mut(), questions.is_empty()) {
            let line = format!("-- the name server was asked: {}", questions.join(", "));
            section.lines.push(line);
        }
    }

    /// Adds a log file.
    pub fn log(&mut self, name: &str, bytes: &[u8], is_error_log: bool, masks: &Masks) {
        let bytes = masks.apply(bytes);
        let mut lines = Vec::new();
        for line in bytes.split_inclusive(|&b| b == b'\n') {
            if contains(line, FOLLOW_UP.as_bytes()) {
                continue;
            }
            let text = render(line.strip_suffix(b"\n").unwrap_or(line));
            let text = text.trim_end().trim_end_matches('\\');
            let text = if is_error_log {
                mask_error_line(text)
            } else {
                mask_log_time(text)
            };
            let cut = if line.ends_with(b"\n") {
                ""
            } else {
                " (and no end of line)"
            };
            lines.push(text + cut);
        }
        self.sections.push(Section {
            title: format!("log file {name}"),
            lines,
        });
    }

    /// The text that is recorded.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for section in &self.sections {
            let _ = writeln!(out, "=== {}", section.title);
            for line in &section.lines {
                let _ = writeln!(out, "{}", line);
            }
            out.push('\n');
        }
        out
    }

    /// Reads a recorded text again.
    pub fn from_text(text: &str) -> Self {
        let mut sections: Vec<Section> = Vec::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("=== ") {
                sections.push(Section {
                    title: title.to_string(),
                    lines: Vec::new(),
                });
            } else if let (Some(section), false) = (sections.last_mut(), line.is_empty()) {
                section.lines.push(line.to_string());
            }
        }
        Transcript { sections }
    }

    /// Where two transcripts differ, readably: lines with `-` are only in `self`, lines with `+` only in `other`.
    pub fn difference(&self, other: &Transcript) -> Option<String> {
        let (left, right) = (self.normal(), other.normal());
        if left == right {
            return None;
        }
        let mut out = String::new();
        for section in &left.sections {
            match right.sections.iter().find(|s| s.title == section.title) {
                Some(same) if same.lines == section.lines => {}
                Some(changed) => diff(&section.title, &section.lines, &changed.lines, &mut out),
                None => diff(&section.title, &section.lines, &[], &mut out),
            }
        }
        for section in &right.sections {
            if !left.sections.iter().any(|s| s.title == section.title) {
                diff(&section.title, &[], &section.lines, &mut out);
            }
        }
        if out.is_empty() {
            out.push_str("  the same sections in another order\n");
        }
        Some(out)
    }

    /// Whether all of it stands in `recorded` too, which may hold more.
    #[allow(dead_code, reason = "only the proofs stop early")]
    pub fn is_part_of(&self, recorded: &Transcript) -> bool {
        let (part, whole) = (self.normal(), recorded.normal());
        let known = |section: &Section| whole.sections.contains(section);
        part.sections.iter().all(known)
    }

    /// As it is compared: recorded form, and log lines sorted, for a line may be written after the next connection's.
    fn normal(&self) -> Transcript {
        let mut normal = Transcript::from_text(&self.to_text());
        for section in &mut normal.sections {
            if section.title.starts_with("log file ") {
                section.lines.sort();
            }
        }
        normal
    }
}

fn quote(lines: &mut Vec<String>, prefix: &str, bytes: &[u8]) {
    for line in render(bytes).lines() {
        // Editors strip blanks at line ends: they are written as escapes.
        let text = line.trim_end_matches(' ');
        let blanks = "\\x20".repeat(line.len() - text.len());
        lines.push(format!("{prefix}{text}{blanks}").trim_end().to_string());
    }
}

/// Replaces `from`, where it is not part of a longer number or name.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, from) {
        let (before, found) = rest.split_at(at);
        let after = found.get(from.len()..).unwrap_or_default();
        let within = |inner: Option<&u8>, outer: Option<&u8>| {
            inner.is_some_and(u8::is_ascii_digit) && outer.is_some_and(u8::is_ascii_digit)
        };
        out.extend_from_slice(before);
        let part = within(from.first(), before.last()) || within(from.last(), after.first());
        out.extend_from_slice(if part { from } else { to });
        rest = after;
    }
    out.extend_from_slice(rest);
    out
}

/// Masks the value of `Date`, where it has the form of one.
fn mask_dates(bytes: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\r\nDate: ";
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, NAME) {
        let (before, value) = rest.split_at(at + NAME.len());
        out.extend_from_slice(before);
        rest = value;
        if value.get(..31).is_some_and(is_date) {
            out.extend_from_slice(b"@DATE@");
            rest = value.get(29..).unwrap_or_default();
        }
    }
    out.extend_from_slice(rest);
    out
}

/// `Tue, 24 Nov 2026 04:10:39 GMT` and the end of its line.
fn is_date(value: &[u8]) -> bool {
    shaped(value, b"aaa, 00 aaa 0000 00:00:00 GMT\r\n")
}

/// Whether `value` is like `shape`, where `0` stands for a digit and `a` for a letter.
fn shaped(value: &[u8], shape: &[u8]) -> bool {
    value.len() == shape.len()
        && value.iter().zip(shape).all(|(byte, kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            other => byte == other,
        })
}

/// Masks `$time_local` in its brackets.
fn mask_log_time(line: &str) -> String {
    const SHAPE: &[u8] = b"[00/aaa/0000:00:00:00 ";
    let start = line
        .as_bytes()
        .windows(SHAPE.len())
        .position(|window| shaped(window, SHAPE));
    let parts =
        start.and_then(|start| Some((line.get(..start)?, line.get(start + SHAPE.len() + 6..)?)));
    match parts {
        Some((before, after)) => format!("{before}[@TIME@]{after}"),
        None => line.to_string(),
    }
}

/// Masks `2026/11/24 04:10:39 [error] 12#12: *3 message`: the time, the process and the connection.
fn mask_error_line(line: &str) -> String {
    const SHAPE: &[u8] = b"0000/00/00 00:00:00 ";
    if !line
        .as_bytes()
        .get(..SHAPE.len())
        .is_some_and(|start| shaped(start, SHAPE))
    {
        return line.to_string();
    }
    let rest = line.get(SHAPE.len()..).unwrap_or_default();
    let Some((level, message)) = rest.split_once("] ") else {
        return line.to_string();
    };
    let Some((process, message)) = message.split_once(": ") else {
        return line.to_string();
    };
    if !process.bytes().all(|b| b.is_ascii_digit() || b == b'#') {
        return line.to_string();
    }
    let message = match message.strip_prefix('*').and_then(|m| m.split_once(' ')) {
        Some((number, message)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            format!("*N {message}")
        }
        _ => message.to_string(),
    };
    format!("@TIME@ {level}] @PROCESS@: {message}")
}

/// A line by line comparison of one section, whole: an answer is read best with its surroundings.
fn diff(title: &str, left: &[String], right: &[String], out: &mut String) {
    let _ = writeln!(out, "  === {title}");
    let width = right.len() + 1;
    // The longest common subsequence of what follows each pair of places.
    let mut common = vec![0u32; (left.len() + 1) * width];
    let get = |common: &[u32], i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            let best = if left.get(i) == right.get(j) {
                get(&common, i + 1, j + 1) + 1
            } else {
                get(&common, i + 1, j).max(get(&common, i, j + 1))
            };
            if let Some(cell) = common.get_mut(i * width + j) {
                *cell = best;
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    loop {
        match (left.get(i), right.get(j)) {
            (Some(l), Some(r)) if l == r => {
                let _ = writeln!(out, "    {l}");
                (i, j) = (i + 1, j + 1);
            }
            (Some(l), r) if r.is_none() || get(&common, i + 1, j) >= get(&common, i, j + 1) => {
                let _ = writeln!(out, "  - {l}");
                i += 1;
            }
            (_, Some(r)) => {
                let _ = writeln!(out, "  + {r}");
                j += 1;
            }
            _ => break,
        }
    }
}
