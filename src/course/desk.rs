//! Where a learner works: `lab/work/NN-name/`, a copy of the exercise, so that an update of the course never conflicts.
//!
//! The name of the exercise that is being worked on stands in `lab/work/current` (or `lesson`): the running lab serves it.
//! Below it stands the folder of an exercise of another course, for the lab to find the exercise's backends.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::exercise::Exercise;

/// What `current` says while no exercise is being worked on.
pub const LESSON: &str = "lesson";

/// Parts of an exercise that a learner does not get at once.
const KEPT_BACK: [&str; 5] = [
    "check.toml",
    "hints.md",
    "explanation.md",
    "solution",
    "wrong",
];

/// The folder of the exercises that were started.
#[derive(Debug, Clone)]
pub struct Desk {
    pub folder: PathBuf,
}

/// A file of the desk cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct DeskError {
    path: PathBuf,
    source: io::Error,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DeskError {
    let path = path.to_owned();
    move |source| DeskError { path, source }
}

impl Desk {
    pub fn progress(&self) -> PathBuf {
        self.folder.join("progress.toml")
    }

    pub fn folder_of(&self, exercise: &Exercise) -> PathBuf {
        self.folder.join(&exercise.name)
    }

    /// The exercise being worked on; `None` for the lesson, or before the first.
    pub fn current(&self) -> Option<String> {
        let text = fs::read_to_string(self.folder.join("current")).ok()?;
        let name = text.lines().next().unwrap_or_default().trim();
        (!name.is_empty() && name != LESSON).then(|| name.to_owned())
    }

    /// Makes it the one being worked on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_current(&self, name: &str) -> Result<(), DeskError> {
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        let file = self.folder.join("current");
        // By renaming: the running lab never reads half a name.
        let new = self.folder.join(".current.new");
        fs::write(&new, format!("{name}\n")).map_err(at(&new))?;
        fs::rename(&new, &file).map_err(at(&file))
    }

    /// Copies what the learner has not got of the exercise; true if it was not started before.
    ///
    /// # Errors
    /// A file cannot be copied.
    pub fn start(&self, exercise: &Exercise) -> Result<bool, DeskError> {
        let folder = self.folder_of(exercise);
        let new = !folder.join("nginx.conf").is_file();
        if new {
            copy(&exercise.folder, &folder, true)?;
        }
        for name in ["logs", "tmp"] {
            let made = folder.join(name);
            fs::create_dir_all(&made).map_err(at(&made))?;
        }
        self.set_current(&self.note_of(exercise))?;
        Ok(new)
    }

    /// What `current` says of an exercise.
    fn note_of(&self, exercise: &Exercise) -> String {
        let own = self.folder.with_file_name("exercises").join(&exercise.name);
        match exercise.folder.canonicalize() {
            Ok(real) if own.canonicalize().ok().as_ref() != Some(&real) => {
                format!("{}\n{}", exercise.name, real.display())
            }
            _ => exercise.name.clone(),
        }
    }

    /// Begins the exercise anew; where the work so far was put.
    ///
    /// # Errors
    /// A file cannot be moved or copied.
    pub fn reset(&self, exercise: &Exercise) -> Result<PathBuf, DeskError> {
        let folder = self.folder_of(exercise);
        let backups = self.folder.join("backups");
        fs::create_dir_all(&backups).map_err(at(&backups))?;
        let free = (1..).map(|n| backups.join(format!("{}-{n}", exercise.name)));
        let Some(backup) = free.into_iter().find(|path| !path.exists()) else {
            return Err(at(&backups)(io::ErrorKind::AlreadyExists.into()));
        };
        fs::rename(&folder, &backup).map_err(at(&folder))?;
        self.start(exercise)?;
        Ok(backup)
    }
}

/// Copies a folder; of an exercise's own (`top`) without what is kept back.
fn copy(from: &Path, to: &Path, top: bool) -> Result<(), DeskError> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))?.flatten() {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with('.') || (top && KEPT_BACK.contains(&&*text)) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if from.is_dir() {
            copy(&from, &to, false)?;
        } else if !to.exists() {
            fs::copy(&from, &to).map_err(at(&from))?;
        }
    }
    Ok(())
}
