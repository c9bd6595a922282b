//! Locations that are given twice, in the order in which nginx finds them.

use std::cmp::Ordering;

use crate::config::analyse::frame::{LocationDraft, LocationHead};
use crate::config::diagnostics::Diagnostic;
use crate::config::model::LocationKind;
use crate::config::written;

/// One finding for each location that another of its level is.
///
/// nginx sorts the locations of a level, builds the trees below each of them, and then looks at neighbours
/// (`ngx_http_init_static_location_trees`). Below a regex it builds none.
pub fn duplicates(level: &[LocationDraft]) -> Vec<Diagnostic> {
    let plain = |draft: &&LocationDraft| {
        !matches!(
            draft.head.kind,
            LocationKind::Regex(_) | LocationKind::Named
        )
    };
    let mut sorted: Vec<&LocationDraft> = level.iter().filter(plain).collect();
    // Stable, as `ngx_queue_sort` is.
    sorted.sort_by(|one, other| compare(&one.head, &other.head));
    let mut found: Vec<Diagnostic> = sorted
        .iter()
        .flat_map(|draft| duplicates(&draft.children))
        .collect();
    for pair in sorted.windows(2) {
        let [first, second] = pair else { continue };
        if first.head.name == second.head.name && is_exact(&first.head) == is_exact(&second.head) {
            found.push(duplicate(&first.head, &second.head));
        }
    }
    found
}

fn duplicate(first: &LocationHead, second: &LocationHead) -> Diagnostic {
    // nginx names what its sorting leaves behind, which of exact ones is the earlier.
    let found = Diagnostic::emerg(format!(
        "duplicate location \"{}\"",
        written::shown(&second.name)
    ))
    .line(second.end);
    let (earlier, later) = match first.span <= second.span {
        true => (first, second),
        false => (second, first),
    };
    found
        .at(later.span)
        .label("the same location a second time")
        .note(earlier.span, "first given here")
}

fn is_exact(head: &LocationHead) -> bool {
    matches!(head.kind, LocationKind::Exact)
}

/// By name, with `/` before what else a name may have; of equal ones an exact one comes first
/// (`ngx_http_cmp_locations`, `ngx_filename_cmp`).
fn compare(one: &LocationHead, other: &LocationHead) -> Ordering {
    fn letters(head: &LocationHead) -> impl Iterator<Item = u8> {
        let bytes = head.name.iter();
        bytes.map(|&byte| if byte == b'/' { b' ' } else { byte })
    }
    let names = letters(one).cmp(letters(other));
    names.then_with(|| is_exact(other).cmp(&is_exact(one)))
}
