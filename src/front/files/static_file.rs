//! A file as an answer, and the redirect of a folder (nginx's static module).

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::rc::Rc;

use actix_files::NamedFile;
use bytes::{BufMut, Bytes, BytesMut};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::config::model::LogLevel;
use crate::wire::escape::{Escape, escape_uri};
use crate::wire::head::Method;

use super::super::log;
use super::super::reply::{Flow, Reply, ReplyBody};
use super::super::request::Request;
use super::super::trace::Wanted;
use super::mapping::{self, as_path, content_type};
use super::symlinks;

/// Answers with the file that the URI means.
pub(super) fn serve(r: &mut Request) -> Flow {
    let path = match mapping::map(r, &r.uri, 0) {
        Ok(mapped) => mapped.name,
        Err(end) => return end,
    };
    let file = match open(r, &path) {
        Ok(file) => file,
        Err(error) => {
            let cause = Errno::from_io_error(&error).unwrap_or(Errno::NOENT);
            super::note(
                r,
                r.location.core.root.span,
                Wanted::Content,
                &path,
                Err(cause),
            );
            return failed(r, &path, &error);
        }
    };
    let metadata = file.metadata();
    let of = r.location.core.root.span;
    super::note(r, of, Wanted::Content, &path, Ok(metadata.is_dir()));
    if metadata.is_dir() {
        return add_slash(r);
    }
    if !metadata.is_file() {
        super::error_about(r, LogLevel::Crit, "\"", &path, "\" is not a regular file");
        return Flow::Status(404);
    }
    if r.method == Method::Post {
        return Flow::Status(405);
    }
    let (modified, size) = (metadata.mtime(), metadata.size());
    reply(r, file, modified, size).into_flow()
}

/// The answer that a file is.
pub(super) fn reply(r: &Request, file: NamedFile, modified: i64, size: u64) -> Reply {
    r.action.set(Some(super::SENDING));
    let mut reply = Reply::new(200);
    reply.content_type = content_type(r, &r.uri);
    reply.content_length = Some(size);
    // nginx has -1 for "not known".
    reply.last_modified = (modified != -1).then_some(modified);
    reply.headers.reserve(4);
    if r.location.core.etag {
        let etag = etag(modified, size);
        reply
            .headers
            .push((Bytes::from_static(b"ETag"), etag.clone()));
        reply.etag = Some(etag);
    }
    reply.allow_ranges = true;
    if size > 0 {
        reply.body = ReplyBody::File(Rc::new(file), size);
    }
    reply
}

/// Opens a file: one `open`, one `fstat`.
///
/// A FIFO must not hold the worker, hence `O_NONBLOCK` (regular files do not care). `NamedFile` guesses a type and a
/// `Content-Disposition` from the path that it is told; both come from the configuration here, so it is told a name
/// that costs next to nothing.
pub(super) fn open(r: &Request, path: &[u8]) -> io::Result<NamedFile> {
    crate::wall::may_read(as_path(path))?;
    symlinks::check(r, path)?;
    open_path(path)
}

fn open_path(path: &[u8]) -> io::Result<NamedFile> {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(as_path(path))?;
    NamedFile::from_file(file, "-")
}

/// A file that cannot be opened: 404 where it is not there, 403 where it may not be read, else 500.
fn failed(r: &Request, path: &[u8], error: &io::Error) -> Flow {
    let (status, level) = match Errno::from_io_error(error) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => (404, LogLevel::Error),
        Some(Errno::ACCESS | Errno::MLINK | Errno::LOOP) => (403, LogLevel::Error),
        // Not a name at all (a NUL in it, which no URI can have).
        None => (404, LogLevel::Error),
        Some(_) => (500, LogLevel::Crit),
    };
    if status != 404 || r.location.core.log_not_found {
        super::error_about(
            r,
            level,
            &format!("{} \"", symlinks::call(r, path, "open()")),
            path,
            &format!("\" failed ({})", log::os_error(error)),
        );
    }
    Flow::Status(status)
}

/// A folder was asked for by its bare name: 301 to the name with its slash.
fn add_slash(r: &mut Request) -> Flow {
    let mut target = BytesMut::with_capacity(r.uri.len() + r.args.len() + 2);
    escape_uri(&r.uri, &mut target, Escape::Uri);
    target.put_u8(b'/');
    if !r.args.is_empty() {
        target.put_u8(b'?');
        target.extend_from_slice(&r.args);
    }
    r.redirect_to = Some(target.freeze());
    Flow::Status(301)
}

/// nginx's entity tag: seconds of modification and size, in hex, with its quotes.
fn etag(mtime: i64, size: u64) -> Bytes {
    let mut out = BytesMut::with_capacity(36);
    out.put_u8(b'"');
    if mtime < 0 {
        out.put_u8(b'-');
    }
    put_hex(&mut out, mtime.unsigned_abs());
    out.put_u8(b'-');
    put_hex(&mut out, size);
    out.put_u8(b'"');
    out.freeze()
}

/// Written by hand, because it is done for every file served and formatting costs five times as much.
fn put_hex(out: &mut BytesMut, n: u64) {
    let digits = (64 - n.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        let digit = (n >> (4 * i) & 0xf) as u8;
        out.put_u8(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_have_nginx_form() {
        assert_eq!(etag(0x6b05_15f9, 0x21), "\"6b0515f9-21\"");
        assert_eq!(etag(0, 0), "\"0-0\"");
        assert_eq!(etag(1, u64::MAX), "\"1-ffffffffffffffff\"");
        assert_eq!(etag(-16, 16), "\"-10-10\"");
    }

    #[test]
    fn a_file_is_opened_with_its_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"12345").unwrap();
        let file = open_path(path.as_os_str().as_encoded_bytes()).unwrap();
        assert_eq!(file.metadata().size(), 5);
        assert!(
            open_path(folder.path().as_os_str().as_encoded_bytes())
                .unwrap()
                .metadata()
                .is_dir()
        );
        assert!(open_path(b"/no\0thing").is_err());
    }
}
