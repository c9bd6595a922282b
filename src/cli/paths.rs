//! Which file is served and what its relative paths are relative to: lab mode or nginx mode.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::config::{FolderMap, LoadOptions};
use crate::course::client::quoted;

use super::{Arguments, CliError};

/// The lab serves the lesson with its backend and story; nginx mode serves a file and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Lab,
    Nginx,
}

/// The folders of this run.
#[derive(Debug, Clone)]
pub struct Places {
    pub mode: Mode,
    /// The folder that holds `lab/`; in nginx mode the prefix.
    pub root: PathBuf,
    /// Absolute in lab mode; in nginx mode as it was given.
    pub prefix: PathBuf,
    /// As it was named, or the built-in `lab/nginx.conf`.
    pub file: PathBuf,
    /// What of the lab `file` is; the lesson in nginx mode.
    pub current: Current,
}

impl Places {
    /// Nginx mode with `-c` or `-p`, else the nearest lab upward.
    ///
    /// # Errors
    /// The current folder cannot be read, there is no lab, or the exercise that was started has gone.
    pub fn find(arguments: &Arguments) -> Result<Self, CliError> {
        let here = std::env::current_dir().map_err(CliError::Folder)?;
        if arguments.file.is_none() && arguments.prefix.is_none() {
            let root = nearest_lab(&here)?;
            let places = Self::of_lab(&root, &current(&root));
            places.are_there()?;
            return Ok(places);
        }
        // As it was given: nginx's messages show it so.
        let prefix = arguments.prefix.clone().unwrap_or(here);
        let file = arguments
            .file
            .clone()
            .unwrap_or_else(|| PathBuf::from("lab/nginx.conf"));
        Ok(Self {
            mode: Mode::Nginx,
            root: prefix.clone(),
            prefix,
            file,
            current: Current::Lesson,
        })
    }

    /// The lesson, or an exercise, of the lab at `root`.
    pub fn of_lab(root: &Path, current: &Current) -> Self {
        let (prefix, file) = match current {
            Current::Lesson => (root.to_owned(), PathBuf::from("lab/nginx.conf")),
            Current::Exercise(name) => (
                root.join("lab/work").join(name),
                PathBuf::from("nginx.conf"),
            ),
        };
        Self {
            mode: Mode::Lab,
            root: root.to_owned(),
            prefix,
            file,
            current: current.clone(),
        }
    }

    /// The file as people call it: relative to the lab where it lies in it.
    pub fn shown(&self) -> String {
        let file = self.prefix.join(&self.file);
        let short = file.strip_prefix(&self.root).unwrap_or(&file);
        short.display().to_string()
    }

    /// The exercise that is served, if it is one.
    pub fn exercise(&self) -> Option<&str> {
        let work = self.root.join("lab/work");
        self.prefix.strip_prefix(work).ok()?.to_str()
    }

    /// The folder that the exercise was copied from.
    pub fn exercise_folder(&self) -> Option<PathBuf> {
        let name = self.exercise()?;
        let noted = std::fs::read_to_string(self.root.join("lab/work/current")).ok();
        let of_another_course = noted.as_deref().and_then(|text| text.lines().nth(1));
        Some(match of_another_course {
            Some(folder) => PathBuf::from(folder),
            None => self.root.join("lab/exercises").join(name),
        })
    }

    /// Says what to do where the file of the exercise that was started has gone.
    ///
    /// # Errors
    /// It has.
    fn are_there(&self) -> Result<(), CliError> {
        match self.exercise() {
            Some(name) if !self.prefix.join(&self.file).exists() => Err(CliError::NoExercise {
                file: self.shown(),
                name: name.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// A file that cannot be loaded, with the way back where it is an exercise's.
    pub fn explained(&self, error: CliError) -> CliError {
        match (error, self.exercise()) {
            (CliError::Config(text), Some(_)) => CliError::Config(format!(
                "{}\n{} is the exercise that was started: mend it, or go back to the lesson: proxy-lab start lesson",
                text.trim_end(),
                self.shown()
            )),
            (error, _) => error,
        }
    }

    pub fn load_options(&self, arguments: &Arguments) -> LoadOptions {
        LoadOptions {
            file: self.file.clone(),
            prefix: self.prefix.clone(),
            globals: arguments.globals.clone(),
            error_log: arguments.error_log.clone(),
            map: FolderMap::new(arguments.map.clone()),
            foreign: self.mode == Mode::Nginx,
            stub: arguments.stub_upstreams.then_some(arguments.backend_listen),
        }
    }
}

/// What the lab serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    /// `lab/nginx.conf`
    Lesson,
    /// `lab/work/NAME/nginx.conf`
    Exercise(String),
}

/// What the lab at `root` is to serve: `lab/work/current` names it, where an exercise was started.
pub fn current(root: &Path) -> Current {
    let Ok(text) = std::fs::read_to_string(root.join("lab/work/current")) else {
        return Current::Lesson;
    };
    let name = text.lines().next().unwrap_or_default().trim();
    // A name of a folder there, and nothing that leads elsewhere.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_name = !name.is_empty() && !name.starts_with('.') && name.chars().all(plain);
    if !is_name || name == "lesson" {
        return Current::Lesson;
    }
    Current::Exercise(name.to_owned())
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
                    folder: quoted(&folder.join("lab").display().to_string()),
                });
            }
            _ => {}
        }
    }
    Err(CliError::NoLab {
        here: from.display().to_string(),
    })
}
