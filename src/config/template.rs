//! Values with variables, split at load time: nginx's "complex values".

use bytes::Bytes;

use super::variables::Var;

/// A value as pieces: evaluating it appends each to a buffer and looks nothing up by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    pub parts: Box<[Part]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Literal(Bytes),
    Variable(Var),
    /// `$1` … `$9`.
    Capture(u8),
}

impl Template {
    /// A template of constant text only.
    pub fn literal(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        if text.is_empty() {
            return Self::default();
        }
        Self {
            parts: Box::new([Part::Literal(text)]),
        }
    }

    /// Whether it reads a field of the answer, `$sent_http_…`, by itself.
    pub fn reads_sent(&self) -> bool {
        let is_sent = |part: &Part| matches!(part, Part::Variable(Var::SentHttp(_)));
        self.parts.iter().any(is_sent)
    }

    /// Its text, where it has no variables.
    pub fn as_literal(&self) -> Option<&Bytes> {
        static EMPTY: Bytes = Bytes::new();
        match &*self.parts {
            [] => Some(&EMPTY),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }
}
