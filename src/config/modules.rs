//! The part of the model that nginx's small modules have: what each of their directives means at a level.

use std::sync::Arc;

use bytes::Bytes;

use super::host_names::HostNames;
use super::regex::Regex;

/// Directives of the small modules, merged.
#[derive(Debug, Clone, Default)]
pub struct Modules {
    pub referers: Referers,
}

/// `valid_referers`: from which pages a request may come.
#[derive(Debug, Clone, Default)]
pub struct Referers {
    /// `none`: a request without the field may come.
    pub none: bool,
    /// `blocked`: so may one whose field has no scheme.
    pub blocked: bool,
    /// Names, each with what the page's path must begin with; empty where any will do.
    pub names: Arc<HostNames<Bytes>>,
    /// Patterns for what stands behind the scheme.
    pub patterns: Option<Arc<[Regex]>>,
    /// Patterns of `server_name`, for the name alone (`server_names`).
    pub server_patterns: Option<Arc<[Arc<Regex>]>>,
}

impl Referers {
    /// No line says anything: all may come.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.patterns.is_none() && self.server_patterns.is_none()
    }
}
