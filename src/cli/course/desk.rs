//! The course and the desk that a command works with.

use std::path::PathBuf;

use crate::cli::control::Seen;
use crate::course::desk::Desk;
use crate::course::exercise::{Course, Exercise};
use crate::course::progress::{Progress, Read};

use super::{At, CommandError, me};

/// A course, and where the learner works at it.
pub struct Room {
    pub course: Course,
    pub desk: Desk,
    /// In front of paths that are shown, to shorten them.
    here: PathBuf,
    /// The folder of the project, if there is one.
    lab: Option<PathBuf>,
    /// The course as it was named.
    named: Option<PathBuf>,
}

impl Room {
    /// The lab's own course, or the one that was named.
    pub fn find(at: &At) -> Result<Self, CommandError> {
        let here = std::env::current_dir()?;
        let lab = crate::cli::paths::nearest_lab(&here);
        let course = match (&at.course, &lab) {
            (Some(course), _) => course.clone(),
            (None, Ok(lab)) => lab.join("lab/exercises"),
            (None, Err(error)) => {
                let why = error.to_string();
                let why = why.strip_prefix("proxy-lab: ").unwrap_or(&why).to_owned();
                return Err(CommandError::Said(why));
            }
        };
        let lab = lab.ok();
        let work = match &lab {
            Some(lab) => lab.join("lab/work"),
            None => course.join("work"),
        };
        Ok(Self {
            course: Course::open(&course)?,
            desk: Desk { folder: work },
            here,
            lab,
            named: at.course.clone(),
        })
    }

    /// A command of this program for this course, ready to be typed.
    pub fn command(&self, words: &str) -> String {
        match &self.named {
            Some(course) => format!("{} {words} --course {}", me(), course.display()),
            None => format!("{} {words}", me()),
        }
    }

    /// What the lab that runs here does with what was just started; `None` where there can be none.
    pub fn lab_looks(&self) -> Option<Seen> {
        self.lab.as_deref().map(crate::cli::control::look)
    }

    /// The exercise that was named, else the one being worked on.
    pub fn wanted(&self, name: Option<&str>) -> Result<&Exercise, CommandError> {
        if let Some(name) = name {
            return Ok(self.course.find(name)?);
        }
        match self.desk.current() {
            Some(current) => Ok(self.course.find(&current)?),
            None => Err(CommandError::Said(format!(
                "no exercise was started yet.\nBegin one first: {}",
                self.command("start")
            ))),
        }
    }

    /// The folder in which the learner works at an exercise.
    pub fn started(&self, exercise: &Exercise) -> Result<PathBuf, CommandError> {
        let folder = self.desk.folder_of(exercise);
        if folder.join("nginx.conf").is_file() {
            return Ok(self.short(&folder));
        }
        if folder.is_dir() {
            return Err(CommandError::Said(format!(
                "{} is missing.\nThis puts the start of the exercise there: {}",
                self.short(&folder.join("nginx.conf")).display(),
                self.command(&format!("start {}", exercise.number))
            )));
        }
        Err(CommandError::Said(format!(
            "{} was not started yet.\nBegin it first: {}",
            exercise.name,
            self.command(&format!("start {}", exercise.number))
        )))
    }

    /// A path as seen from here.
    pub fn short(&self, path: &std::path::Path) -> PathBuf {
        path.strip_prefix(&self.here).unwrap_or(path).to_owned()
    }

    /// What was done; what is to be said about the file is said.
    pub fn progress(&self) -> Progress {
        self.note(Progress::read(&self.desk.progress()))
    }

    /// Says what is to be said about the progress.
    pub fn note(&self, read: Read) -> Progress {
        if let Some(note) = &read.note {
            eprintln!("proxy-lab: {note}");
        }
        read.progress
    }

    /// The first exercise that is not done.
    pub fn next(&self, progress: &Progress) -> Option<&Exercise> {
        self.course
            .exercises
            .iter()
            .find(|exercise| !progress.is_done(&exercise.name))
    }
}
