//! nginx's language: text to tokens to directives with spans to the typed [`model`]; diagnostics on the way.

pub mod diagnostics;
pub mod model;
pub mod regex;
pub mod source;
pub mod template;
pub mod tree;
pub mod variables;
#[derive(Clone)]
pub struct LoadOptions {
    pub file: std::path::PathBuf,
    pub prefix: std::path::PathBuf,
    pub globals: Option<String>,
    pub error_log: Option<std::path::PathBuf>,
}
pub struct LoadError;
pub fn load(_: &LoadOptions) -> Result<model::Model, LoadError> {
    Err(LoadError)
}
