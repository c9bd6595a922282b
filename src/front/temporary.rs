//! Temporary files as the error log names them: a number, in folders named by its last digits.
//!
//! The lab's own are unlinked as soon as they are made, and have no name that anybody could see; the log says the one that
//! nginx would have given. Those of `client_body_in_file_only` are there under it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::config::model::TempPath;
use crate::wire::spool;

/// The file with a request's body, for `$request_body_file`.
#[derive(Debug)]
pub struct BodyFile {
    pub name: String,
    /// `client_body_in_file_only clean`: it goes with the request.
    pub cleaned: bool,
}

impl Drop for BodyFile {
    fn drop(&mut self) {
        if self.cleaned {
            // Whoever took it away was earlier.
            let _ = std::fs::remove_file(&self.name);
        }
    }
}

/// How often another name is tried.
const TRIES: usize = 100;

/// Makes the file of the next number, for its owner alone; with its number and name.
///
/// # Errors
/// It cannot be made; the name that was tried comes with it.
pub fn create(path: &TempPath) -> Result<(File, u64, String), (io::Error, String)> {
    let mut number = spool::next_number(false);
    let mut name = self::name(path, number);
    for _ in 0..TRIES {
        match open_new(Path::new(&name)) {
            Ok(file) => return Ok((file, number, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                number = spool::number_behind_a_taken_one();
                name = self::name(path, number);
            }
            Err(error) => return Err((error, name)),
        }
    }
    Err((io::ErrorKind::AlreadyExists.into(), name))
}

fn open_new(name: &Path) -> io::Result<File> {
    crate::wall::may_write(name)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    match (options.open(name), name.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            options.open(name)
        }
        (opened, _) => opened,
    }
}

/// The name of the file with this number in `path`.
pub fn name(path: &TempPath, number: u64) -> String {
    let file = format!("{number:010}");
    let mut name = path.folder.display().to_string();
    let mut end = file.len();
    for level in &path.levels {
        let start = end.saturating_sub(*level);
        name = format!("{name}/{}", file.get(start..end).unwrap_or_default());
        end = start;
    }
    format!("{name}/{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_take_digits_from_the_end() {
        let path = |levels: &[usize]| TempPath {
            folder: std::path::PathBuf::from("/t").into(),
            levels: levels.into(),
        };
        assert_eq!(name(&path(&[]), 7), "/t/0000000007");
        assert_eq!(name(&path(&[1, 2]), 1234), "/t/4/23/0000001234");
        assert_eq!(name(&path(&[2, 1, 3]), 1234), "/t/34/2/001/0000001234");
    }
}
