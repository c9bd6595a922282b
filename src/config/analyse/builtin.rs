//! Built-in copies of the two files that a configuration of another machine includes and this machine may lack:
//! nginx's `mime.types`, and the `proxy_params` of Debian's package.

use std::path::Path;

use super::{Analyser, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::parser::{self, Directive};

const COPIES: [(&str, &[u8]); 2] = [
    ("mime.types", include_bytes!("../../../lab/mime.types")),
    (
        "proxy_params",
        b"proxy_set_header Host $http_host;\n\
          proxy_set_header X-Real-IP $remote_addr;\n\
          proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n\
          proxy_set_header X-Forwarded-Proto $scheme;\n",
    ),
];

/// Where nginx's packages have their files.
pub const SYSTEM: &str = "/etc/nginx";

/// The copy that takes the place of a missing file: one that lies in nginx's own folder, or would beside the
/// configuration. With a warning, as nginx itself would stop.
pub fn copy(
    analyser: &mut Analyser,
    directive: &Directive,
    path: &Path,
    missing: &Diagnostic,
) -> Option<parser::Parsed> {
    let word = directive.arg();
    let (name, text) = COPIES.iter().find(|(name, _)| {
        let beside = word.is(name);
        beside || word.text() == format!("{SYSTEM}/{name}")
    })?;
    // A file that is there and cannot be read is another matter; and an exercise may be about this very line.
    let is_missing = std::fs::symlink_metadata(path).is_err();
    if !is_missing || crate::wall::stands() || !analyser.paths.foreign {
        return None;
    }
    let message = format!(
        "{} {}, the built-in copy of \"{name}\" is used",
        missing.message, missing.reason
    );
    let found = warn(directive, message)
        .at(word.span)
        .label("nginx would stop here")
        .help("`--map /etc/nginx=FOLDER` reads what lies in /etc/nginx from another folder");
    analyser.report(found, directive.end);
    analyser.sources.add_include(path.to_owned(), Vec::new());
    let file = analyser.sources.add(path.to_owned(), text.to_vec());
    Some(parser::parse(text, file, false))
}
