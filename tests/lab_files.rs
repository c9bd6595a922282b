//! What the lab's own files must hold, whatever they look like.

use sha2::{Digest, Sha256};

/// The pairs of type and ending that nginx 1.22.1's `mime.types` has, sorted, one a line, as a
/// SHA-256, and how many there are.
const NGINX_TYPES: (&str, usize) = (
    "ce723726a44f5282fafc6ddf0375cd6fe3738c1debb4cc53dc87a4ef3967855c",
    110,
);

#[test]
fn mime_types_are_nginxs() {
    let text = include_str!("../lab/mime.types");
    let bare: Vec<_> = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""))
        .collect();
    let bare = bare.join("\n");
    let (_, block) = bare.split_once('{').expect("a block");
    let (block, _) = block.rsplit_once('}').expect("its end");
    let mut pairs = Vec::new();
    for directive in block.split(';') {
        let mut words = directive.split_whitespace();
        if let Some(kind) = words.next() {
            pairs.extend(words.map(|ending| format!("{kind} {ending}")));
        }
    }
    pairs.sort();
    let digest = format!("{:x}", Sha256::digest(pairs.join("\n")));
    assert_eq!((digest.as_str(), pairs.len()), NGINX_TYPES);
}
