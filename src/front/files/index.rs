//! A URI that ends in a slash: the first index file that exists answers, by an internal redirect (nginx's index module).

use bytes::{Bytes, BytesMut};
use rustix::io::Errno;

use crate::config::model::LogLevel;

use super::super::log;
use super::super::reply::Flow;
use super::super::request::Request;
use super::super::trace::Wanted;
use super::super::variables;
use super::mapping::{self, Mapped};

/// Looks for the index files in order; [`Flow::Declined`] where none is there.
pub(super) fn serve(r: &Request) -> Flow {
    // Room for the usual names: one allocation for the path and the URI that it ends with.
    let mut path = match mapping::map(r, &r.uri, 32) {
        Ok(path) => path,
        Err(end) => return end,
    };
    let folder = path.name.len();
    let mut folder_tested = false;
    for file in r.location.core.index.iter() {
        path.name.truncate(folder);
        variables::append(&file.name, r, &mut path.name);
        if path.name.get(folder) == Some(&b'/') {
            return redirect(r, path.name.split_off(folder).freeze());
        }
        let kind = mapping::kind(r, &path.name);
        super::note(
            r,
            None,
            Wanted::Index,
            &path.name,
            kind.map(|kind| kind.is_dir()),
        );
        let Err(error) = kind else {
            let uri = index_uri(r, path, folder);
            return redirect(r, uri);
        };
        match error {
            Errno::LOOP | Errno::MLINK => return Flow::Status(403),
            Errno::NOTDIR | Errno::NAMETOOLONG | Errno::ACCESS => {
                return missing(r, &path.name, error);
            }
            _ => {}
        }
        // That a folder is not there is found out only now, because a request for one that is there is the usual case.
        if !std::mem::replace(&mut folder_tested, true) {
            match test_folder(r, &path.name, folder) {
                Flow::Declined => {}
                end => return end,
            }
        }
        if error != Errno::NOENT {
            let cause = format!("\" failed ({})", log::os_error(&error.into()));
            super::error_about(r, LogLevel::Crit, "stat() \"", &path.name, &cause);
            return Flow::Status(500);
        }
    }
    Flow::Declined
}

/// The URI of the index file that was found.
fn index_uri(r: &Request, path: Mapped, folder: usize) -> Bytes {
    if !r.location.core.root.alias {
        // Behind the root stands the URI already.
        return path.name.freeze().split_off(path.root);
    }
    let name = path.name.get(folder..).unwrap_or_default();
    let mut uri = BytesMut::with_capacity(r.uri.len() + name.len());
    uri.extend_from_slice(&r.uri);
    uri.extend_from_slice(name);
    uri.freeze()
}

fn redirect(r: &Request, uri: Bytes) -> Flow {
    Flow::InternalTo {
        uri,
        args: r.args.clone(),
    }
}

/// Says whether a folder is there at all: 404 where not, [`Flow::Declined`] to go on.
fn test_folder(r: &Request, path: &[u8], folder: usize) -> Flow {
    let with_slash = path.get(..folder).unwrap_or_default();
    // An `alias` may lack the final slash.
    let name = with_slash
        .strip_suffix(b"/")
        .filter(|bare| !bare.is_empty())
        .unwrap_or(with_slash);
    let error = match mapping::kind(r, name) {
        Ok(kind) if kind.is_dir() => return Flow::Declined,
        Ok(_) => {
            super::error_about(r, LogLevel::Alert, "\"", path, "\" is not a directory");
            return Flow::Status(500);
        }
        Err(error) => error,
    };
    match error {
        // The file in it was looked for and the answer was not "forbidden": the folder may be searched.
        Errno::ACCESS => Flow::Declined,
        Errno::LOOP | Errno::MLINK => Flow::Status(403),
        Errno::NOENT => missing(r, path, error),
        _ => {
            let cause = format!("\" failed ({})", log::os_error(&error.into()));
            super::error_about(r, LogLevel::Crit, "stat() \"", name, &cause);
            Flow::Status(500)
        }
    }
}

/// 403 or 404 for an index file, with nginx's line.
fn missing(r: &Request, path: &[u8], error: Errno) -> Flow {
    let forbidden = error == Errno::ACCESS;
    if forbidden || r.location.core.log_not_found {
        let what = if forbidden { "forbidden" } else { "not found" };
        let rest = format!("\" is {what} ({})", log::os_error(&error.into()));
        super::error_about(r, LogLevel::Error, "\"", path, &rest);
    }
    Flow::Status(if forbidden { 403 } else { 404 })
}
