//! File names as nginx makes them: relative ones get the prefix in front, as text.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Where relative names begin.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `-p`, ends with `/`; may be relative, as given: messages show it so.
    pub prefix: Vec<u8>,
    /// The folder of the configuration file, ends with `/`: for `include`.
    pub conf_prefix: Vec<u8>,
    /// The configuration file, as nginx names it.
    pub file: PathBuf,
    /// The working folder, for relative prefixes.
    pub working: PathBuf,
    /// `-e`, or `None` for `logs/error.log`.
    pub error_log: Option<PathBuf>,
}

impl Paths {
    pub fn new(file: &Path, prefix: &Path, error_log: Option<&Path>) -> Self {
        let mut text = prefix.as_os_str().as_bytes().to_vec();
        if !text.is_empty() && !text.ends_with(b"/") {
            text.push(b'/');
        }
        let file = join(&text, file.as_os_str().as_bytes());
        let bytes = file.as_os_str().as_bytes();
        let conf_prefix = match bytes.iter().rposition(|&b| b == b'/') {
            Some(slash) if slash > 0 => bytes[..=slash].to_vec(),
            _ => text.clone(),
        };
        Self {
            prefix: text,
            conf_prefix,
            file,
            working: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            error_log: error_log.map(Path::to_path_buf),
        }
    }

    /// A name below the prefix, as nginx would show it.
    pub fn shown(&self, name: &[u8]) -> PathBuf {
        join(&self.prefix, name)
    }

    /// A name that `include` gives.
    pub fn included(&self, name: &[u8]) -> PathBuf {
        join(&self.conf_prefix, name)
    }

    /// A name below the prefix, absolute.
    pub fn absolute(&self, name: &[u8]) -> PathBuf {
        self.working.join(join(&self.prefix, name))
    }

    /// The prefix, absolute, ends with `/`.
    pub fn absolute_prefix(&self) -> PathBuf {
        let mut text = self
            .working
            .join(OsStr::from_bytes(&self.prefix))
            .into_os_string()
            .into_vec();
        if !text.ends_with(b"/") {
            text.push(b'/');
        }
        PathBuf::from(std::ffi::OsString::from_vec(text))
    }
}

fn join(prefix: &[u8], name: &[u8]) -> PathBuf {
    if name.starts_with(b"/") {
        return PathBuf::from(OsStr::from_bytes(name));
    }
    PathBuf::from(OsStr::from_bytes(&[prefix, name].concat()))
}

/// An error of the system as nginx shows it: `(2: No such file or directory)`.
pub fn errno(error: &std::io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(code) => {
            let text = text
                .strip_suffix(&format!(" (os error {code})"))
                .unwrap_or(&text);
            format!("({code}: {text})")
        }
        None => format!("({text})"),
    }
}
