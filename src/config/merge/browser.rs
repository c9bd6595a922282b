//! Merging the directives of the browser module.

use std::sync::Arc;

use bytes::Bytes;

use super::core::array;
use crate::config::analyse::browser::Draft;
use crate::config::browser::{BrowserRules, Modern};

/// A level's rules; those of `http` itself, which has no `outer`, are only inherited.
pub fn browser(own: Draft, outer: Option<&Arc<BrowserRules>>) -> Arc<BrowserRules> {
    let (modern, unlisted) = match outer {
        Some(outer) if own.modern.is_empty() && !own.unlisted => {
            (outer.modern.clone(), outer.unlisted)
        }
        _ if own.modern.is_empty() => (None, own.unlisted),
        // nginx fills in the masks when it merges levels, and `http` is merged with none.
        None => {
            let unfilled = own.modern.into_iter().map(Modern::unfilled);
            (Some(unfilled.collect()), own.unlisted)
        }
        Some(_) => (Some(filled(own.modern)), own.unlisted),
    };
    let (ancient, netscape4) = match outer {
        Some(outer) if own.ancient.is_empty() && !own.netscape4 => {
            (outer.ancient.clone(), outer.netscape4)
        }
        _ => (array(own.ancient, None, Vec::new), own.netscape4),
    };
    let value = |own: Option<Bytes>, outer: Option<&Bytes>| {
        own.or(outer.cloned()).unwrap_or(Bytes::from_static(b"1"))
    };
    Arc::new(BrowserRules {
        modern,
        unlisted,
        ancient,
        netscape4,
        modern_value: value(own.modern_value, outer.map(|o| &o.modern_value)),
        ancient_value: value(own.ancient_value, outer.map(|o| &o.ancient_value)),
    })
}

/// In the order of the masks. Where no line names Opera, no version of it is modern.
fn filled(mut modern: Vec<(usize, u64)>) -> Arc<[Modern]> {
    const NEVER: u64 = 4_001_000_000;
    if !modern.iter().any(|(mask, _)| *mask == 0) {
        modern.push((0, NEVER));
    }
    modern.sort_by_key(|(mask, _)| *mask);
    modern.into_iter().map(Modern::of).collect()
}
