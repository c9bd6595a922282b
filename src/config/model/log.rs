//! Logs: where their lines go, and what stands in them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::source::Span;
use crate::config::syslog::Syslog;
use crate::config::template::Template;

/// nginx's levels, most severe first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Emerg,
    Alert,
    Crit,
    Error,
    Warn,
    Notice,
    Info,
    Debug,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogTarget {
    /// Absolute path.
    File(PathBuf),
    Stderr,
    /// `syslog:…`
    Syslog(Syslog),
    /// `memory:SIZE`: lines that only a debugger sees, which the lab has none for.
    Memory,
}

/// `error_log FILE LEVEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLog {
    pub target: LogTarget,
    pub level: LogLevel,
}

/// `access_log PATH FORMAT [if=…]`; `off` is an empty list.
#[derive(Debug, Clone)]
pub struct AccessLog {
    pub file: AccessFile,
    /// A line without its line feed.
    pub format: Arc<LogFormat>,
    pub condition: Option<Template>,
    pub span: Option<Span>,
}

/// Where the lines of an access log go.
#[derive(Debug, Clone)]
pub enum AccessFile {
    /// Index in [`Model::logs`]: opened once.
    Opened(usize),
    /// A path with variables: opened for each line, relative to the prefix.
    Named(Template),
}

#[derive(Debug, Clone)]
pub struct LogFormat {
    pub name: String,
    pub escape: LogEscape,
    pub template: Template,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEscape {
    Default,
    Json,
    None,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    pub target: LogTarget,
    /// `buffer=`, `flush=`, `gzip=`; one for all lines that name the file.
    pub buffer: Option<LogBuffer>,
}

/// Lines that wait for others before they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBuffer {
    /// In bytes.
    pub size: usize,
    /// The longest that a line waits.
    pub flush: Option<Duration>,
    /// zlib's level, where what is written is compressed.
    pub gzip: Option<u8>,
}
