//! nginx's language: text to tokens to directives with spans to the typed [`model`]; diagnostics on the way.
//!
//! [`lexer`] → [`parser`] → [`analyse`] (by the [`table`]) → `merge` → [`model`]; [`load()`] does it all.

mod accounts;
pub mod analyse;
pub mod browser;
pub mod changes;
pub mod charset;
pub mod diagnostics;
pub mod filters;
pub mod geo;
mod glob;
mod hash;
pub mod host_names;
pub mod lexer;
mod load;
pub mod map;
mod merge;
pub mod model;
pub mod modules;
pub mod names;
pub mod net;
pub mod parser;
mod paths;
pub mod prefix;
pub mod quick_map;
pub mod reach;
pub mod regex;
pub mod render;
pub mod source;
pub mod syslog;
pub mod table;
pub mod template;
pub mod tree;
mod values;
pub mod variables;
pub mod watched;
pub mod written;

pub use load::{LoadError, LoadOptions, load};
pub use paths::FolderMap;
pub use values::size;
