//! `gzip_static`: the file's name with `.gz` answers clients that take gzip (nginx's gzip_static module).

use bytes::{BufMut, Bytes};
use rustix::io::Errno;
use std::os::unix::fs::MetadataExt;

use crate::config::filters::GzipStatic;
use crate::config::model::LogLevel;
use crate::front::filters::accepts::{self, Noted};
use crate::front::filters::varies;

use super::super::log;
use super::super::reply::{Flow, Reply};
use super::super::request::Request;
use super::static_file;
use super::{mapping, symlinks};

/// Answers with the compressed file; [`Flow::Declined`] where there is none, or where it is not wanted.
pub(super) fn serve(r: &Request) -> Flow {
    let rule = r.location.files.gzip_static;
    if rule == GzipStatic::Off || !r.method.is_get_or_head() {
        return Flow::Declined;
    }
    let taken =
        rule == GzipStatic::Always || accepts::gzip(r, &Noted::default(), &Reply::default());
    if !taken && !r.location.filters.gzip.vary {
        return Flow::Declined;
    }
    let mut path = match mapping::map(r, &r.uri, 3) {
        Ok(mapped) => mapped.name,
        Err(end) => return end,
    };
    path.put_slice(b".gz");
    let file = match static_file::open(r, &path) {
        Ok(file) => file,
        Err(error) => {
            let level = match Errno::from_io_error(&error) {
                None | Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => {
                    return Flow::Declined;
                }
                Some(Errno::ACCESS | Errno::MLINK | Errno::LOOP) => LogLevel::Error,
                Some(_) => LogLevel::Crit,
            };
            let before = format!("{} \"", symlinks::call(r, &path, "open()"));
            let after = format!("\" failed ({})", log::os_error(&error));
            super::error_about(r, level, &before, &path, &after);
            return Flow::Declined;
        }
    };
    if rule == GzipStatic::On {
        varies(r);
        if !taken {
            return Flow::Declined;
        }
    }
    if file.metadata().is_dir() {
        return Flow::Declined;
    }
    if !file.metadata().is_file() {
        super::error_about(r, LogLevel::Crit, "\"", &path, "\" is not a regular file");
        return Flow::Status(404);
    }
    let (modified, size) = (file.metadata().mtime(), file.metadata().size());
    let mut reply = static_file::reply(r, file, modified, size);
    // It is the other file's bytes that a range would cut.
    reply.allow_ranges = false;
    reply.headers.push((
        Bytes::from_static(b"Content-Encoding"),
        Bytes::from_static(b"gzip"),
    ));
    reply.into_flow()
}
