//! The command line; nothing else.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Each request makes and drops some forty small things, which glibc's malloc does at three times the cost.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    proxy_lab::cli::run()
}
