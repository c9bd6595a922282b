//! A course on the disk: a folder of exercises, each a folder `NN-name`.

use std::io;
use std::path::{Path, PathBuf};

use super::checks::{self, Checks, ChecksError};

/// A folder of exercises.
#[derive(Debug, Clone)]
pub struct Course {
    pub folder: PathBuf,
    /// By number.
    pub exercises: Vec<Exercise>,
}

/// One exercise; its files are read when they are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exercise {
    pub number: u32,
    /// The folder's name: `04-trailing-slash`.
    pub name: String,
    pub folder: PathBuf,
}

/// A wrong answer that learners give, and what they must be told.
#[derive(Debug, Clone)]
pub struct WrongAnswer {
    pub file: PathBuf,
    /// The first line of the verdict.
    pub says: String,
}

/// A course or an exercise that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CourseError {
    #[error("{}: the exercises cannot be read: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("{}: there is no exercise here: a folder such as 01-hello with a check.toml", .0.display())]
    Empty(PathBuf),
    #[error("{} and {} have the same number", .0, .1)]
    SameNumber(String, String),
    #[error("there is no exercise \"{wanted}\": {known}")]
    Unknown { wanted: String, known: String },
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}: {message}", path.display())]
    Content { path: PathBuf, message: String },
    #[error(transparent)]
    Checks(#[from] ChecksError),
}

impl Course {
    /// The exercises of a folder, in the order of their numbers.
    ///
    /// # Errors
    /// The folder cannot be read, or is no course.
    pub fn open(folder: &Path) -> Result<Self, CourseError> {
        let failed = |source| CourseError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let mut exercises: Vec<Exercise> = std::fs::read_dir(folder)
            .map_err(failed)?
            .flatten()
            .filter_map(|entry| Exercise::at(&entry.path()))
            .collect();
        exercises.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
        if exercises.is_empty() {
            return Err(CourseError::Empty(folder.to_owned()));
        }
        if let Some(two) = exercises
            .windows(2)
            .find(|two| two[0].number == two[1].number)
        {
            return Err(CourseError::SameNumber(
                two[0].name.clone(),
                two[1].name.clone(),
            ));
        }
        Ok(Self {
            folder: folder.to_owned(),
            exercises,
        })
    }

    /// An exercise by its number (`4`, `04`), its folder's name, or the name without its number.
    ///
    /// # Errors
    /// There is none; the message says what there is.
    pub fn find(&self, wanted: &str) -> Result<&Exercise, CourseError> {
        let number = wanted.parse::<u32>().ok();
        let fits = |e: &&Exercise| {
            Some(e.number) == number || e.name == wanted || e.short_name() == wanted
        };
        if let Some(found) = self.exercises.iter().find(fits) {
            return Ok(found);
        }
        let near = self
            .exercises
            .iter()
            .map(|e| {
                (
                    strsim::normalized_damerau_levenshtein(e.short_name(), wanted),
                    e,
                )
            })
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(likeness, _)| *likeness > 0.5);
        let last = self.exercises.last().map_or(0, |e| e.number);
        let known = match near {
            Some((_, e)) => format!("did you mean {}?", e.name),
            None => format!("there are 1 to {last}"),
        };
        Err(CourseError::Unknown {
            wanted: wanted.to_owned(),
            known,
        })
    }

    /// The one behind it.
    pub fn after(&self, exercise: &Exercise) -> Option<&Exercise> {
        self.exercises.iter().find(|e| e.number > exercise.number)
    }
}

impl Exercise {
    /// The exercise that a folder is, if it is called `NN-name` and has a check.toml.
    pub fn at(folder: &Path) -> Option<Self> {
        let name = folder.file_name()?.to_str()?.to_owned();
        let (number, rest) = name.split_once('-')?;
        let number = number.parse().ok()?;
        let right = !rest.is_empty() && folder.join("check.toml").is_file();
        right.then(|| Self {
            number,
            name,
            folder: folder.to_owned(),
        })
    }

    /// The name without its number.
    fn short_name(&self) -> &str {
        self.name
            .split_once('-')
            .map_or(&self.name, |(_, rest)| rest)
    }

    /// What is checked.
    ///
    /// # Errors
    /// See [`checks::load`].
    pub fn checks(&self) -> Result<Checks, CourseError> {
        Ok(checks::load(&self.folder.join("check.toml"), &self.folder)?)
    }

    pub fn start(&self) -> PathBuf {
        self.folder.join("nginx.conf")
    }

    pub fn solution(&self) -> PathBuf {
        self.folder.join("solution/nginx.conf")
    }

    /// The text of a file of the exercise.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn text(&self, name: &str) -> Result<String, CourseError> {
        let path = self.folder.join(name);
        std::fs::read_to_string(&path).map_err(|source| CourseError::File { path, source })
    }

    /// The hints, each telling more: the parts of hints.md between lines of `---`.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn hints(&self) -> Result<Vec<String>, CourseError> {
        let text = self.text("hints.md")?;
        let mut hints = vec![String::new()];
        for line in text.lines() {
            match (line.trim_end(), hints.last_mut()) {
                ("---", _) => hints.push(String::new()),
                (line, Some(last)) => {
                    last.push_str(line);
                    last.push('\n');
                }
                (_, None) => {}
            }
        }
        let hints = hints.iter().map(|hint| hint.trim().to_owned());
        Ok(hints.filter(|hint| !hint.is_empty()).collect())
    }

    /// The wrong answers of the folder `wrong`, by name; each begins with a line `# says: …`.
    ///
    /// # Errors
    /// A file cannot be read or lacks the line.
    pub fn wrong_answers(&self) -> Result<Vec<WrongAnswer>, CourseError> {
        let folder = self.folder.join("wrong");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            return Ok(Vec::new());
        };
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.retain(|file| file.extension().is_some_and(|ext| ext == "conf"));
        files.sort();
        let wrong = |file: PathBuf| {
            let text = std::fs::read_to_string(&file).map_err(|source| CourseError::File {
                path: file.clone(),
                source,
            })?;
            let first = text.lines().next().unwrap_or_default();
            match first.strip_prefix("# says: ") {
                Some(says) => Ok(WrongAnswer {
                    says: says.trim().to_owned(),
                    file,
                }),
                None => Err(CourseError::Content {
                    path: file,
                    message:
                        "the first line must be \"# says: \" and the first line of the verdict"
                            .to_owned(),
                }),
            }
        };
        files.into_iter().map(wrong).collect()
    }
}
