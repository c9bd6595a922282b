//! A case as its folder says it: a configuration, files to serve, and conversations to hold.

use super::OracleError;
use super::ports;
use super::spec::CaseSpec;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One case: one configuration and what is sent to it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The folder's name, or `heads/NAME` for a table of heads.
    pub name: String,
    /// The data file that was read.
    pub file: PathBuf,
    /// The text of nginx.conf, its `@NAMES@` not yet replaced.
    pub config: String,
    /// The folder copied into the prefix, if there is one.
    pub files: Option<PathBuf>,
    /// The texts of the files in it that the configuration may include: `*.conf`, `*.inc` and `sites-enabled/*`.
    includes: Vec<String>,
    /// Where nginx's answers are recorded.
    pub expected: PathBuf,
    /// What stands in the case or its recorded answers and looks like a port: no port of a run is one of them.
    pub numbers: BTreeSet<u16>,
    pub spec: CaseSpec,
}

impl Case {
    /// The case in the folder `dir`.
    pub fn load(dir: &Path) -> Result<Case, OracleError> {
        let name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let files = dir.join("files");
        Case::read(
            name,
            dir.join("case.toml"),
            dir.join("nginx.conf"),
            files,
            dir.join("expected.txt"),
        )
    }

    /// The table of heads in `file`; all tables share the configuration beside them.
    pub fn load_heads(file: &Path) -> Result<Case, OracleError> {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let dir = file.parent().unwrap_or(Path::new("."));
        let expected = dir.join(format!("{stem}.expected.txt"));
        Case::read(
            format!("heads/{stem}"),
            file.into(),
            dir.join("nginx.conf"),
            dir.join("files"),
            expected,
        )
    }

    /// One that no folder holds.
    #[allow(dead_code, reason = "only the random cases are made")]
    pub fn made(name: String, config: String, spec: CaseSpec) -> Case {
        Case {
            file: name.clone().into(),
            expected: name.clone().into(),
            numbers: ports::numbers(&config).collect(),
            name,
            config,
            files: None,
            includes: Vec::new(),
            spec,
        }
    }

    fn read(
        name: String,
        file: PathBuf,
        config: PathBuf,
        files: PathBuf,
        expected: PathBuf,
    ) -> Result<Case, OracleError> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(OracleError::io(format!("reading {}", path.display())))
        };
        let said = read(&file)?;
        let spec: CaseSpec =
            toml::from_str(&said).map_err(|error| OracleError::case(&file, error.to_string()))?;
        let mut includes = Vec::new();
        if files.is_dir() {
            read_includes(&files, &mut includes)?;
        }
        let config = read(&config)?;
        // Not yet there for a case that is about to be recorded.
        let recorded = fs::read_to_string(&expected).unwrap_or_default();
        let case = Case {
            numbers: [&said, &config, &recorded]
                .into_iter()
                .chain(&includes)
                .flat_map(|text| ports::numbers(text))
                .collect(),
            config,
            includes,
            files: files.is_dir().then_some(files),
            name,
            file,
            expected,
            spec,
        };
        case.check()?;
        Ok(case)
    }

    fn check(&self) -> Result<(), OracleError> {
        let mut names = BTreeSet::new();
        for connection in &self.spec.connection {
            let name = &connection.name;
            if !names.insert(name) {
                return Err(OracleError::case(
                    &self.file,
                    format!("two connections are named {name:?}"),
                ));
            }
            let forms = [
                connection.send.is_some(),
                !connection.request.is_empty(),
                !connection.step.is_empty(),
            ];
            if forms.iter().filter(|used| **used).count() != 1 {
                let what = format!("{name:?} must have one of send, request and step");
                return Err(OracleError::case(&self.file, what));
            }
        }
        Ok(())
    }

    /// The same case under another configuration; the ports that only the old one names stay.
    #[allow(dead_code, reason = "only the proofs change a case")]
    pub fn with_config(&self, config: String) -> Case {
        let mut changed = self.clone();
        changed
            .includes
            .push(std::mem::replace(&mut changed.config, config));
        changed
    }

    /// All texts in which a port may be named.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.config.as_str()).chain(self.includes.iter().map(String::as_str))
    }
}

/// Whether a file is part of the configuration, so that names in it are replaced.
pub fn is_include(path: &Path) -> bool {
    let by_name = path
        .extension()
        .is_some_and(|extension| extension == "conf" || extension == "inc");
    // Debian's sites have no ending.
    by_name
        || path
            .parent()
            .is_some_and(|folder| folder.ends_with("sites-enabled"))
}

fn read_includes(folder: &Path, into: &mut Vec<String>) -> Result<(), OracleError> {
    let what = || OracleError::io(format!("reading {}", folder.display()));
    for entry in fs::read_dir(folder).map_err(what())? {
        let path = entry.map_err(what())?.path();
        if path.is_dir() {
            read_includes(&path, into)?;
        } else if is_include(&path) {
            into.push(fs::read_to_string(&path).map_err(what())?);
        }
    }
    Ok(())
}
