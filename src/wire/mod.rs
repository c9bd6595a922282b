//! HTTP/1 on the socket, both ways, as nginx reads and writes it: heads, framing, limits, timers.
//!
//! Knows sockets and bytes, and nothing of configuration files.

pub mod answer;
pub mod connection;
pub mod head;
pub mod stream;
pub mod timer;
