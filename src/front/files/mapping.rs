//! Which file a URI means, and the type that its extension has.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::config::model::{Core, LogLevel, Root};

use super::super::reply::Flow;
use super::super::request::Request;
use super::super::variables;

/// A file name as a path: both are bytes.
pub fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

/// What kind of file a path leads to, links followed: one `stat`, the cheapest form of it.
///
/// # Errors
/// As `stat(2)`; a name with a NUL is none that exists.
pub(super) fn kind(r: &Request, path: &[u8]) -> Result<FileType, Errno> {
    if crate::wall::may_read(as_path(path)).is_err() {
        return Err(Errno::ACCESS);
    }
    super::symlinks::check(r, path)?;
    match rustix::fs::stat(path) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
        Err(Errno::INVAL) => Err(Errno::NOENT),
        Err(error) => Err(error),
    }
}

/// A file name under construction.
pub(super) struct Mapped {
    pub name: BytesMut,
    /// How many bytes `root` or `alias` gave; behind them stands a URI or the rest of one.
    pub root: usize,
}

/// The file name of a URI: under `root`, or where `alias` puts it (nginx's `ngx_http_map_uri_to_path`).
///
/// There is none under an `alias` whose location's name `rewrite` took off the URI.
pub fn file_name(r: &Request, uri: &[u8]) -> Option<Bytes> {
    map(r, uri, 0).ok().map(|mapped| mapped.name.freeze())
}

/// The same, with room for `reserve` bytes behind it.
///
/// # Errors
/// 500 where there is none; the log has the reason.
pub(super) fn map(r: &Request, uri: &[u8], reserve: usize) -> Result<Mapped, Flow> {
    let root = &r.location.core.root;
    let mut mapped = start(r, uri.len() + reserve)?;
    mapped
        .name
        .extend_from_slice(below(root, uri, r.add_uri_to_alias));
    Ok(mapped)
}

/// Whether `root` or `alias` ends in a slash.
pub(super) fn ends_in_slash(r: &Request) -> bool {
    start(r, 0).is_ok_and(|root| root.name.ends_with(b"/"))
}

/// `root` or `alias` alone, with room for `reserve` bytes behind it.
///
/// # Errors
/// 500 as [`map`].
pub(super) fn start(r: &Request, reserve: usize) -> Result<Mapped, Flow> {
    let root = &r.location.core.root;
    if root.alias && (!r.valid_location || r.uri_changed) {
        let before = "\"alias\" cannot be used in location \"";
        let after = "\" where URI was rewritten";
        super::error_about(r, LogLevel::Alert, before, &r.location.name, after);
        return Err(Flow::Status(500));
    }
    let evaluated;
    let path = match root.path.as_literal() {
        Some(path) => path,
        None => {
            evaluated = variables::root_path(root, r);
            &evaluated
        }
    };
    let mut name = BytesMut::with_capacity(path.len() + reserve);
    name.extend_from_slice(path);
    let root = path.len();
    Ok(Mapped { name, root })
}

/// The part of a URI that stands behind the root's path.
fn below<'a>(root: &Root, uri: &'a [u8], add_uri_to_alias: bool) -> &'a [u8] {
    if is_whole(root) && !add_uri_to_alias {
        return &[];
    }
    uri.get(cut(root)..).unwrap_or_default()
}

/// The bytes of a URI that `alias` stands for.
pub(super) fn cut(root: &Root) -> usize {
    if root.alias { root.alias_cut } else { 0 }
}

/// In a location with a regex `alias` is the whole file name.
pub(super) fn is_whole(root: &Root) -> bool {
    root.alias && root.alias_cut == 0
}

/// The type of a URI or file name by its extension, else `default_type`; may be empty, and is not sent then.
pub fn content_type(r: &Request, name: &[u8]) -> Bytes {
    if let Some((carried, ..)) = r.carried_type.as_deref()
        && !carried.is_empty()
    {
        return carried.clone();
    }
    type_of(&r.location.core, name)
}

fn type_of(core: &Core, name: &[u8]) -> Bytes {
    let extension = extension(name);
    let found = if extension.is_empty() {
        None
    } else if extension.iter().any(u8::is_ascii_uppercase) {
        core.types.get(&extension.to_ascii_lowercase()[..])
    } else {
        core.types.get(extension)
    };
    found.unwrap_or(&core.default_type).clone()
}

/// Behind the last dot of the last segment, where something stands before the dot (`/.profile` has none).
fn extension(uri: &[u8]) -> &[u8] {
    for (i, &byte) in uri.iter().enumerate().skip(2).rev() {
        match byte {
            b'/' => return &[],
            b'.' if uri.get(i - 1) != Some(&b'/') => return uri.get(i + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::template::Template;

    #[test]
    fn extensions() {
        for (uri, expected) in [
            ("/a.txt", "txt"),
            ("/a.tar.gz", "gz"),
            ("/.profile", ""),
            ("/x/.profile", ""),
            ("/x/.profile.txt", "txt"),
            ("/x.d/name", ""),
            ("/a.", ""),
            ("/a", ""),
            ("/", ""),
            ("", ""),
            ("a.b", ""),
            ("ab.c", "c"),
            ("/x/..b", "b"),
        ] {
            assert_eq!(extension(uri.as_bytes()), expected.as_bytes(), "{uri}");
        }
    }

    fn root(path: &'static str, alias: bool, alias_cut: usize) -> Root {
        Root {
            path: Template::literal(path.as_bytes()),
            alias,
            alias_cut,
            span: None,
        }
    }

    #[test]
    fn root_keeps_the_uri_and_alias_cuts_it() {
        assert_eq!(
            below(&root("/srv", false, 0), b"/img/a.png", false),
            b"/img/a.png"
        );
        assert_eq!(
            below(&root("/srv/", true, 5), b"/img/a.png", false),
            b"a.png"
        );
        assert_eq!(
            below(&root("/srv", true, 4), b"/img/a.png", false),
            b"/a.png"
        );
        assert_eq!(below(&root("/srv/", true, 5), b"/img", false), b"");
    }

    #[test]
    fn alias_in_a_regex_location_is_the_file() {
        let whole = root("/srv/a.png", true, 0);
        assert_eq!(below(&whole, b"/img/a.png", false), b"");
        assert_eq!(below(&whole, b"/b", true), b"/b");
    }
}
