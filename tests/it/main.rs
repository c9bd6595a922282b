//! The tests over real sockets, in one binary so that they are linked once.

#[path = "../support/mod.rs"]
mod support;

mod forwarded;
mod observed;
mod broken_files;
mod command_line;
mod static_files;
mod traversal;
mod upstream_sockets;
