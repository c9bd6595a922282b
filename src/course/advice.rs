//! What can be said of a file without asking it anything: a location that is never chosen. Nothing is graded by it.

use crate::config::parser::{self, Directive};
use crate::config::prefix;

/// The first location whose prefix no path begins with, with its line and what to write instead.
pub fn never_chosen(text: &[u8]) -> Option<String> {
    parser::parse(text, 0, false).directives.iter().find_map(of)
}

fn of(directive: &Directive) -> Option<String> {
    let found = (directive.name.is("location"))
        .then(|| location(directive))
        .flatten();
    let inner = directive.block.iter().flat_map(|block| &block.directives);
    found.or_else(|| inner.into_iter().find_map(of))
}

fn location(directive: &Directive) -> Option<String> {
    let words: Vec<&[u8]> = directive.args.iter().map(|word| &word.value[..]).collect();
    let name = match words[..] {
        [name] if !name.starts_with(b"@") => name,
        [b"=" | b"^~", name] => name,
        _ => return None,
    };
    // `location =/x` is the same as `location = /x`, and `~x` is a pattern.
    let name = match name {
        _ if words.len() == 2 => name,
        [b'~', ..] => return None,
        [b'=', rest @ ..] | [b'^', b'~', rest @ ..] => rest,
        name => name,
    };
    let mend = prefix::mend(name)?;
    let shown: Vec<_> = directive.args.iter().map(|word| word.text()).collect();
    Some(format!(
        "nginx.conf:{}: `location {}` is never chosen, for each path begins with a slash: {mend}",
        directive.name.span.line,
        shown.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_that_no_path_begins_with() {
        let of = |text: &str| never_chosen(format!("http {{ server {{ {text} }} }}").as_bytes());
        for fine in [
            "location / { }",
            "location = /x { }",
            "location =/x { }",
            "location ^~ /x { }",
            "location ^~/x { }",
            "location ~ \\.js$ { }",
            "location ~\\.js$ { }",
            "location ~* js { }",
            "location @x { }",
            "location / { location /a { } }",
            "root html;",
        ] {
            assert_eq!(of(fine), None, "{fine}");
        }
        let pattern = of("location / { }\nlocation *.js { }").expect("an advice");
        assert!(pattern.starts_with("nginx.conf:2: `location *.js` is never chosen"));
        assert!(pattern.ends_with("write `~` before it"), "{pattern}");
        for wrong in ["location ^~ ^/api/ { }", "location ^/api/(.*)$ { }"] {
            assert!(of(wrong).is_some_and(|said| said.ends_with("write `~` before it")));
        }
        for wrong in ["location api/ { }", "location = x { }", "location =x { }"] {
            assert!(of(wrong).is_some_and(|said| said.ends_with("write `/` before it")));
        }
    }
}
