//! What is wrong with a configuration, with its place.

use super::source::Span;

/// One finding.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    pub message: String,
    pub span: Option<Span>,
}
