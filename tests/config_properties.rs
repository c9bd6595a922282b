//! nginx's language, whatever comes: no bytes make the parser or the analyser panic or run on, and what was parsed, printed
//! and parsed again is the same.

#[path = "support/print.rs"]
mod print;

use std::fs;
use std::path::Path;

use print::print;
use proptest::prelude::*;
use proxy_lab::config::lexer::Word;
use proxy_lab::config::parser::{Directive, parse};
use proxy_lab::config::{LoadOptions, load, table};

/// A directive without its places.
#[derive(Debug, PartialEq, Eq)]
struct Shape {
    words: Vec<(Vec<u8>, proxy_lab::config::lexer::Quote)>,
    block: Option<Vec<Shape>>,
}

fn shapes(directives: &[Directive]) -> Vec<Shape> {
    let word = |word: &Word| (word.value.to_vec(), word.quote);
    let shape = |directive: &Directive| Shape {
        words: std::iter::once(&directive.name)
            .chain(&directive.args)
            .map(word)
            .collect(),
        block: directive
            .block
            .as_ref()
            .map(|block| shapes(&block.directives)),
    };
    directives.iter().map(shape).collect()
}

/// `None` where nginx would not read it; words near the bound of 4096 bytes are left out, for they may grow.
fn round(text: &[u8]) -> Option<(Vec<Shape>, Vec<Shape>)> {
    let first = parse(text, 0, false);
    if !first.errors.is_empty() {
        return None;
    }
    let printed = print(&first.directives);
    let second = parse(&printed, 0, false);
    assert!(
        second.errors.is_empty(),
        "{} is printed as {}: {:?}",
        text.escape_ascii(),
        printed.escape_ascii(),
        second.errors
    );
    Some((shapes(&first.directives), shapes(&second.directives)))
}

/// Every configuration that the project has, broken ones too.
fn files() -> Vec<Vec<u8>> {
    fn walk(folder: &Path, into: &mut Vec<Vec<u8>>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|e| e == "conf" || e == "inc") {
                into.push(fs::read(&path).expect("a file"));
            }
        }
    }
    let mut files = Vec::new();
    for folder in ["tests/differential", "tests/broken", "lab"] {
        walk(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join(folder),
            &mut files,
        );
    }
    files
}

/// A backslash protects the `$` that would keep a `{` in its word.
#[test]
fn a_brace_behind_a_dollar_stays_in_its_word() {
    for text in [
        &b"a \\\\${};"[..],
        b"a \\\\${b}c;",
        b"a x\\\\$;",
        b"a \\$b {}",
    ] {
        let (first, second) = round(text).expect("a file that nginx reads");
        assert_eq!(first, second);
    }
}

#[test]
fn every_file_of_the_project_is_the_same_again() {
    let files = files();
    let read = files.iter().filter_map(|text| round(text));
    let mut count = 0;
    for (first, second) in read {
        assert_eq!(first, second);
        count += 1;
    }
    assert!(count > 150, "only {count} of {} files", files.len());
}

/// Pieces that a configuration is made of, and that the lexer's rules are about.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed: Vec<&[u8]> = vec![
        b" ",
        b"\n",
        b"\t",
        b"\r\n",
        b";",
        b" ;",
        b"{",
        b" {",
        b"}",
        b"}\n",
        b"#",
        b"# a comment\n",
        b"\"",
        b"'",
        b"\\",
        b"\\\\",
        b"\\\"",
        b"\\'",
        b"\\n",
        b"\\t",
        b"\\ ",
        b"\\;",
        b"\\{",
        b"$",
        b"${",
        b"${a}",
        b"$a",
        b"a",
        b"a.b",
        b"\"a b\"",
        b"'a b'",
        b"\"a\\\"b\"",
        b"~*\\.php$",
        b"\xef\xbb\xbf",
        b"\xc3\xa9",
        b"\0",
        b"=",
        b"^~",
        b"http {",
        b"server {",
        b"location / {",
        b"return 200 \"a\";",
        b"listen 127.0.0.1:1;",
        b"if ($a = b) {",
    ];
    let name = any::<prop::sample::Index>().prop_map(|index| {
        let rows = table::rows();
        let name = rows.get(index.index(rows.len())).map_or("", |row| row.name);
        format!("{name} ").into_bytes()
    });
    prop_oneof![
        8 => prop::sample::select(fixed).prop_map(<[u8]>::to_vec),
        2 => name,
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ]
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

/// Directives with any words at all, written by hand.
fn directive() -> impl Strategy<Value = Vec<u8>> {
    let quoted =
        (prop::collection::vec(any::<u8>(), 0..12), any::<bool>()).prop_map(|(value, double)| {
            let quote = if double { b'"' } else { b'\'' };
            let mut out = vec![quote];
            for byte in value {
                if byte == quote || byte == b'\\' {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            out.push(quote);
            out
        });
    let bare = "[a-z$~^*.=/_:|()\\[\\]+?@-][a-z0-9$~^*.=/_:|()\\[\\]+?@#\"'-]{0,10}"
        .prop_map(String::into_bytes);
    let escaped = "([a-z]|\\\\[ ;{}\\\\\"'tnrdw#]){1,8}".prop_map(String::into_bytes);
    let word = prop_oneof![quoted, bare, escaped];
    (prop::collection::vec(word, 1..5), 0..3u8).prop_map(|(words, end)| {
        let mut out = words.join(&b' ');
        let end: &[u8] = match end {
            0 => b";",
            1 => b" {}\n",
            _ => b" ; # end\n",
        };
        out.extend_from_slice(end);
        out
    })
}

/// Cuts a file somewhere and puts a piece there.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let files = files();
    (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..40usize,
        piece(),
    )
        .prop_map(move |(file, at, cut, piece)| {
            let text = &files[file.index(files.len())];
            let at = at.index(text.len() + 1);
            let rest = text.get((at + cut).min(text.len())..).unwrap_or_default();
            [&text[..at], &piece, rest].concat()
        })
}

fn analyse(text: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("nginx.conf"), text).expect("a file");
    let options = LoadOptions {
        file: "nginx.conf".into(),
        prefix: folder.path().into(),
        ..LoadOptions::default()
    };
    if let Err(error) = load(&options) {
        assert!(error.diagnostics.iter().any(|found| found.is_fatal()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = round(&bytes);
    }

    #[test]
    fn what_is_printed_is_the_same_again(text in text()) {
        if let Some((first, second)) = round(&text) {
            prop_assert_eq!(first, second);
        }
    }

    #[test]
    fn directives_of_any_words_are_the_same_again(directives in prop::collection::vec(directive(), 1..6)) {
        let text = directives.concat();
        let (first, second) = round(&text).expect("a text that nginx reads");
        prop_assert_eq!(first.len(), directives.len());
        prop_assert_eq!(first, second);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_analysed(text in text()) {
        analyse(&[b"events { }\nhttp {\n", &text[..], b"\n}\n"].concat());
    }

    #[test]
    fn any_change_to_a_file_is_analysed(text in mutated()) {
        analyse(&text);
    }
}
