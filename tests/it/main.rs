//! The tests over real sockets, in one binary so that they are linked once.

#[path = "../support/mod.rs"]
mod support;

mod broken_files;
mod command_line;
mod forwarded;
mod observed;
mod static_files;
mod traversal;
mod upstream_sockets;
