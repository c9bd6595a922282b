//! A file or an address of the configuration's that cannot be opened, such as a log of another machine's: nginx's line,
//! and what to do.

use std::fmt;
use std::io;
use std::path::Path;

use crate::front::log::{LogError, os_error};
use crate::front::server::FrontError;
use crate::front::user::FolderError;

/// nginx's message, and advice behind it.
#[derive(Debug)]
pub struct Unopened {
    pub message: String,
    pub advice: Option<String>,
}

impl Unopened {
    /// `path` is where it really is, `shown` as nginx names it.
    pub fn new(path: &Path, shown: &Path, error: &io::Error) -> Self {
        let reason = os_error(error);
        Self {
            message: format!("open() \"{}\" failed ({reason})", shown.display()),
            advice: advice(path, error.kind()),
        }
    }

    /// Without advice.
    pub fn plain(message: impl fmt::Display) -> Self {
        Self {
            message: message.to_string(),
            advice: None,
        }
    }
}

impl From<LogError> for Unopened {
    fn from(error: LogError) -> Self {
        Self {
            advice: advice(&error.path, error.source.kind()),
            message: error.to_string(),
        }
    }
}

impl From<FolderError> for Unopened {
    fn from(error: FolderError) -> Self {
        Self {
            advice: advice(&error.folder, error.source.kind()),
            message: error.to_string(),
        }
    }
}

impl From<FrontError> for Unopened {
    fn from(error: FrontError) -> Self {
        let kind = match &error {
            FrontError::Bind { source, .. } => Some(source.kind()),
            _ => None,
        };
        let advice = match kind {
            Some(io::ErrorKind::PermissionDenied) => {
                "ports below 1024 are root's: write another behind `listen`, such as 8080"
            }
            Some(io::ErrorKind::AddrNotAvailable) => {
                "no address of this machine: write the port alone behind `listen`, or 127.0.0.1 before it"
            }
            Some(io::ErrorKind::AddrInUse) => {
                "another program listens there: stop it, or write another port behind `listen`"
            }
            _ => return Self::plain(error),
        };
        Self {
            message: error.to_string(),
            advice: Some(format!("  = help: {advice}")),
        }
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.advice {
            Some(advice) => write!(f, "\n{advice}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Unopened {}

fn advice(path: &Path, kind: io::ErrorKind) -> Option<String> {
    let folder = path.parent()?.display();
    match kind {
        io::ErrorKind::NotFound => Some(format!(
            "  = help: its folder is missing: `mkdir -p {folder}` makes it, or `--map {folder}=FOLDER` takes another"
        )),
        io::ErrorKind::PermissionDenied => Some(format!(
            "  = help: `--map {folder}=FOLDER` takes a folder that you may write to"
        )),
        _ => None,
    }
}
