//! From a URI to a file: `root`, `alias`, `try_files`, `index`, `types`.

use bytes::Bytes;

use crate::config::quick_map::QuickMap;
use crate::config::source::Span;
use crate::config::template::Template;

/// `root` or `alias`.
#[derive(Debug, Clone)]
pub struct Root {
    /// The path; a constant one is absolute already, one with variables is made absolute with the prefix per request.
    pub path: Template,
    pub alias: bool,
    /// For `alias`: how many bytes of the URI the location's name covers (0 in a regex location, where the path is the whole file name).
    pub alias_cut: usize,
    pub span: Option<Span>,
}

/// `try_files` of a location.
#[derive(Debug, Clone)]
pub struct TryFiles {
    pub candidates: Vec<TryFile>,
    pub fallback: TryFallback,
    pub span: Span,
}

#[derive(Debug, Clone)]
pub struct TryFile {
    /// Without the final slash.
    pub name: Template,
    /// Written with a final slash: a directory is tested for.
    pub directory: bool,
}

#[derive(Debug, Clone)]
pub enum TryFallback {
    /// `=404`
    Status(u16),
    /// A URI (may carry `?args`), or `@named`.
    Uri(Template),
}

#[derive(Debug, Clone)]
pub struct IndexFile {
    pub name: Template,
}

/// `types`: extension (lower-case) to MIME type.
pub type MimeTypes = QuickMap<Bytes, Bytes>;
