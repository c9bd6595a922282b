//! `try_files`: the first candidate that exists becomes the URI, else the fallback decides (nginx's try_files module).

use bytes::{Bytes, BytesMut};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::config::model::{LogLevel, Root, TryFallback, TryFiles};
use crate::config::source::Span;
use crate::config::template::Template;

use super::super::log;
use super::super::reply::Flow;
use super::super::request::Request;
use super::super::trace::{self, Step, Wanted};
use super::super::variables;
use super::mapping;

/// What the candidates came to.
enum Found {
    /// The URI goes on as this.
    Uri(Bytes),
    /// The same, and a regex location's `alias` gets it appended.
    UriOfAlias(Bytes),
    /// The URI stays as it is.
    Same,
    Fallback(Flow),
}

/// Tries the files of the location. [`Flow::Declined`] goes on to the content, with [`Request::uri`] set to what was
/// found; anything else is the fallback.
pub fn try_files(r: &mut Request) -> Flow {
    let Some(directive) = &r.location.core.try_files else {
        return Flow::Declined;
    };
    match find(r, directive) {
        Found::Uri(uri) => r.uri = uri,
        Found::UriOfAlias(uri) => {
            r.uri = uri;
            r.add_uri_to_alias = true;
        }
        Found::Same => {}
        Found::Fallback(flow) => {
            if let Flow::Internal(target) = &flow {
                r.args_given = true;
                if target.is_empty() || target.starts_with(b"?") {
                    r.nothing_is_folder = mapping::ends_in_slash(r);
                }
            }
            return flow;
        }
    }
    Flow::Declined
}

fn find(r: &Request, directive: &TryFiles) -> Found {
    let root = &r.location.core.root;
    // Room for the URI, which most candidates are: one allocation for all of them.
    let mut path = match mapping::start(r, r.uri.len() + 32) {
        Ok(path) => path,
        Err(end) => return Found::Fallback(end),
    };
    for candidate in &directive.candidates {
        path.name.truncate(path.root);
        append(r, root, &candidate.name, &mut path.name);
        if !exists(r, directive.span, &path.name, candidate.directory) {
            continue;
        }
        let name = path.name.freeze().split_off(path.root);
        return if !root.alias {
            Found::Uri(name)
        } else if !mapping::is_whole(root) {
            Found::Uri(under_alias(r, root, &name))
        } else if candidate.directory {
            Found::Same
        } else {
            Found::UriOfAlias(name)
        };
    }
    Found::Fallback(match &directive.fallback {
        // nginx has no answer of its own for these, and goes on with the next request.
        TryFallback::Status(status) if *status < 300 && !matches!(*status, 201 | 204) => {
            Flow::Unanswered
        }
        TryFallback::Status(status) => {
            r.note(|| Step::File {
                directive: Some(trace::place(&r.model, directive.span)),
                wanted: Wanted::Status,
                path: format!("={status}"),
                found: true,
                result: format!("answers {status}"),
            });
            Flow::Status(*status)
        }
        TryFallback::Uri(template) => {
            let mut target = BytesMut::new();
            append(r, root, template, &mut target);
            if target.starts_with(b"@") {
                Flow::Named(target.freeze())
            } else {
                Flow::Internal(target.freeze())
            }
        }
    })
}

/// Fills in a name. Under an `alias` a name with variables loses the location's part, which `$uri` brings along.
fn append(r: &Request, root: &Root, template: &Template, out: &mut BytesMut) {
    let start = out.len();
    variables::append(template, r, out);
    let cut = mapping::cut(root);
    if cut == 0 || template.as_literal().is_some() {
        return;
    }
    let location = r.uri.get(..cut).unwrap_or_default();
    let name = out.split_off(start);
    out.extend_from_slice(name.strip_prefix(location).unwrap_or(&name));
}

/// Whether a folder (or anything but a folder) of this name exists.
fn exists(r: &Request, of: Span, path: &[u8], directory: bool) -> bool {
    let kind = mapping::kind(r, path);
    let wanted = if directory {
        Wanted::Folder
    } else {
        Wanted::File
    };
    super::note(
        r,
        Some(of),
        wanted,
        path,
        kind.map(|kind: FileType| kind.is_dir()),
    );
    match kind {
        Ok(kind) => kind.is_dir() == directory,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => false,
        Err(error) => {
            let cause = format!("\" failed ({})", log::os_error(&error.into()));
            let before = format!("{} \"", super::symlinks::call(r, path, "stat()"));
            super::error_about(r, LogLevel::Crit, &before, path, &cause);
            false
        }
    }
}

/// The URI that means `name` under an `alias`: the location's part again, then the name.
fn under_alias(r: &Request, root: &Root, name: &[u8]) -> Bytes {
    let location = r.uri.get(..mapping::cut(root)).unwrap_or_default();
    [location, name].concat().into()
}
