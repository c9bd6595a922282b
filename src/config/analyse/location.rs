//! `location` of every kind.

use std::sync::Arc;

use bytes::Bytes;

use super::frame::{Frame, LocationDraft, LocationHead};
use super::template::Piece;
use super::{Analyser, Outcome, emerg};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::LocationKind;
use crate::config::parser::Directive;
use crate::config::table::Contexts;
use crate::config::written;

/// `location [= | ^~ | ~ | ~*] NAME { … }`
pub fn block(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let outcome = head(analyser, directive)
        .and_then(|head| nesting(analyser, directive, &head).map(|()| head));
    // A wrong head does not hide the mistakes in its block.
    let (head, found) = match outcome {
        Ok(head) => (head, None),
        Err(found) => (plain(directive, directive.arg().value.clone()), Some(found)),
    };
    let right = found.is_none();
    if let Some(found) = found {
        analyser.report(found, directive.end);
    }
    let mut frame = Frame::new(Contexts::LOC);
    frame.opened = Some(directive.name.span);
    frame.head = Some(head.clone());
    let frame = analyser.block(directive, frame);
    if right {
        let draft = LocationDraft {
            head,
            level: frame.level,
            children: frame.locations,
        };
        analyser.frame().locations.push(draft);
    }
    Ok(())
}

fn plain(directive: &Directive, name: Bytes) -> LocationHead {
    LocationHead {
        kind: LocationKind::Prefix { no_regex: false },
        name,
        span: directive.name.span,
        end: directive.end,
    }
}

/// The kind and the name: the modifier may stand alone or before the name.
fn head(analyser: &mut Analyser, directive: &Directive) -> Result<LocationHead, Diagnostic> {
    let first = directive.arg();
    let (modifier, word, from): (&[u8], _, usize) = match directive.args.get(1) {
        Some(name) => (&first.value, name, 0),
        None => {
            let text = &first.value;
            let width = match &text[..] {
                [b'^', b'~', ..] | [b'~', b'*', ..] => 2,
                [b'=' | b'~', ..] => 1,
                _ => 0,
            };
            (&text[..width], first, width)
        }
    };
    let name = word.value.slice(from..);
    let kind = match modifier {
        b"" if directive.args.len() == 1 && name.starts_with(b"@") => LocationKind::Named,
        b"" if directive.args.len() == 1 => LocationKind::Prefix { no_regex: false },
        b"=" => LocationKind::Exact,
        b"^~" => LocationKind::Prefix { no_regex: true },
        b"~" | b"~*" => {
            let regex = analyser.regex(directive, Piece::from(word, from), modifier == b"~*")?;
            LocationKind::Regex(Arc::new(regex))
        }
        _ => {
            return Err(emerg(
                directive,
                format!("invalid location modifier \"{}\"", first.text()),
            )
            .at(first.span)
            .label("expected `=`, `^~`, `~` or `~*`"));
        }
    };
    Ok(LocationHead {
        kind,
        ..plain(directive, name)
    })
}

/// nginx's rules for locations in locations.
fn nesting(analyser: &Analyser, directive: &Directive, head: &LocationHead) -> Outcome {
    let Some(outer) = analyser.frames.last().and_then(|frame| frame.head.as_ref()) else {
        return Ok(());
    };
    let text = |name: &Bytes| written::shown(name).into_owned();
    let (inner_name, outer_name) = (text(&head.name), text(&outer.name));
    let missing_brace = "is the `}` of the outer location missing?";
    let refuse = |message: String, help: &str| {
        let span = directive
            .args
            .last()
            .map_or(directive.name.span, |word| word.span);
        let found = emerg(directive, message)
            .at(span)
            .note(outer.span, "the outer location opens here");
        Err(found.help(help))
    };
    match (&outer.kind, &head.kind) {
        (LocationKind::Exact, _) => refuse(
            format!(
                "location \"{inner_name}\" cannot be inside the exact location \"{outer_name}\""
            ),
            missing_brace,
        ),
        (LocationKind::Named, _) => refuse(
            format!(
                "location \"{inner_name}\" cannot be inside the named location \"{outer_name}\""
            ),
            missing_brace,
        ),
        (_, LocationKind::Named) => refuse(
            format!("named location \"{inner_name}\" can be on the server level only"),
            missing_brace,
        ),
        (_, LocationKind::Regex(_)) => Ok(()),
        _ if head.name.starts_with(&outer.name) => Ok(()),
        // `location /` is not meant to be in here.
        _ if outer.name.starts_with(&head.name) => refuse(
            format!("location \"{inner_name}\" is outside location \"{outer_name}\""),
            missing_brace,
        ),
        _ => refuse(
            format!("location \"{inner_name}\" is outside location \"{outer_name}\""),
            &format!(
                "in here a path is written whole, with \"{outer_name}\" at its beginning; or {missing_brace}"
            ),
        ),
    }
}
