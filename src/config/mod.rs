//! nginx's language: text to tokens to directives with spans to the typed [`model`]; diagnostics on the way.

pub mod diagnostics;
pub mod model;
pub mod regex;
pub mod source;
pub mod template;
pub mod tree;
pub mod variables;
