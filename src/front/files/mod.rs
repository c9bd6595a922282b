//! Static content: from a URI to a file name to an answer, as nginx's index and static modules make it.
//!
//! * [`mapping`]: which file a URI means (`root`, `alias`), and the type that its extension has.
//! * [`try_files`]: the candidates of a location.
//! * [`index`]: a URI that ends in a slash.
//! * [`autoindex`], `random_index`: a folder without an index file.
//! * [`gzip_static`]: the same file compressed beforehand.
//! * [`static_file`]: any other: the file itself, or the redirect of a folder to its name with the slash.
//! * [`symlinks`]: links that `disable_symlinks` does not follow.
//!
//! Nothing here leaves the worker's thread: opening and measuring a file is two system calls, as in nginx. Symbolic
//! links are followed unless the file says otherwise; `..` never reaches this place, because the URI was normalised before.

mod autoindex;
mod folder;
mod gzip_static;
mod index;
mod mapping;
mod static_file;
mod symlinks;
mod try_files;

pub use mapping::{as_path, content_type, file_name};
pub use try_files::try_files;

use rustix::io::Errno;

use crate::config::model::LogLevel;
use crate::config::source::Span;
use crate::wire::head::Method;

use super::log;
use super::reply::Flow;
use super::request::Request;
use super::trace::{self, Step, Wanted};

/// What is being done, in the words of nginx's log, while a file is the answer.
pub const SENDING: &str = "sending response to client";

/// The content of a location without a handler of its own: nginx's index and static modules, in that order.
pub fn content(r: &mut Request) -> Flow {
    if !matches!(r.method, Method::Get | Method::Head | Method::Post) {
        return Flow::Status(405);
    }
    let is_folder = match r.uri.last() {
        Some(last) => *last == b'/',
        None => r.nothing_is_folder,
    };
    if !is_folder {
        return match gzip_static::serve(r) {
            Flow::Declined => static_file::serve(r),
            end => end,
        };
    }
    for handler in [random_index, index::serve, autoindex::serve] {
        match handler(r) {
            Flow::Declined => {}
            end => return end,
        }
    }
    forbidden(r)
}

/// `random_index`: any file of the folder.
fn random_index(r: &Request) -> Flow {
    use std::hash::{BuildHasher, Hasher, RandomState};
    if !r.location.files.random_index {
        return Flow::Declined;
    }
    let mut names = match folder::list(r) {
        Ok(entries) => entries,
        Err(end) => return end,
    };
    names.retain(|entry| entry.is_file);
    let random = RandomState::new().build_hasher().finish();
    let Some(index) = random.checked_rem(names.len() as u64) else {
        return Flow::Declined;
    };
    let name = names.swap_remove(index as usize).name;
    Flow::InternalTo {
        uri: [&r.uri[..], &name].concat().into(),
        args: r.args.clone(),
    }
}

/// A folder without an index file.
fn forbidden(r: &Request) -> Flow {
    if let Ok(path) = mapping::map(r, &r.uri, 0) {
        let before = "directory index of \"";
        error_about(r, LogLevel::Error, before, &path.name, "\" is forbidden");
    }
    Flow::Status(403)
}

/// Notes what was looked for and what was there (`explain`).
fn note(
    r: &Request,
    directive: Option<Span>,
    wanted: Wanted,
    path: &[u8],
    found: Result<bool, Errno>,
) {
    r.note(|| Step::File {
        directive: directive.map(|span| trace::place(&r.model, span)),
        wanted,
        path: trace::text(path),
        found: found == Ok(wanted == Wanted::Folder),
        result: match found {
            Ok(true) => "a folder is there".to_owned(),
            Ok(false) => "a file is there".to_owned(),
            Err(Errno::NOENT) => "not there".to_owned(),
            Err(error) => log::os_error(&error.into()),
        },
    });
}

/// An error line that names a path: paths need not be UTF-8, and are logged byte by byte.
fn error_about(r: &Request, level: LogLevel, before: &str, path: &[u8], after: &str) {
    log::error_bytes(
        r,
        level,
        &[before.as_bytes(), path, after.as_bytes()].concat(),
    );
}
