//! What a learner has done: a small file that a person can read and edit.
//!
//! A file that cannot be read is moved aside under another name, and that is said; it is never thrown away.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;

/// The form of the file.
const VERSION: u32 = 1;

/// What is remembered of a course.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    version: u32,
    #[serde(default)]
    exercises: BTreeMap<String, Done>,
}

/// What is remembered of an exercise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Done {
    /// The day on which it was right for the first time.
    pub done: Option<String>,
    /// How often it was checked before.
    pub tries: u32,
    /// How many hints were shown.
    pub hints: usize,
}

/// The file cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the progress cannot be kept in {}: {source}", path.display())]
pub struct ProgressError {
    path: PathBuf,
    source: io::Error,
}

/// The progress as read, and what is to be said about it.
#[derive(Debug, Default)]
pub struct Read {
    pub progress: Progress,
    /// The old file was put aside.
    pub note: Option<String>,
}

impl Progress {
    pub fn of(&self, exercise: &str) -> Done {
        self.exercises.get(exercise).cloned().unwrap_or_default()
    }

    pub fn is_done(&self, exercise: &str) -> bool {
        self.of(exercise).done.is_some()
    }

    /// Reads the file; one that cannot be read is moved aside.
    pub fn read(path: &Path) -> Read {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Read::default(),
            Err(error) => return aside(path, &error.to_string()),
        };
        match toml::from_str::<Self>(&text) {
            Ok(progress) if progress.version == VERSION => Read {
                progress,
                note: None,
            },
            Ok(other) => {
                let why = format!(
                    "it has version {}, and this program writes {VERSION}",
                    other.version
                );
                aside(path, &why)
            }
            Err(error) => aside(path, error.message()),
        }
    }

    /// Changes what is remembered of an exercise; several programs may do so at once.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn change(
        path: &Path,
        exercise: &str,
        change: impl FnOnce(&mut Done),
    ) -> Result<Read, ProgressError> {
        let failed = |source| ProgressError {
            path: path.to_owned(),
            source,
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join(".progress.lock")).map_err(failed)?;
        flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let mut read = Self::read(path);
        read.progress.version = VERSION;
        change(
            read.progress
                .exercises
                .entry(exercise.to_owned())
                .or_default(),
        );
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(read.progress.text().as_bytes())
            .map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(read)
    }

    fn text(&self) -> String {
        let mut text = format!(
            "# What you have done in the course. Written by proxy-lab; you may edit it.\nversion = {VERSION}\n"
        );
        for (name, done) in &self.exercises {
            text.push_str(&format!("\n[exercises.{}]\n", quoted(name)));
            if let Some(day) = &done.done {
                text.push_str(&format!("done = {}\n", quoted(day)));
            }
            text.push_str(&format!("tries = {}\nhints = {}\n", done.tries, done.hints));
        }
        text
    }
}

/// A text in quotes: JSON's form is TOML's too.
fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

/// Moves a file that cannot be read to a name that is free, and begins anew.
fn aside(path: &Path, why: &str) -> Read {
    let free = (1..1000)
        .map(|n| path.with_extension(format!("toml.old-{n}")))
        .find(|candidate| !candidate.exists());
    let moved = free.and_then(|to| fs::rename(path, &to).ok().map(|()| to));
    let what = match moved {
        Some(to) => format!("It was kept as {}, and a new one is begun.", to.display()),
        None => "It could not be moved aside: move it yourself.".to_owned(),
    };
    Read {
        progress: Progress::default(),
        note: Some(format!(
            "The progress in {} cannot be read ({}).\n{what}",
            path.display(),
            why.trim()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.toml");
        Progress::change(&path, "01-a", |done| done.done = Some("2026-11-25".into())).unwrap();
        Progress::change(&path, "02-b \"odd\"", |done| done.hints = 2).unwrap();
        let read = Progress::read(&path);
        assert_eq!(read.note, None);
        assert!(read.progress.is_done("01-a"));
        assert_eq!(read.progress.of("02-b \"odd\"").hints, 2);
    }

    #[test]
    fn a_broken_or_other_file_is_kept_under_another_name() {
        for text in ["version = ", "version = 99\n", "[exercises]\n", "\u{0}"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("progress.toml");
            fs::write(&path, text).unwrap();
            let read = Progress::change(&path, "01-a", |done| done.tries += 1).unwrap();
            let note = read.note.unwrap();
            assert!(note.contains("progress.toml.old-1"), "{note}");
            let kept = fs::read_to_string(folder.path().join("progress.toml.old-1")).unwrap();
            assert_eq!(kept, text);
            assert_eq!(Progress::read(&path).progress.of("01-a").tries, 1);
        }
    }
}
