//! The server on 3000: choose server and location, rewrite, access, content, filters.
//!
//! Takes a finished [`crate::config::model::Model`] and never parses.

mod access;
mod app;
mod base64;
mod bind;
pub mod choose;
mod conditional;
pub mod effects;
mod empty_gif;
pub mod explain;
mod field_lines;
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
mod secure_link;
pub mod server;
mod sink;
mod status;
mod story;
pub mod temporary;
pub mod trace;
mod unasked;
pub mod user;
pub mod user_id;
mod variables;
pub mod worker;
