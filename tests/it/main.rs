//! The tests over real sockets, in one binary so that they are linked once.

#[path = "../support/mod.rs"]
mod support;

mod backends_that_fail;
mod broken_files;
mod command_line;
mod connections;
mod counts;
mod explain;
mod filters;
mod forwarded;
mod from_work;
mod hot_reload;
mod large_bodies;
mod lingering;
mod logs;
mod named_backends;
mod nginx_options;
mod observed;
mod process;
mod readers_that_leave;
mod reload;
mod slow_clients;
mod static_files;
mod timers;
mod traversal;
mod upstream_sockets;
mod worker_connections;
