//! What a configuration was read from, so that a change of it can be noticed: files by their contents, `include` lines
//! by what they find.

use std::path::PathBuf;

use super::glob;
use super::source::Sources;

/// The files of a configuration, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// Contents; `None` where a file cannot be read.
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
    includes: Vec<(PathBuf, Vec<PathBuf>)>,
}

impl Watched {
    /// As they were read. `file` is the configuration file, which counts even where it could not be read.
    pub fn of(file: &std::path::Path, sources: &Sources) -> Self {
        let read = sources.files().iter().filter(|source| !source.command_line);
        let mut files: Vec<_> = read
            .map(|source| (source.path.clone(), Some(source.text.clone())))
            .collect();
        if !files.iter().any(|(path, _)| path == file) {
            files.push((file.to_owned(), None));
        }
        let includes = sources.includes().iter();
        let includes = includes
            .map(|include| (include.pattern.clone(), include.found.clone()))
            .collect();
        Self { files, includes }
    }

    /// The same files as they are now.
    pub fn look(&self) -> Self {
        let files = self.files.iter();
        let includes = self.includes.iter();
        Self {
            files: files
                .map(|(path, _)| (path.clone(), std::fs::read(path).ok()))
                .collect(),
            includes: includes
                .map(|(pattern, _)| (pattern.clone(), glob::glob(pattern)))
                .collect(),
        }
    }

    /// A file that was there is not, as for a moment when an editor saves.
    pub fn lacks_any_of(&self, before: &Watched) -> bool {
        let pairs = self.files.iter().zip(&before.files);
        pairs
            .into_iter()
            .any(|((_, now), (_, then))| now.is_none() && then.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LoadOptions, load};
    use std::fs;

    #[test]
    fn contents_and_new_files_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("more")).unwrap();
        fs::write(path("a.conf"), "events { } include more/*.conf;").unwrap();
        let model = load(&LoadOptions {
            file: path("a.conf"),
            prefix: folder.path().into(),
            ..LoadOptions::default()
        })
        .unwrap();
        let watched = Watched::of(&model.file, &model.sources);
        assert_eq!(watched.look(), watched);
        fs::write(path("more/b.conf"), "").unwrap();
        assert_ne!(watched.look(), watched);
        fs::remove_file(path("more/b.conf")).unwrap();
        assert_eq!(watched.look(), watched);
        fs::remove_file(path("a.conf")).unwrap();
        assert!(watched.look().lacks_any_of(&watched));
    }

    #[test]
    fn a_file_that_is_missing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.conf");
        fs::write(&file, "events { } include none.conf;").unwrap();
        let error = load(&LoadOptions {
            file: file.clone(),
            prefix: folder.path().into(),
            ..LoadOptions::default()
        })
        .unwrap_err();
        let watched = Watched::of(&file, &error.sources);
        assert_eq!(watched.look(), watched);
        fs::write(folder.path().join("none.conf"), "").unwrap();
        assert_ne!(watched.look(), watched);
    }
}
