//! The entries of a folder, for `autoindex` and `random_index`.

use bytes::Bytes;
use rustix::fs::{Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::config::model::LogLevel;

use super::super::log;
use super::super::reply::Flow;
use super::super::request::Request;
use super::mapping;

/// A name in a folder, and what is known of what it leads to.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: Bytes,
    pub is_dir: bool,
    pub is_file: bool,
    pub modified: i64,
    pub size: u64,
}

/// Lists the folder of the URI; names that begin with a dot are hidden.
///
/// # Errors
/// The status for a folder that cannot be read; the log has why.
pub(super) fn list(r: &Request) -> Result<Vec<Entry>, Flow> {
    let mut path = mapping::map(r, &r.uri, 0)?.name;
    if path.len() > 1 {
        path.truncate(path.len() - 1);
    }
    let allowed = crate::wall::may_read(mapping::as_path(&path)).map_err(|_| Errno::ACCESS);
    let open = || {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&path[..], flags, Mode::empty())
    };
    let opened = allowed
        .and_then(|()| open())
        .and_then(|folder| Dir::read_from(&folder));
    let mut entries = Vec::new();
    for entry in opened.map_err(|error| unreadable(r, &path, error))? {
        let Ok(entry) = entry else { break };
        let name = entry.file_name().to_bytes();
        if !name.starts_with(b".") {
            entries.extend(entry_of(&path, name));
        }
    }
    Ok(entries)
}

/// A link that leads nowhere is shown as itself.
fn entry_of(folder: &[u8], name: &[u8]) -> Option<Entry> {
    let path = [folder, b"/", name].concat();
    let stat = rustix::fs::stat(&path[..])
        .or_else(|_| rustix::fs::lstat(&path[..]))
        .ok()?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    Some(Entry {
        name: Bytes::copy_from_slice(name),
        is_dir: kind.is_dir(),
        is_file: kind.is_file(),
        modified: stat.st_mtime,
        size: u64::try_from(stat.st_size).unwrap_or_default(),
    })
}

fn unreadable(r: &Request, path: &[u8], error: Errno) -> Flow {
    let (status, level) = match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => (404, LogLevel::Error),
        Errno::ACCESS => (403, LogLevel::Error),
        _ => (500, LogLevel::Crit),
    };
    let cause = format!("\" failed ({})", log::os_error(&error.into()));
    super::error_about(r, level, "opendir() \"", path, &cause);
    Flow::Status(status)
}
