//! What must hold of the wire's parsers for every input: shared by the property tests and the fuzzer.
//!
//! Each check reads the input whole and in pieces, panics where a promise is broken, and returns a number that says what kind of
//! input it was, so that a fuzzer can keep those that are new.

mod answer;
mod chunks;
mod request;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use proxy_lab::wire::head::{Field, Piece};

pub use answer::check_answer;
#[allow(unused_imports, reason = "the fuzzer does not write chunks")]
pub use chunks::{again, check_chunks};
pub use request::check_request;

/// The input in the pieces that `cuts` (any numbers) make of it; none is empty.
pub fn pieces<'a>(input: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
    places.push(input.len());
    places.sort_unstable();
    let mut start = 0;
    let mut out = Vec::new();
    for place in places {
        if place > start {
            out.push(&input[start..place]);
            start = place;
        }
    }
    out
}

fn signature(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// The message up to what it quotes.
fn words(message: &[u8]) -> Vec<u8> {
    message
        .split(|ch| *ch == b'"')
        .next()
        .unwrap_or_default()
        .to_vec()
}

fn inside(piece: Piece, raw: &[u8]) {
    assert!(
        piece.start <= piece.end && piece.end as usize <= raw.len(),
        "{piece:?}"
    );
}

fn check_fields(fields: &[Field], raw: &[u8]) {
    let mut last = 0;
    for field in fields {
        inside(field.name, raw);
        inside(field.value, raw);
        assert!(field.name.start as usize >= last && !field.name.is_empty());
        assert!(field.value.start >= field.name.end);
        last = field.value.end as usize;
        let value = field.value.of(raw);
        assert!(!value.iter().any(|ch| matches!(ch, b'\r' | b'\n' | 0)));
        assert!(value.first() != Some(&b' ') && value.last() != Some(&b' '));
        let name = field.name.of(raw);
        assert!(
            !name
                .iter()
                .any(|ch| *ch <= b' ' || *ch == b':' || *ch == 0x7f)
        );
    }
}

fn field_ranges(fields: &[Field]) -> Vec<(Piece, Piece)> {
    fields.iter().map(|f| (f.name, f.value)).collect()
}
