//! The file with the process's number, as long as the process serves.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::config::model::Process;

use super::CliError;
use super::unopened::Unopened;

/// The file that `pid` names; removed when this is dropped.
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// # Errors
    /// It cannot be written, in nginx's words.
    pub fn write(process: &Process) -> Result<Self, CliError> {
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o644);
        let number = format!("{}\n", std::process::id());
        opened
            .open(&process.pid)
            .and_then(|mut file| file.write_all(number.as_bytes()))
            .map_err(|error| Unopened::new(&process.pid, &process.pid_shown, &error))?;
        Ok(Self {
            path: process.pid.clone(),
        })
    }

    /// The file of a configuration that takes the place of this one's, where that is another.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn moved(&self, process: &Process) -> Result<Option<Self>, CliError> {
        match process.pid == self.path {
            true => Ok(None),
            false => Self::write(process).map(Some),
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
