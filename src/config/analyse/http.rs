//! The `http` block.

use super::frame::{Frame, HttpDraft};
use super::{Analyser, Outcome, duplicate};
use crate::config::parser::Directive;
use crate::config::source::Span;
use crate::config::table::Contexts;

/// Turns of nginx's modules at the end of `http`.
pub const RANK_CORE: u16 = 1;
pub const RANK_UPSTREAM: u16 = 2;
pub const RANK_REFERER: u16 = 3;
pub const RANK_PROXY: u16 = 4;
pub const RANK_SECURE_LINK: u16 = 5;
pub const RANK_LOCATIONS: u16 = 6;
/// What modules look at once all is there.
pub const RANK_MODULES: u16 = 7;
pub const RANK_VARIABLES: u16 = 8;
pub const RANK_NAMES: u16 = 9;

/// `http { … }`
pub fn block(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let first = analyser.shared.http.replace(directive.name.span);
    if first.is_some() {
        analyser.report(duplicate(directive, first), directive.end);
    }
    let mut frame = Frame::new(Contexts::HTTP);
    frame.opened = Some(directive.name.span);
    let frame = analyser.block(directive, frame);
    let close = close_of(directive);
    if first.is_none() {
        let order = analyser.order_at(close);
        analyser.http = Some(HttpDraft {
            level: frame.level,
            close,
            order,
        });
    }
    Ok(())
}

/// The `}` of a block.
pub fn close_of(directive: &Directive) -> Span {
    directive
        .block
        .as_ref()
        .map_or(directive.end, |block| block.close)
}
