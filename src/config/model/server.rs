//! A `server` block, and how it reads the heads of requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::quick_map::QuickMap;
use crate::config::source::Span;

use super::Location;

/// A `server` block.
#[derive(Debug)]
pub struct Server {
    pub id: usize,
    /// As written, in order; without `server_name` it is `""`.
    pub names: Vec<String>,
    /// `$server_name`: the first name.
    pub name: Bytes,
    pub head: HeadSettings,
    /// The server's own level: what applies before a location is chosen.
    pub scope: Arc<Location>,
    /// `@named` locations, by name with the `@`.
    pub named: QuickMap<Bytes, Arc<Location>>,
    pub span: Span,
}

/// How a request's head is read: the directives that apply before its location is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadSettings {
    /// `client_header_timeout`, 60 s.
    pub client_header_timeout: Duration,
    /// `client_header_buffer_size`, 1k.
    pub client_header_buffer_size: usize,
    /// `large_client_header_buffers`, 4 of 8k.
    pub large_client_header_buffers: (usize, usize),
    pub ignore_invalid_headers: bool,
    pub underscores_in_headers: bool,
    /// How many fields a request's head may have.
    pub max_headers: usize,
    pub merge_slashes: bool,
}
