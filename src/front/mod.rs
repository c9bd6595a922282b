//! The server on 3000: choose server and location, rewrite, access, content, filters.
//!
//! Takes a finished [`crate::config::model::Model`] and never parses.

pub mod proxy;
pub mod reply;
pub mod request;
pub mod variables;
pub mod worker;
