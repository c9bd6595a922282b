//! The nearest known name, for "did you mean …?".

/// The candidate that is nearest to what was written, where one is near enough to be meant.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    let allowed = match written.len() {
        0..=2 => return None,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .map(|name| (strsim::osa_distance(&written, &name.to_lowercase()), name))
        .filter(|&(distance, _)| distance <= allowed)
        // The first letter is seldom the wrong one.
        .min_by_key(|&(distance, name)| {
            (
                distance,
                usize::from(name.bytes().next() != written.bytes().next()),
                name.len(),
            )
        })
        .map(|(_, name)| name)
}
