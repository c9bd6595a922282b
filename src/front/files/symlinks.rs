//! `disable_symlinks`: whether a path leads over a symbolic link that must not be followed (nginx's `openat` walk).

use std::borrow::Cow;

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::config::filters::SymlinksDisabled;

use super::super::request::Request;
use super::super::variables;

/// Looks at every part of the path.
///
/// # Errors
/// As opening the path would fail: `LOOP` for a link that is not followed, `NOTDIR` for one in the place of a folder.
pub(super) fn check(r: &Request, path: &[u8]) -> Result<(), Errno> {
    match start(r, path) {
        None => Ok(()),
        Some(from) => walk(r.location.files.symlinks.disabled, path, from),
    }
}

/// The system call that an error line names: `usual`, or the one of the walk.
pub(super) fn call(r: &Request, path: &[u8], usual: &'static str) -> &'static str {
    match start(r, path) {
        None => usual,
        Some(_) => "openat()",
    }
}

/// Where the walk begins: behind `from=`; `None` where links are followed.
fn start(r: &Request, path: &[u8]) -> Option<usize> {
    let rules = &r.location.files.symlinks;
    if rules.disabled == SymlinksDisabled::Off {
        return None;
    }
    let Some(from) = &rules.from else {
        return Some(0);
    };
    let from = match from.as_literal() {
        Some(text) => Cow::Borrowed(&text[..]),
        None => Cow::Owned(variables::evaluate(from, r).to_vec()),
    };
    if from.is_empty() || !path.starts_with(&from) {
        return Some(0);
    }
    if from.len() == path.len() {
        return None;
    }
    Some(match (path[from.len()], from.last()) {
        (b'/', _) => from.len(),
        (_, Some(b'/')) => from.len() - 1,
        _ => 0,
    })
}

fn walk(disabled: SymlinksDisabled, path: &[u8], from: usize) -> Result<(), Errno> {
    let mut at = from;
    while at < path.len() {
        if path[at] == b'/' {
            at += 1;
            continue;
        }
        let end = path[at..]
            .iter()
            .position(|&b| b == b'/')
            .map_or(path.len(), |n| at + n);
        let part = &path[..end];
        let link = rustix::fs::lstat(part)?;
        if FileType::from_raw_mode(link.st_mode).is_symlink() {
            let is_last = end == path.len();
            match disabled {
                SymlinksDisabled::Off => {}
                SymlinksDisabled::On if is_last => return Err(Errno::LOOP),
                SymlinksDisabled::On => return Err(Errno::NOTDIR),
                SymlinksDisabled::NotOwner => {
                    if rustix::fs::stat(part)?.st_uid != link.st_uid {
                        return Err(Errno::LOOP);
                    }
                }
            }
        }
        at = end;
    }
    Ok(())
}
