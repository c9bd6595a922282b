//! Which file is served and what its relative paths are relative to: lab mode or nginx mode.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::LoadOptions;

use super::{Arguments, CliError};

/// The lab serves the lesson with its backend and story; nginx mode serves a file and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Lab,
    Nginx,
}

/// The folders of this run.
#[derive(Debug)]
pub struct Places {
    pub mode: Mode,
    /// Absolute.
    pub prefix: PathBuf,
    /// As it was named, or the built-in `lab/nginx.conf`.
    pub file: PathBuf,
}

impl Places {
    /// Nginx mode with `-c` or `-p`, else the nearest lab upward.
    ///
    /// # Errors
    /// The current folder cannot be read, or there is no lab.
    pub fn find(arguments: &Arguments) -> Result<Self, CliError> {
        let here = std::env::current_dir().map_err(CliError::Folder)?;
        if arguments.file.is_none() && arguments.prefix.is_none() {
            let prefix = nearest_lab(&here)?;
            return Ok(Self {
                mode: Mode::Lab,
                prefix,
                file: PathBuf::from("lab/nginx.conf"),
            });
        }
        let prefix = match &arguments.prefix {
            Some(prefix) => here.join(prefix),
            None => here,
        };
        let file = arguments
            .file
            .clone()
            .unwrap_or_else(|| PathBuf::from("lab/nginx.conf"));
        Ok(Self {
            mode: Mode::Nginx,
            prefix,
            file,
        })
    }

    pub fn load_options(&self, arguments: &Arguments) -> LoadOptions {
        LoadOptions {
            file: self.file.clone(),
            prefix: self.prefix.clone(),
            globals: arguments.globals.clone(),
            error_log: arguments.error_log.clone(),
        }
    }
}

/// The nearest folder upward that holds `lab/nginx.conf`.
///
/// # Errors
/// There is none, or one that may not be read.
pub fn nearest_lab(from: &Path) -> Result<PathBuf, CliError> {
    for folder in from.ancestors() {
        let file = folder.join("lab/nginx.conf");
        match std::fs::metadata(&file) {
            Ok(metadata) if metadata.is_file() => return Ok(folder.to_owned()),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(CliError::NoAccess {
                    file: file.display().to_string(),
                    folder: folder.join("lab").display().to_string(),
                });
            }
            _ => {}
        }
    }
    Err(CliError::NoLab {
        here: from.display().to_string(),
    })
}
