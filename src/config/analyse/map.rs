//! `map` and `split_clients`: in their blocks, names are data.

use std::sync::Arc;

use super::chain::Chain;
use super::template::Piece;
use super::{Analyser, Outcome, duplicate, emerg, include};
use crate::config::diagnostics::Diagnostic;
use crate::config::host_names::Added;
use crate::config::lexer::Word;
use crate::config::map::{Map, SplitClients};
use crate::config::model::SlotSource;
use crate::config::parser::Directive;
use crate::config::table;
use crate::config::written;

/// The variable that a block makes, without its `$`.
pub(super) fn variable_name(directive: &Directive, word: &Word) -> Result<String, Diagnostic> {
    let text = word.text();
    match text.strip_prefix('$').filter(|name| !name.is_empty()) {
        Some(name) => Ok(name.to_owned()),
        None => Err(
            emerg(directive, format!("invalid variable name \"{text}\""))
                .at(word.span)
                .label("a variable's name begins with `$`"),
        ),
    }
}

/// Walks over the lines of a block, included files as well; with `patterns` an `include` may have one.
pub(super) fn lines(
    analyser: &mut Analyser,
    directives: &[Directive],
    patterns: bool,
    line: &mut dyn FnMut(&mut Analyser, &Directive) -> Outcome,
) {
    for directive in directives {
        let outcome = if directive.block.is_some() {
            Err(emerg(directive, "unexpected \"{\"")
                .at(directive.end)
                .label("this block has lines of a key and a value, and no blocks"))
        } else if directive.name.is("include") && directive.args.len() == 1 {
            include::each(analyser, directive, patterns, |analyser, tree| {
                lines(analyser, tree, patterns, line);
            })
        } else {
            line(analyser, directive)
        };
        if let Err(found) = outcome {
            analyser.report(found, directive.end);
        }
    }
}

pub(super) fn wrong_number(directive: &Directive, block: &str) -> Diagnostic {
    emerg(
        directive,
        format!("invalid number of the {block} parameters"),
    )
    .label("expected a key and one value")
    .help("quote a value that has spaces")
}

/// `map SOURCE $NAME { … }`
pub fn map(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [source, name, ..] = &*directive.args else {
        return Ok(());
    };
    analyser.shared.first_map.get_or_insert(directive.name.span);
    let mut map = Map {
        source: analyser.template(directive, source)?,
        ..Map::default()
    };
    let made = variable_name(directive, name)?;
    let target = analyser.own_variable(directive, name, &made, SlotSource::Group)?;
    if let Some(block) = &directive.block {
        let mut line =
            |analyser: &mut Analyser, line: &Directive| map_line(analyser, line, &mut map);
        lines(analyser, &block.directives, true, &mut line);
    }
    let bounds = Chain {
        level: &analyser.frame().level,
        outer: None,
    }
    .hash("map_hash");
    if let Some(found) = map.keys.check(&bounds) {
        let close = super::http::close_of(directive);
        analyser.report(found.at(directive.name.span), close);
    }
    analyser
        .variables
        .replace(target, SlotSource::Map(Arc::new(map)));
    Ok(())
}

/// `map_hash_max_size NUMBER` and `map_hash_bucket_size NUMBER`: the first `map` takes them as they are.
pub fn hash_size(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let rows = table::find(&directive.name.value);
    let first = analyser.shared.first_map;
    match (first, rows.first()) {
        (Some(first), Some(row)) if !analyser.frame().level.values.contains_key(row.name) => {
            Err(duplicate(directive, None)
                .label("comes too late")
                .note(first, "the first `map` takes the default")
                .help("put it before the first `map`"))
        }
        (_, Some(row)) => analyser.keep(row, directive),
        (_, None) => Ok(()),
    }
}

fn map_line(analyser: &mut Analyser, line: &Directive, map: &mut Map) -> Outcome {
    let key = &line.name;
    let [value] = &*line.args else {
        match &*key.value {
            b"hostnames" if line.args.is_empty() => map.hostnames = true,
            b"volatile" if line.args.is_empty() => map.volatile = true,
            _ => return Err(wrong_number(line, "map")),
        }
        return Ok(());
    };
    let value = analyser.template(line, value)?;
    let text = &key.value;
    if &text[..] == b"default" {
        return match map.default.replace(value) {
            None => Ok(()),
            Some(_) => Err(emerg(line, "duplicate default map parameter")),
        };
    }
    if text.starts_with(b"~") {
        let caseless = text.get(1) == Some(&b'*');
        let piece = Piece::from(key, 1 + usize::from(caseless));
        let regex = analyser.regex(line, piece, caseless)?;
        map.regexes.push((Arc::new(regex), value));
        return Ok(());
    }
    let bare = text.strip_prefix(b"\\").unwrap_or(text);
    let shown = written::shown(bare);
    match map.add(bare, value) {
        Added::New => Ok(()),
        Added::Known => {
            let lower = shown.to_ascii_lowercase();
            Err(emerg(line, format!("conflicting parameter \"{lower}\""))
                .label("this key is there already")
                .help("upper and lower case make no difference here"))
        }
        Added::Invalid => Err(
            emerg(line, format!("invalid hostname or wildcard \"{shown}\""))
                .label("a `*` stands for whole labels: `*.example.org` or `www.example.*`"),
        ),
    }
}

/// `split_clients SOURCE $NAME { … }`
pub fn split_clients(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [source, name, ..] = &*directive.args else {
        return Ok(());
    };
    let source = analyser.template(directive, source)?;
    let made = variable_name(directive, name)?;
    let target = analyser.own_variable(directive, name, &made, SlotSource::Group)?;
    let mut shares: Vec<(u64, bytes::Bytes)> = Vec::new();
    if let Some(block) = &directive.block {
        for line in &block.directives {
            match share(line) {
                Ok(part) => shares.push(part),
                Err(found) => analyser.report(found, line.end),
            }
        }
    }
    let mut sum = 0;
    let mut below = 0;
    let mut parts = Vec::new();
    for (share, value) in shares {
        sum = if share == 0 { 10_000 } else { sum + share };
        if sum > 10_000 {
            let close = super::http::close_of(directive);
            return Err(emerg(directive, "percent total is greater than 100%")
                .line(close)
                .label("the shares of this block are more than 100% together"));
        }
        below += share * u64::from(u32::MAX) / 10_000;
        let part = if share == 0 { 0 } else { below };
        parts.push((u32::try_from(part).unwrap_or(u32::MAX), value));
    }
    let split = SplitClients { source, parts };
    analyser
        .variables
        .replace(target, SlotSource::Split(Arc::new(split)));
    Ok(())
}

/// `0.5% VALUE` in hundredths of a percent; `*` is zero and takes what is left.
fn share(line: &Directive) -> Result<(u64, bytes::Bytes), Diagnostic> {
    let key = &line.name;
    let [value] = &*line.args else {
        return Err(wrong_number(line, "split_clients"));
    };
    if key.is("*") {
        return Ok((0, value.value.clone()));
    }
    let percent = key.value.strip_suffix(b"%").and_then(hundredths);
    match percent.filter(|&percent| percent > 0) {
        Some(percent) => Ok((percent, value.value.clone())),
        None => Err(
            emerg(line, format!("invalid percent value \"{}\"", key.text()))
                .label("expected a percentage such as `0.5%`, or `*`"),
        ),
    }
}

/// A number with at most two decimals, times a hundred.
fn hundredths(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole)
        || !digits(decimals)
        || decimals.len() > 2
        || whole.len() + decimals.len() == 0
    {
        return None;
    }
    format!("{whole}{decimals:0<2}").parse().ok()
}
