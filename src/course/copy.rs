//! The private copy of an answer that is graded: made anew each time, so that nothing is written into the learner's
//! folder, files can be made for the check, and thirty checks at once do not meet.
//!
//! Its folders lie as in the lab (`lab/work/NAME` with `lab/mime.types` above), so that relative names lead where they
//! do there. Links are followed only within the answer's own folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::exercise::Exercise;

/// Most files and bytes of an answer.
const MOST_FILES: usize = 500;
const MOST_BYTES: u64 = 16 << 20;

/// Parts of an exercise's folder that are not the learner's.
const OURS: [&str; 7] = [
    "README.md",
    "check.toml",
    "hints.md",
    "explanation.md",
    "solution",
    "wrong",
    "nginx.conf",
];

/// An answer that cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("there is no nginx.conf in {}", .0.display())]
    NoFile(PathBuf),
    #[error("the answer is too large to be graded: more than {MOST_FILES} files or {} MiB", MOST_BYTES >> 20)]
    TooLarge,
}

/// A copy; dropping it removes it.
pub struct Copy {
    root: TempDir,
    /// The folder with the `nginx.conf`: the prefix of the graded server.
    pub folder: PathBuf,
    /// What messages call it, and its file.
    shown: (String, String),
}

impl Copy {
    /// Copies an answer: a folder with an `nginx.conf`, or that file alone. What it lacks comes from the exercise.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is too large.
    pub fn make(exercise: &Exercise, answer: &Path) -> Result<Self, CopyError> {
        let root = tempfile::Builder::new()
            .prefix("proxy-lab-check-")
            .tempdir()
            .map_err(at(&std::env::temp_dir()))?;
        // Messages of the graded server name the folder with its links followed.
        let real = root.path().canonicalize().map_err(at(root.path()))?;
        let folder = real.join("lab/work").join(&exercise.name);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let mut budget = Budget::default();
        let types = exercise.folder.join("../../mime.types");
        if types.is_file() {
            budget.file(&types, &real.join("lab/mime.types"))?;
        }
        let ours = |name: &str| OURS.contains(&name);
        budget.folder(&exercise.folder, &exercise.folder, &folder, &ours)?;
        let is_file = answer.is_file();
        let (from, file) = if is_file {
            let parent = answer.parent().filter(|parent| *parent != Path::new(""));
            (parent.unwrap_or(Path::new(".")), answer.to_owned())
        } else {
            (answer, answer.join("nginx.conf"))
        };
        // A link out of the answer's folder is no file of it.
        let base = from.canonicalize().map_err(at(from))?;
        let own = file
            .canonicalize()
            .is_ok_and(|real| real.starts_with(&base));
        if !own || !file.is_file() {
            return Err(CopyError::NoFile(answer.to_owned()));
        }
        if !is_file {
            budget.folder(&base, &base, &folder, &|name| name == "nginx.conf")?;
        }
        let copied = folder.join("nginx.conf");
        budget.file(&file, &copied)?;
        for name in ["logs", "tmp"] {
            let made = folder.join(name);
            fs::create_dir_all(&made).map_err(at(&made))?;
        }
        let copy = Self {
            root,
            shown: (from.display().to_string(), file.display().to_string()),
            folder,
        };
        copy.follow(from, &copied)?;
        Ok(copy)
    }

    /// An absolute name of the answer's own folder in its file leads into the copy.
    fn follow(&self, from: &Path, copied: &Path) -> Result<(), CopyError> {
        let Ok(from) = from.canonicalize() else {
            return Ok(());
        };
        let (Some(from), Some(to)) = (from.to_str(), self.folder.to_str()) else {
            return Ok(());
        };
        let text = fs::read(copied).map_err(at(copied))?;
        match String::from_utf8(text) {
            Ok(text) if text.contains(from) => {
                fs::write(copied, text.replace(from, to)).map_err(at(copied))
            }
            _ => Ok(()),
        }
    }

    /// Makes a file for the check.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, path: &str, text: &str) -> Result<(), CopyError> {
        let path = self.folder.join(path);
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(at(&path))
    }

    /// The folder that the graded server may write.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A text of the graded server, with the learner's folder for the copy's.
    pub fn shown(&self, text: &str) -> String {
        let folder = self.folder.display().to_string();
        let file = self.folder.join("nginx.conf").display().to_string();
        text.replace(&file, &self.shown.1)
            .replace(&folder, &self.shown.0)
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CopyError {
    let path = path.to_owned();
    move |source| CopyError::Io { path, source }
}

/// What may still be copied.
struct Budget {
    files: usize,
    bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            files: MOST_FILES,
            bytes: MOST_BYTES,
        }
    }
}

impl Budget {
    /// Copies a folder but for the names that `leave` has, hidden ones, logs and temporary files.
    fn folder(
        &mut self,
        base: &Path,
        from: &Path,
        to: &Path,
        leave: &dyn Fn(&str) -> bool,
    ) -> Result<(), CopyError> {
        let entries = fs::read_dir(from).map_err(at(from))?;
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let text = name.to_string_lossy();
            let top = from == base;
            if text.starts_with('.') || (top && (leave(&text) || text == "logs" || text == "tmp")) {
                continue;
            }
            // A link that leads elsewhere is no part of the answer.
            let Some(real) = path
                .canonicalize()
                .ok()
                .filter(|real| real.starts_with(base))
            else {
                continue;
            };
            let to = to.join(&name);
            if real.is_dir() {
                // A link to a folder could lead in circles.
                if path.is_symlink() {
                    continue;
                }
                fs::create_dir_all(&to).map_err(at(&to))?;
                self.folder(base, &path, &to, leave)?;
            } else if real.is_file() {
                self.file(&real, &to)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> Result<(), CopyError> {
        let size = from.metadata().map_err(at(from))?.len();
        if self.files == 0 || size > self.bytes {
            return Err(CopyError::TooLarge);
        }
        self.files -= 1;
        self.bytes -= size;
        fs::copy(from, to).map_err(at(from))?;
        Ok(())
    }
}
