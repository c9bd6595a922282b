//! `server` and `server_name`.

use std::sync::Arc;

use bytes::Bytes;

use super::frame::{Frame, NameDraft, ServerDraft};
use super::http::close_of;
use super::template::Piece;
use super::{Analyser, Outcome, emerg, listen, warn};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::SlotSource;
use crate::config::parser::Directive;
use crate::config::regex::{Regex, RegexError};
use crate::config::table::Contexts;
use crate::config::written;

/// `server { … }`
pub fn block(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let id = analyser.shared.servers.len();
    // The place is kept for locations and listens that refer to the server by its index.
    analyser.shared.servers.push(ServerDraft::default());
    let mut frame = Frame::new(Contexts::SRV);
    frame.opened = Some(directive.name.span);
    frame.server = Some(ServerDraft {
        id,
        span: Some(directive.name.span),
        ..ServerDraft::default()
    });
    let frame = analyser.block(directive, frame);
    let Some(mut server) = frame.server else {
        return Ok(());
    };
    server.level = frame.level;
    server.locations = frame.locations;
    let listens = server.listens;
    if let Some(place) = analyser.shared.servers.get_mut(id) {
        *place = server;
    }
    if !listens {
        let close = Directive {
            end: close_of(directive),
            ..directive.clone()
        };
        if let Err(found) = listen::by_default(analyser, id, &close) {
            analyser.report(found, close.end);
        }
    }
    Ok(())
}

impl Analyser {
    /// Compiles a pattern whose groups nobody reads.
    pub fn pattern(
        &mut self,
        directive: &Directive,
        piece: Piece<'_>,
        caseless: bool,
    ) -> Result<Regex, Diagnostic> {
        let bytes = piece.bytes();
        let pattern = written::shown(&bytes);
        Regex::new(&pattern, caseless)
            .map_err(|error| no_pattern(directive, piece, &pattern, error))
    }

    /// Compiles a pattern; named groups become variables.
    pub fn regex(
        &mut self,
        directive: &Directive,
        piece: Piece<'_>,
        caseless: bool,
    ) -> Result<Regex, Diagnostic> {
        let mut regex = self.pattern(directive, piece, caseless)?;
        let names: Vec<(usize, String)> = regex
            .names()
            .map(|(group, name)| (group, name.to_owned()))
            .collect();
        for (group, name) in names {
            let known = crate::config::variables::known(&name.to_ascii_lowercase());
            if known.is_some_and(|known| !known.can_be_made()) {
                return Err(
                    emerg(directive, format!("the duplicate \"{name}\" variable"))
                        .at(piece.word.span)
                        .label("a group cannot have the name of a variable that nginx has"),
                );
            }
            let slot = self.variables.define(&name, SlotSource::Group);
            regex.slots.push((group, slot));
        }
        Ok(regex)
    }
}

/// What nginx says of a pattern that is none.
fn no_pattern(
    directive: &Directive,
    piece: Piece<'_>,
    pattern: &str,
    error: RegexError,
) -> Diagnostic {
    let RegexError::Syntax { message, offset } = error;
    let at = offset
        .filter(|&at| at < pattern.len())
        .and_then(|at| pattern.get(at..).map(|rest| (at, rest)));
    let text = match at {
        Some((_, rest)) => {
            format!("pcre2_compile() failed: {message} in \"{pattern}\" at \"{rest}\"")
        }
        None => format!("pcre2_compile() failed: {message} in \"{pattern}\""),
    };
    let span = match at {
        Some((at, _)) => piece.span(piece.from + at, piece.to),
        None => piece.span(piece.from, piece.to),
    };
    let found = emerg(directive, text).at(span).label(message.clone());
    if message.starts_with("quantifier does not follow") {
        return found.help(
            "`*` repeats what stands before it: any text is `.*`, and the ending .js is `\\.js$`",
        );
    }
    found
}

/// `server_name NAME…`
pub fn name(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    for word in &directive.args {
        let text = &word.value;
        let bad_star = text.starts_with(b"*") && (text.len() < 3 || text[1] != b'.');
        if bad_star || &text[..] == b"." {
            return Err(emerg(
                directive,
                format!("server name \"{}\" is invalid", word.text()),
            )
            .at(word.span)
            .label("a `*` stands for whole labels: `*.example.org` or `www.example.*`"));
        }
        if text.contains(&b'/') {
            let mut found = warn(
                directive,
                format!("server name \"{}\" has suspicious symbols", word.text()),
            );
            found = found
                .at(word.span)
                .label("a name has no scheme and no path");
            analyser.report(found, directive.end);
        }
        let mut regex = None;
        let mut captures = false;
        let name = if text.starts_with(b"~") {
            if text.len() == 1 {
                return Err(emerg(
                    directive,
                    format!("empty regex in server name \"{}\"", word.text()),
                )
                .at(word.span));
            }
            let caseless = text[1..].iter().any(u8::is_ascii_uppercase);
            let compiled = analyser.regex(directive, Piece::from(word, 1), caseless)?;
            captures = compiled.groups() > 0;
            regex = Some(Arc::new(compiled));
            text.clone()
        } else if text.eq_ignore_ascii_case(b"$hostname") {
            let host = rustix::system::uname()
                .nodename()
                .to_bytes()
                .to_ascii_lowercase();
            Bytes::from(host)
        } else {
            Bytes::from(text.to_ascii_lowercase())
        };
        if let Some(server) = &mut analyser.frame().server {
            if regex.is_some() {
                server.captures = captures;
            }
            server.names.push(NameDraft {
                name,
                regex,
                word: word.clone(),
            });
        }
    }
    Ok(())
}
