//! What is wrong with a configuration: nginx's own one-line message, and our place, reasons and advice.

use super::source::{Sources, Span};

/// The end of nginx's message about a directive in the wrong block.
pub const MISPLACED: &str = "is not allowed here";
/// nginx's message about a block that is never closed.
pub const UNCLOSED: &str = "unexpected end of file, expecting \"}\"";

/// How bad a finding is, in nginx's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Emerg,
    Alert,
    /// Something could not be read.
    Crit,
    /// The configuration can be used.
    Warn,
}

impl Severity {
    /// As it stands between brackets in nginx's line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Warn => "warn",
        }
    }
}

/// What nginx's line says about the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing: nginx no longer knows it.
    None,
    /// ` in FILE:LINE`; the line is where nginx stood (the end of the directive).
    Line { file: u16, line: u32 },
}

/// A second place that explains the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub span: Span,
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// nginx's own words where nginx detects it, without the place.
    pub message: String,
    /// The place that nginx's line names.
    pub place: Place,
    /// The words that are wrong, for the caret.
    pub span: Option<Span>,
    /// What stands beside the caret.
    pub label: String,
    pub notes: Vec<Note>,
    /// "help:" lines.
    pub help: Vec<String>,
    pub(super) order: Order,
}

/// Sorts findings in the order in which nginx would meet them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// 0 for `-g`, 1 for the file, 2 for what is found after "syntax is ok".
    pub phase: u8,
    /// From the main file inwards: for each `include`, its offset and which of its files; at last an offset.
    pub path: Vec<u32>,
    /// Among findings at the end of `http`: the module's turn.
    pub rank: u16,
}

impl Order {
    /// Goes into the `number`th file that the line at `at` includes.
    pub(super) fn enter(&mut self, at: Span, number: u32) {
        self.path.extend([at.start, number]);
    }

    /// Comes back from it.
    pub(super) fn leave(&mut self) {
        self.path.truncate(self.path.len().saturating_sub(2));
    }

    /// How many `include`s deep it is.
    pub(super) fn depth(&self) -> usize {
        self.path.len() / 2
    }
}

impl Diagnostic {
    /// A finding with nginx's message; the place comes by [`Diagnostic::at`].
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            place: Place::None,
            span: None,
            label: String::new(),
            notes: Vec::new(),
            help: Vec::new(),
            order: Order::default(),
        }
    }

    pub fn emerg(message: impl Into<String>) -> Self {
        Self::new(Severity::Emerg, message)
    }

    pub fn warn(message: impl Into<String>) -> Self {
        Self::new(Severity::Warn, message)
    }

    /// Where the caret points.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The line that nginx names: the one where `end` lies.
    #[must_use]
    pub fn line(mut self, end: Span) -> Self {
        self.place = Place::Line {
            file: end.file,
            line: end.line,
        };
        self
    }

    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    #[must_use]
    pub fn note(mut self, span: Span, text: impl Into<String>) -> Self {
        self.notes.push(Note {
            span,
            text: text.into(),
        });
        self
    }

    /// Where nginx meets it, as an offset in its file.
    pub(super) fn met_at(mut self, offset: u32) -> Self {
        self.order.path = vec![offset];
        self
    }

    /// True where nginx would stop.
    pub fn is_fatal(&self) -> bool {
        self.severity != Severity::Warn
    }

    /// nginx's line without its time: `[emerg] unknown directive "x" in FILE:3`.
    pub fn line_text(&self, sources: &Sources) -> String {
        let mut text = format!("[{}] {}", self.severity.as_str(), self.message);
        if let Place::Line { file, line } = self.place {
            match sources.get(file) {
                Some(source) if source.command_line => text.push_str(" in command line"),
                Some(source) => {
                    text.push_str(&format!(" in {}:{line}", source.path.to_string_lossy()));
                }
                None => {}
            }
        }
        text
    }
}
