//! The server on 3000: choose server and location, rewrite, access, content, filters.
//!
//! Takes a finished [`crate::config::model::Model`] and never parses.

mod access;
mod app;
mod bind;
pub mod choose;
mod conditional;
pub mod effects;
pub mod explain;
mod files;
mod filter;
pub mod filters;
pub mod log;
mod maps;
mod pages;
mod part;
mod phases;
pub mod proxy;
mod ranges;
mod referer;
pub mod reply;
pub mod request;
mod rewrite;
pub mod room;
pub mod server;
mod sink;
mod story;
pub mod temporary;
pub mod trace;
mod unasked;
pub mod user;
mod variables;
pub mod worker;
