//! The oracle: asks nginx 1.22.1 and the lab the same questions and compares every byte of what is seen.
//!
//! Shared by `tests/differential` (nginx beside the lab) and `tests/recorded.rs` (the lab against nginx's recorded answers).
//! How cases are written is told in `tests/differential/README.md`.

pub mod backend;
pub mod bytes;
pub mod case;
pub mod client;
mod exchange;
pub mod framing;
pub mod names;
pub mod ports;
#[path = "../ports.rs"]
pub mod reserved;
pub mod run;
pub mod server;
pub mod spec;
pub mod suite;
pub mod transcript;

use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong in the harness itself (a difference between two programs is no error: it is the result).
#[derive(Debug, thiserror::Error)]
pub enum OracleError {
    /// A case's file does not say what a case must say.
    #[error("{}: {what}", .file.display())]
    Case { file: PathBuf, what: String },
    /// A text with escapes is not well formed.
    #[error("in the text {text:?}: {what}")]
    Text { text: String, what: &'static str },
    /// A file or a socket failed under the harness.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// A server did not start, or did not stop when told to.
    #[error("{program}: {what}")]
    Server { program: String, what: String },
    /// Something that had to happen did not happen in time.
    #[error("timed out: {0}")]
    Timeout(String),
}

impl OracleError {
    /// Turns an I/O error into one that says what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| OracleError::Io { what, source }
    }

    /// A complaint about a case's file.
    pub fn case(file: &Path, what: impl Into<String>) -> Self {
        OracleError::Case {
            file: file.to_path_buf(),
            what: what.into(),
        }
    }
}

/// The folder of the cases, the heads and their recorded answers.
pub fn data_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}
