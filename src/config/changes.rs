//! What changed from one version of a configuration to the next, in a few words for whoever saved it.

use std::path::Path;

use super::lexer::Word;
use super::parser::{self, Directive};
use super::source::Sources;

/// The changes, in the order of the new version: `location /api/ (line 14): proxy_pass changed`.
///
/// Empty where no directive changed (spaces and comments are none).
pub fn changes(old: &Sources, new: &Sources) -> Vec<String> {
    let (before, after) = (trees(old), trees(new));
    let mut found = Vec::new();
    for (n, (path, tree)) in after.iter().enumerate() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match before.iter().find(|(known, _)| known == path) {
            // The first file is the one that everybody has open.
            Some((_, known)) => {
                let within = if n == 0 {
                    String::new()
                } else {
                    format!("{name}: ")
                };
                let mut of_file = Vec::new();
                compare(known, tree, "", &mut of_file);
                found.extend(of_file.iter().map(|change| format!("{within}{change}")));
            }
            None => found.push(format!("{name} is included now")),
        }
    }
    for (path, _) in &before {
        if !after.iter().any(|(known, _)| known == path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            found.push(format!("{name} is no longer included"));
        }
    }
    if found.is_empty() && !same_order(&before, &after) {
        found.push("directives stand in another order".to_owned());
    }
    found
}

type Tree<'a> = (&'a Path, Vec<Directive>);

/// Each file once, in the order of reading.
fn trees(sources: &Sources) -> Vec<Tree<'_>> {
    let mut trees: Vec<Tree<'_>> = Vec::new();
    for (n, source) in sources.files().iter().enumerate() {
        if source.command_line || trees.iter().any(|(path, _)| *path == source.path) {
            continue;
        }
        let file = u16::try_from(n).unwrap_or(u16::MAX);
        let parsed = parser::parse(&source.text, file, false);
        trees.push((&source.path, parsed.directives));
    }
    trees
}

fn same_order(before: &[Tree<'_>], after: &[Tree<'_>]) -> bool {
    let same = |((_, a), (_, b)): (&Tree<'_>, &Tree<'_>)| {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_here(a, b, true))
    };
    before.len() == after.len() && before.iter().zip(after).all(same)
}

/// The same words, wherever they stand; blocks in the same order where that is asked for.
fn same_here(a: &Directive, b: &Directive, ordered: bool) -> bool {
    let blocks = match (&a.block, &b.block) {
        (None, None) => true,
        (Some(a), Some(b)) if ordered => {
            let pairs = a.directives.iter().zip(&b.directives);
            a.directives.len() == b.directives.len()
                && pairs.into_iter().all(|(a, b)| same_here(a, b, true))
        }
        (Some(a), Some(b)) => {
            let (mut olds, mut news): (Vec<_>, Vec<_>) =
                (a.directives.iter().collect(), b.directives.iter().collect());
            take_pairs(&mut olds, &mut news, |a, b| same_here(a, b, false));
            olds.is_empty() && news.is_empty()
        }
        _ => false,
    };
    blocks && same_head(a, b)
}

fn same_head(a: &Directive, b: &Directive) -> bool {
    let values = |words: &[Word]| words.iter().map(|w| w.value.clone()).collect::<Vec<_>>();
    a.name.value == b.name.value && values(&a.args) == values(&b.args)
}

/// Takes what belongs together out of both lists, in order, and gives the pairs.
fn take_pairs<'a>(
    olds: &mut Vec<&'a Directive>,
    news: &mut Vec<&'a Directive>,
    belong: impl Fn(&Directive, &Directive) -> bool,
) -> Vec<(&'a Directive, &'a Directive)> {
    let mut pairs = Vec::new();
    news.retain(|new| match olds.iter().position(|old| belong(old, new)) {
        Some(at) => {
            pairs.push((olds.remove(at), *new));
            false
        }
        None => true,
    });
    pairs
}

fn compare(old: &[Directive], new: &[Directive], within: &str, found: &mut Vec<String>) {
    let (mut olds, mut news): (Vec<_>, Vec<_>) = (old.iter().collect(), new.iter().collect());
    take_pairs(&mut olds, &mut news, |a, b| same_here(a, b, false));
    let both_blocks = |a: &Directive, b: &Directive| a.block.is_some() && b.block.is_some();
    let neither = |a: &Directive, b: &Directive| a.block.is_none() && b.block.is_none();
    let named = |a: &Directive, b: &Directive| a.name.value == b.name.value;
    // A block that has the same head has other contents.
    let mut pairs = take_pairs(&mut olds, &mut news, |a, b| {
        both_blocks(a, b) && same_head(a, b)
    });
    // The same header, variable, status, … with another value.
    let subject = |a: &Directive, b: &Directive| {
        let more = a.args.len() > 1 && b.args.len() > 1;
        more && neither(a, b) && named(a, b) && a.arg().value == b.arg().value
    };
    pairs.extend(take_pairs(&mut olds, &mut news, subject));
    // The only one of its name on both sides.
    let only =
        |a: &Directive, olds: &[&Directive]| olds.iter().filter(|o| named(o, a)).count() == 1;
    let (known, fresh) = (olds.clone(), news.clone());
    let alone = |a: &Directive, b: &Directive| {
        named(a, b) && (both_blocks(a, b) || neither(a, b)) && only(a, &known) && only(b, &fresh)
    };
    pairs.extend(take_pairs(&mut olds, &mut news, alone));
    pairs.sort_by_key(|(_, new)| new.name.span.start);
    for (old, new) in pairs {
        changed(old, new, within, found);
    }
    for new in news {
        let line = new.name.span.line;
        found.push(format!("{within}{} added (line {line})", title(new)));
    }
    for old in olds {
        found.push(format!("{within}{} removed", title(old)));
    }
}

fn changed(old: &Directive, new: &Directive, within: &str, found: &mut Vec<String>) {
    let line = new.name.span.line;
    let (Some(before), Some(after)) = (&old.block, &new.block) else {
        let several = new.args.len() > 1 && old.arg().value == new.arg().value;
        let subject = if several {
            format!("{} {}", new.name.text(), new.arg().text())
        } else {
            new.name.text().into_owned()
        };
        // In a block the block's line is told; elsewhere the directive's own.
        let own = if within.is_empty() {
            format!(" (line {line})")
        } else {
            String::new()
        };
        found.push(format!("{within}{subject} changed{own}"));
        return;
    };
    if !same_head(old, new) {
        found.push(format!(
            "{within}{} is now {} (line {line})",
            title(old),
            title(new)
        ));
    }
    // `http` says nothing of the place, and a server is enough where a location is not named.
    let inner = match title(new).as_str() {
        "http" => within.to_owned(),
        title => format!("{title} (line {line}): "),
    };
    compare(&before.directives, &after.directives, &inner, found);
}

/// `location /api/`, `proxy_set_header Host`; a simple directive with its only value: `index a.html`.
fn title(directive: &Directive) -> String {
    let most = if directive.block.is_some() {
        usize::MAX
    } else {
        1
    };
    let words = std::iter::once(&directive.name).chain(directive.args.iter().take(most));
    words.map(|word| word.text()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(old: &str, new: &str) -> Vec<String> {
        let sources = |text: &str| {
            let mut sources = Sources::default();
            sources.add("nginx.conf".into(), text.as_bytes().to_vec());
            sources
        };
        changes(&sources(old), &sources(new))
    }

    const OLD: &str = "events { }\nhttp {\n server {\n  listen 1;\n  location /api/ {\n   proxy_pass http://a/;\n   \
                       proxy_set_header Host a;\n  }\n  location / { }\n }\n}\n";

    #[test]
    fn a_value() {
        let new = OLD.replace("http://a/", "http://a");
        assert_eq!(
            of(OLD, &new),
            ["location /api/ (line 5): proxy_pass changed"]
        );
        let new = OLD.replace("Host a", "Host b");
        assert_eq!(
            of(OLD, &new),
            ["location /api/ (line 5): proxy_set_header Host changed"]
        );
        let new = OLD.replace("listen 1", "listen 2");
        assert_eq!(of(OLD, &new), ["server (line 3): listen changed"]);
    }

    #[test]
    fn more_and_less() {
        let new = OLD.replace("listen 1;", "listen 1; root x; listen 2;");
        assert_eq!(
            of(OLD, &new),
            [
                "server (line 3): root x added (line 4)",
                "server (line 3): listen 2 added (line 4)"
            ]
        );
        let back = of(&new, OLD);
        assert_eq!(
            back,
            [
                "server (line 3): root x removed",
                "server (line 3): listen 2 removed"
            ]
        );
    }

    #[test]
    fn another_prefix() {
        let new = OLD.replace("location /api/", "location /backend/");
        assert_eq!(
            of(OLD, &new),
            ["server (line 3): location /api/ is now location /backend/ (line 5)"]
        );
    }

    #[test]
    fn nothing_that_counts() {
        assert!(of(OLD, &OLD.replace("listen 1;", "listen  1; # here")).is_empty());
        assert_eq!(
            of("a 1; b 2;", "b 2; a 1;"),
            ["directives stand in another order"]
        );
        assert_eq!(of("a 1;", "a 2;"), ["a changed (line 1)"]);
    }
}
