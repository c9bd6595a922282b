//! Prefixes that no path begins with: nginx takes them, and never chooses their locations.

/// What to write instead of such a prefix; `None` for one that begins with a slash, as all paths do.
///
/// Source: RFC 9112, section 3.2.1: a target in origin form begins with a slash, and nginx refuses others.
pub fn mend(name: &[u8]) -> Option<&'static str> {
    let pattern = || name.iter().any(|b| b"^$*\\|()[]".contains(b));
    match name.first() {
        Some(b'/') => None,
        _ if pattern() => Some("if it is a pattern, write `~` before it"),
        _ => Some("write `/` before it"),
    }
}
