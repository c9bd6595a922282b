//! Directives that are inherited all or none: what a level loses of the outer ones by having its own.

use std::sync::Arc;

use super::Outer;
use crate::config::model::{Core, Lost, Proxy};
use crate::config::source::Span;

/// What of the level around is lost in one with these directives.
pub fn lost(core: &Core, proxy: &Proxy, outer: &Outer<'_>) -> Vec<Lost> {
    let mut found = Vec::new();
    let (around, proxied) = (&outer.settings.core, &outer.settings.proxy.proxy);
    note(
        &proxied.set_headers,
        &proxy.set_headers,
        &mut found,
        |header, own| {
            let again = own
                .iter()
                .any(|other| other.lower == header.lower && other.span.is_some());
            header.span.filter(|_| !again)
        },
        |own| own.span,
    );
    note(
        &around.add_headers,
        &core.add_headers,
        &mut found,
        |header, own| {
            let again = own
                .iter()
                .any(|other| other.name.eq_ignore_ascii_case(&header.name));
            (!again).then_some(header.span)
        },
        |own| Some(own.span),
    );
    note(
        &around.error_pages,
        &core.error_pages,
        &mut found,
        |page, own| {
            let again = own.iter().any(|other| other.status == page.status);
            (!again).then_some(page.span)
        },
        |own| Some(own.span),
    );
    found.dedup();
    found
}

/// Compares what applies here with what applies around; where it is inherited, nothing is lost.
fn note<T>(
    around: &Arc<[T]>,
    own: &Arc<[T]>,
    found: &mut Vec<Lost>,
    lost: impl Fn(&T, &[T]) -> Option<Span>,
    span: impl Fn(&T) -> Option<Span>,
) {
    if Arc::ptr_eq(around, own) {
        return;
    }
    let Some(by) = own.iter().find_map(span) else {
        return;
    };
    found.extend(around.iter().filter_map(|outer| {
        Some(Lost {
            span: lost(outer, own)?,
            by,
        })
    }));
}
