//! File names as nginx makes them: relative ones get the prefix in front, as text.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::LoadOptions;
use super::written::before_nul;

/// Where relative names begin.
#[derive(Debug, Clone)]
pub struct Paths {
    /// `-p`, ends with `/`; may be relative, as given: messages show it so.
    pub prefix: Vec<u8>,
    /// The folder of the configuration file, ends with `/`: for `include`.
    pub conf_prefix: Vec<u8>,
    /// The configuration file, as nginx names it.
    pub file: PathBuf,
    /// `-e`, or `None` for `logs/error.log`.
    pub error_log: Option<PathBuf>,
    /// `--map`: where folders of the configuration's really are.
    pub map: FolderMap,
    /// The configuration may be another machine's: what it lacks here has a built-in copy.
    pub foreign: bool,
}

/// `--map FROM=TO`: where folders that a configuration names really are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderMap {
    pairs: Vec<(PathBuf, PathBuf)>,
}

impl FolderMap {
    /// Folders, both absolute; of several that fit, the longest counts.
    pub fn new(mut pairs: Vec<(PathBuf, PathBuf)>) -> Self {
        pairs.sort_by_key(|(from, _)| std::cmp::Reverse(from.components().count()));
        Self { pairs }
    }

    /// Where a file really is. What follows the folder stays as it is written.
    pub fn map(&self, path: PathBuf) -> PathBuf {
        let text = path.as_os_str().as_bytes();
        for (from, to) in &self.pairs {
            let from = from.as_os_str().as_bytes();
            let from = from.strip_suffix(b"/").unwrap_or(from);
            let rest = text.strip_prefix(from);
            if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with(b"/")) {
                let to = to.as_os_str().as_bytes();
                let to = to.strip_suffix(b"/").unwrap_or(to);
                return PathBuf::from(OsStr::from_bytes(&[to, rest].concat()));
            }
        }
        path
    }
}

impl Paths {
    pub fn new(options: &LoadOptions) -> Self {
        let LoadOptions { file, prefix, .. } = options;
        let mut text = prefix.as_os_str().as_bytes().to_vec();
        if !text.is_empty() && !text.ends_with(b"/") {
            text.push(b'/');
        }
        let map = options.map.clone();
        let file = map.map(join(&text, file.as_os_str().as_bytes()));
        let bytes = file.as_os_str().as_bytes();
        let conf_prefix = match bytes.iter().rposition(|&b| b == b'/') {
            Some(slash) if slash > 0 => bytes[..=slash].to_vec(),
            _ => text.clone(),
        };
        Self {
            prefix: text,
            conf_prefix,
            file,
            error_log: options.error_log.clone(),
            map,
            foreign: options.foreign,
        }
    }

    /// A name below the prefix, relative where the prefix is: nginx opens and shows it so.
    pub fn below_prefix(&self, name: &[u8]) -> PathBuf {
        self.map.map(join(&self.prefix, name))
    }

    /// A name that `include` gives.
    pub fn included(&self, name: &[u8]) -> PathBuf {
        self.map.map(join(&self.conf_prefix, name))
    }
}

/// For the system a name ends at its first NUL.
fn join(prefix: &[u8], name: &[u8]) -> PathBuf {
    let name = before_nul(name);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_mapped_by_whole_names_and_the_longest_first() {
        let pair = |from: &str, to: &str| (PathBuf::from(from), PathBuf::from(to));
        let map = FolderMap::new(vec![
            pair("/etc/nginx", "/work/conf"),
            pair("/etc/nginx/ssl/", "/work/keys"),
            pair("/", "/rest/"),
        ]);
        for (path, real) in [
            ("/etc/nginx/nginx.conf", "/work/conf/nginx.conf"),
            ("/etc/nginx", "/work/conf"),
            ("/etc/nginx/ssl/a.pem", "/work/keys/a.pem"),
            ("/etc/nginx/ssl2/a.pem", "/work/conf/ssl2/a.pem"),
            ("/etc/nginx2/x", "/rest/etc/nginx2/x"),
            ("/etc/nginx//conf.d/*.conf", "/work/conf//conf.d/*.conf"),
            ("etc/nginx/x", "etc/nginx/x"),
        ] {
            assert_eq!(map.map(path.into()), PathBuf::from(real), "{path}");
        }
    }
}
