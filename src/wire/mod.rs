//! HTTP/1 on the socket, both ways, as nginx reads and writes it: heads, framing, limits, timers.
//!
//! Knows sockets and bytes, and nothing of configuration files.

pub mod answer;
pub mod answer_parser;
pub mod body;
mod chars;
pub mod chunked;
pub mod connection;
pub mod counts;
pub mod date;
pub mod digits;
pub mod escape;
mod field_line;
pub mod head;
pub mod host;
pub mod known;
pub mod pace;
mod request_fields;
mod request_line;
pub mod request_parser;
pub mod send;
pub mod serve;
pub mod spool;
pub mod stream;
pub mod tcp_info;
pub mod timer;
pub mod turn;
pub mod uri;
