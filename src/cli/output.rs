//! What the program says to a terminal that may be gone, as in `proxy-lab -t 2>&1 | head -1`: what cannot be written is
//! dropped, where `eprintln!` would panic and hide the exit code.

use std::fmt::Display;
use std::io::{Write, stderr, stdout};

use crate::config::written;

/// A line on the standard error.
pub fn complain(line: impl Display) {
    let _ = stderr()
        .lock()
        .write_all(&written::bytes(&format!("{line}\n")));
}

/// A text on the standard error that brings its own ends of lines.
pub fn show(text: impl Display) {
    let _ = stderr()
        .lock()
        .write_all(&written::bytes(&text.to_string()));
}

/// A line on the standard output.
pub fn answer(line: impl Display) {
    let _ = writeln!(stdout().lock(), "{line}");
}
