//! `expires`, `add_trailer`, `charset`, `sub_filter`, the lists of types, and what gzip adds to the generic values.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::core::header_line;
use super::template::Piece;
use super::{Analyser, Outcome, bad, duplicate, emerg, invalid_parameter, warn};
use crate::config::charset::{Filling, Invalid};
use crate::config::filters::{Charset, Expires, SubPair, Symlinks, SymlinksDisabled, Types};
use crate::config::model::AddHeader;
use crate::config::parser::Directive;
use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::template::{Part, Template};

/// What a block says about filters.
#[derive(Debug, Default)]
pub struct Draft {
    pub expires: Option<(Expires, Span)>,
    pub trailers: Vec<AddHeader>,
    pub charset: Option<(Charset, Span)>,
    pub source_charset: Option<(Charset, Span)>,
    pub pairs: Vec<SubPair>,
    /// `gzip_types` and the like, by directive.
    pub types: HashMap<&'static str, Types>,
    /// `gzip_disable`: `msie6` was given, and the other patterns; `None` where there is no line.
    pub gzip_disable: Option<(bool, Vec<Regex>)>,
    pub symlinks: Option<(Symlinks, Span)>,
}

/// `expires [modified] TIME | epoch | max | off`
pub fn expires(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some((_, first)) = &analyser.frame().level.filters.expires {
        let first = *first;
        return Err(duplicate(directive, Some(first)));
    }
    let (modified, word) = match &*directive.args {
        [word] => (false, word),
        [keyword, word] if keyword.is("modified") => (true, word),
        _ => {
            return Err(bad(directive, "invalid value")
                .at(directive.arg().span)
                .label("expected `modified` before a time, or a time alone"));
        }
    };
    let value = analyser.template(directive, word)?;
    let expires = if value.as_literal().is_some() {
        Expires::parse(&word.value, modified).map_err(|what| {
            bad(directive, what)
                .at(word.span)
                .label("expected a time (`1h`, `-1`, `@15h30m`), `epoch`, `max` or `off`")
        })?
    } else {
        Expires::Variable { value, modified }
    };
    analyser.frame().level.filters.expires = Some((expires, directive.name.span));
    Ok(())
}

/// `add_trailer NAME VALUE [always]`
pub fn add_trailer(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(line) = header_line(analyser, directive)? {
        analyser.frame().level.filters.trailers.push(line);
    }
    Ok(())
}

/// `charset NAME | $variable | off`
pub fn charset(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let before = analyser.frame().level.filters.charset.as_ref();
    if let Some(first) = before.map(|(_, span)| *span) {
        return Err(duplicate(directive, Some(first)));
    }
    let value = if directive.arg().is("off") {
        Charset::Off
    } else {
        charset_name(analyser, directive)?
    };
    analyser.frame().level.filters.charset = Some((value, directive.name.span));
    Ok(())
}

/// `source_charset NAME | $variable`
pub fn source_charset(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let before = analyser.frame().level.filters.source_charset.as_ref();
    if let Some(first) = before.map(|(_, span)| *span) {
        return Err(duplicate(directive, Some(first)));
    }
    let value = charset_name(analyser, directive)?;
    analyser.frame().level.filters.source_charset = Some((value, directive.name.span));
    Ok(())
}

fn charset_name(
    analyser: &mut Analyser,
    directive: &Directive,
) -> Result<Charset, super::Diagnostic> {
    let word = directive.arg();
    if let Some(name) = word.value.strip_prefix(b"$") {
        let name = String::from_utf8_lossy(name).into_owned();
        if name.is_empty() {
            return Err(emerg(directive, "invalid variable name \"$\"").at(word.span));
        }
        return Ok(Charset::Variable(
            analyser.variable(directive, &name, word.span)?,
        ));
    }
    Ok(Charset::Name(analyser.shared.charsets.add(&word.value).1))
}

/// `charset_map CHARSET CHARSET { … }`
pub fn charset_map(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [first, second, ..] = &*directive.args else {
        return Ok(());
    };
    let charsets = &mut analyser.shared.charsets;
    let [(from, _), (to, _)] = [first, second].map(|word| charsets.add(&word.value));
    let pair = format!("\"{}\" and \"{}\"", first.text(), second.text());
    if from == to {
        let message = format!("\"charset_map\" between the same charsets {pair}");
        return Err(emerg(directive, message).at(second.span));
    }
    if charsets.are_mapped(from, to) {
        let message = format!("duplicate \"charset_map\" between {pair}");
        return Err(emerg(directive, message).label("one map tells both ways"));
    }
    let mut filling = Filling::new(second.value.eq_ignore_ascii_case(b"utf-8"));
    for line in directive.block.iter().flat_map(|block| &block.directives) {
        if let Err(found) = charset_line(line, &mut filling) {
            analyser.report(found, line.end);
        }
    }
    if first.value.eq_ignore_ascii_case(b"utf-8") {
        let message = "\"charset_map\" with utf-8 as its first charset is not used";
        let found = warn(directive, message)
            .at(first.span)
            .label("nginx 1.22.1 takes it, and crashes when it serves by it")
            .help("write utf-8 as the second charset: one map tells both ways");
        analyser.report(found, directive.end);
        filling = Filling::Unusable;
    }
    analyser.shared.charsets.add_map(from, to, filling);
    Ok(())
}

fn charset_line(line: &Directive, filling: &mut Filling) -> Outcome {
    if line.block.is_some() {
        return Err(emerg(line, "unexpected \"{\"")
            .at(line.end)
            .label("this block has lines of two bytes, and no blocks"));
    }
    let [value] = &*line.args else {
        return Err(emerg(line, "invalid parameters number")
            .label("expected a byte and its counterpart, in hexadecimal digits"));
    };
    filling.add(&line.name.value, &value.value).map_err(|what| {
        let (word, label) = match what {
            Invalid::Key => (&line.name, "expected a byte in hexadecimal digits: `80`"),
            Invalid::Value => (
                value,
                "expected a byte, or a character of UTF-8, in hexadecimal digits: `D0B0`",
            ),
        };
        emerg(line, format!("invalid value \"{}\"", word.text()))
            .at(word.span)
            .label(label)
    })
}

/// `gzip_types`, `sub_filter_types`, `charset_types`: `text/html` is always among them.
pub fn types(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = match &*directive.name.value {
        b"gzip_types" => "gzip_types",
        b"sub_filter_types" => "sub_filter_types",
        _ => "charset_types",
    };
    let drafts = &mut analyser.frame().level.filters.types;
    let draft = drafts
        .entry(name)
        .or_insert_with(|| Types::of(&["text/html"]));
    let mut found = Vec::new();
    for word in &directive.args {
        let Types::Of(names) = draft else { break };
        if word.is("*") {
            *draft = Types::Any;
            break;
        }
        if !names.insert(word.value.to_ascii_lowercase().into()) {
            let lower = word.text().to_ascii_lowercase();
            found.push(
                warn(directive, format!("duplicate MIME type \"{lower}\""))
                    .at(word.span)
                    .label("named before; `text/html` always is"),
            );
        }
    }
    for found in found {
        analyser.report(found, directive.end);
    }
    Ok(())
}

/// `sub_filter STRING REPLACEMENT`
pub fn sub_filter(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let [pattern, replacement] = &*directive.args else {
        return Ok(());
    };
    if pattern.value.is_empty() {
        return Err(emerg(directive, "empty search pattern").at(pattern.span));
    }
    if analyser.frame().level.filters.pairs.len() == 255 {
        return Err(emerg(directive, "number of search patterns exceeds 255"));
    }
    let pair = SubPair {
        pattern: lower(analyser.compile(directive, Piece::whole(pattern), true)?),
        replacement: analyser.template(directive, replacement)?,
    };
    analyser.frame().level.filters.pairs.push(pair);
    Ok(())
}

fn lower(mut template: Template) -> Template {
    for part in &mut template.parts {
        if let Part::Literal(text) = part {
            *text = Bytes::from(text.to_ascii_lowercase());
        }
    }
    template
}

/// `gzip_disable REGEX… | msie6`
pub fn gzip_disable(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let mut msie6 = false;
    let mut patterns = Vec::new();
    for word in &directive.args {
        if word.is("msie6") {
            msie6 = true;
        } else {
            patterns.push(analyser.regex(directive, Piece::whole(word), true)?);
        }
    }
    let draft = analyser
        .frame()
        .level
        .filters
        .gzip_disable
        .get_or_insert_default();
    draft.0 |= msie6;
    draft.1.append(&mut patterns);
    Ok(())
}

/// `disable_symlinks off | on | if_not_owner [from=PART]`
pub fn disable_symlinks(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let before = analyser.frame().level.filters.symlinks.as_ref();
    if let Some(first) = before.map(|(_, span)| *span) {
        return Err(duplicate(directive, Some(first)));
    }
    let mut disabled = None;
    let mut from = None;
    for word in &directive.args {
        match &*word.value {
            b"off" => disabled = Some(SymlinksDisabled::Off),
            b"on" => disabled = Some(SymlinksDisabled::On),
            b"if_not_owner" => disabled = Some(SymlinksDisabled::NotOwner),
            value if value.starts_with(b"from=") => {
                from = Some(analyser.compile(directive, Piece::from(word, 5), true)?);
            }
            _ => return Err(invalid_parameter(directive, word)),
        }
    }
    let Some(disabled) = disabled else {
        return Err(emerg(
            directive,
            "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter",
        ));
    };
    if let ([first, second], None) = (&*directive.args, &from) {
        return Err(emerg(
            directive,
            format!(
                "duplicate parameters \"{} {}\"",
                first.text(),
                second.text()
            ),
        ));
    }
    if from.is_some() && disabled == SymlinksDisabled::Off {
        return Err(emerg(
            directive,
            "\"from=\" cannot be used with \"off\" parameter",
        ));
    }
    analyser.frame().level.filters.symlinks =
        Some((Symlinks { disabled, from }, directive.name.span));
    Ok(())
}

/// Names for a set of types, once: the default ones.
pub fn default_types(name: &str) -> Types {
    match name {
        "charset_types" => Types::of(&[
            "text/html",
            "text/xml",
            "text/plain",
            "text/vnd.wap.wml",
            "application/javascript",
            "application/rss+xml",
        ]),
        "gzip_types" | "sub_filter_types" => Types::of(&["text/html"]),
        _ => Types::Of(HashSet::new()),
    }
}
