//! Directives of the HTTP core and header modules whose values are more than one word.

use super::chain::Value;
use super::generic::bad_time;
use super::template::Piece;
use super::{Analyser, Outcome, bad, duplicate, emerg, invalid_parameter};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{AddHeader, ErrorPage, Overwrite};
use crate::config::parser::Directive;
use crate::config::table;
use crate::config::template::Template;
use crate::config::values;

/// `open_file_cache max=N [inactive=TIME]`, or `off`
pub fn open_file_cache(_: &mut Analyser, directive: &Directive) -> Outcome {
    let (mut has_max, mut off) = (false, false);
    for word in &directive.args {
        let right = if let Some(number) = word.value.strip_prefix(b"max=") {
            has_max = true;
            values::number(number).is_some_and(|n| n > 0)
        } else if let Some(time) = word.value.strip_prefix(b"inactive=") {
            values::sec(time).is_some()
        } else {
            off |= word.is("off");
            word.is("off")
        };
        if !right {
            let message = format!("invalid \"open_file_cache\" parameter \"{}\"", word.text());
            return Err(emerg(directive, message)
                .at(word.span)
                .label("expected `max=NUMBER`, `inactive=TIME` or `off`"));
        }
    }
    match has_max || off {
        true => Ok(()),
        false => Err(emerg(
            directive,
            "\"open_file_cache\" must have the \"max\" parameter",
        )),
    }
}

/// `keepalive_timeout TIMEOUT [HEADER]`
pub fn keepalive_timeout(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if analyser.frame().level.keepalive.is_some() {
        return Err(duplicate(directive, None));
    }
    let timeout = values::msec(&directive.arg().value).ok_or_else(|| bad_time(directive))?;
    let header = match directive.args.get(1) {
        Some(word) => {
            let time = values::sec(&word.value).ok_or_else(|| bad_time(directive).at(word.span))?;
            Some(time.as_secs())
        }
        None => None,
    };
    analyser.frame().level.keepalive = Some((timeout, header));
    Ok(())
}

/// `internal`
pub fn internal(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let level = &mut analyser.frame().level;
    if level.internal {
        return Err(duplicate(directive, None));
    }
    level.internal = true;
    Ok(())
}

/// `error_page CODE… [=[RESPONSE]] URI`
pub fn error_page(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let Some((target, rest)) = directive.args.split_last() else {
        return Ok(());
    };
    let (overwrite, codes) = match rest.split_last() {
        Some((response, codes)) if response.value.starts_with(b"=") => {
            let invalid = || {
                emerg(directive, format!("invalid value \"{}\"", response.text())).at(response.span)
            };
            if codes.is_empty() {
                return Err(invalid().label("expected a status code before `=`"));
            }
            let digits = &response.value[1..];
            let overwrite = if digits.is_empty() {
                Overwrite::FromTarget
            } else {
                let code = values::number(digits).ok_or_else(invalid)?;
                Overwrite::Status(u16::try_from(code).unwrap_or(u16::MAX))
            };
            (overwrite, codes)
        }
        _ => (Overwrite::Keep, rest),
    };
    let template = analyser.template(directive, target)?;
    let mut pages = Vec::new();
    for code in codes {
        pages.push(one_page(directive, code, overwrite, &template)?);
    }
    analyser.frame().level.error_pages.append(&mut pages);
    Ok(())
}

fn one_page(
    directive: &Directive,
    code: &Word,
    overwrite: Overwrite,
    target: &Template,
) -> Result<ErrorPage, Diagnostic> {
    let status = match values::number(&code.value) {
        None | Some(499) => {
            return Err(
                emerg(directive, format!("invalid value \"{}\"", code.text()))
                    .at(code.span)
                    .label("expected a status code from 300 to 599, but not 499"),
            );
        }
        Some(status @ 300..=599) => u16::try_from(status).unwrap_or_default(),
        Some(_) => {
            return Err(emerg(
                directive,
                format!("value \"{}\" must be between 300 and 599", code.text()),
            )
            .at(code.span));
        }
    };
    // The codes that clients never see are sent as 400.
    let overwrite = match (overwrite, status) {
        (Overwrite::Keep, 494..=497) => Overwrite::Status(400),
        (overwrite, _) => overwrite,
    };
    Ok(ErrorPage {
        status,
        overwrite,
        target: target.clone(),
        span: directive.name.span,
    })
}

/// `add_header NAME VALUE [always]`
pub fn add_header(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    if let Some(line) = header_line(analyser, directive)? {
        analyser.frame().level.add_headers.push(line);
    }
    Ok(())
}

/// The arguments of `add_header` and `add_trailer`.
pub fn header_line(
    analyser: &mut Analyser,
    directive: &Directive,
) -> Result<Option<AddHeader>, Diagnostic> {
    let [name, value, rest @ ..] = &*directive.args else {
        return Ok(None);
    };
    let template = analyser.template(directive, value)?;
    if let Some(word) = rest.first().filter(|word| !word.is("always")) {
        let example = directive.name.text();
        return Err(invalid_parameter(directive, word)
            .label("expected `always` or nothing")
            .help(format!(
                "quote a value that has spaces or `;`: `{example} X-Name \"two; words\";`"
            )));
    }
    Ok(Some(AddHeader {
        name: name.value.clone(),
        value: template,
        always: !rest.is_empty(),
        span: directive.name.span,
    }))
}

/// `gzip_window SIZE`: of zlib's sizes.
pub fn gzip_window(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let sizes = [512, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15];
    let expected = "must be 512, 1k, 2k, 4k, 8k, 16k, or 32k";
    checked(analyser, directive, |size| sizes.contains(&size), expected)
}

/// `gzip_hash SIZE`: of zlib's sizes.
pub fn gzip_hash(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let sizes = [
        1 << 9,
        1 << 10,
        1 << 11,
        1 << 12,
        1 << 13,
        1 << 14,
        1 << 15,
        1 << 16,
        1 << 17,
    ];
    let expected = "must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k";
    checked(analyser, directive, |size| sizes.contains(&size), expected)
}

/// `connection_pool_size SIZE`, `request_pool_size SIZE`: changes nothing here, but nginx has its bounds.
pub fn pool_size(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let message = match kept(analyser, directive)? {
        Some(Value::Number(size)) if *size < 112 => "the pool size must be no less than 112",
        Some(Value::Number(size)) if size % 16 != 0 => "the pool size must be a multiple of 16",
        _ => return Ok(()),
    };
    Err(emerg(directive, message).at(directive.arg().span))
}

/// `aio off` and `aio threads[=POOL]`: what nginx has on Linux.
pub fn aio(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    kept(analyser, directive)?;
    let word = directive.arg();
    match &*word.value {
        b"off" | b"threads" => Ok(()),
        b"on" => Err(
            emerg(directive, "\"aio on\" is unsupported on this platform")
                .at(word.span)
                .label("`off` or `threads`"),
        ),
        value if value.starts_with(b"threads=") => {
            let name = Piece::from(word, 8);
            if analyser
                .compile(directive, name, true)?
                .as_literal()
                .is_some()
            {
                let (name, end) = (name.bytes(), directive.end);
                analyser.shared.thread_pool(&name, word.span, end);
            }
            Ok(())
        }
        _ => Err(bad(directive, "invalid value")
            .at(word.span)
            .label("`off` or `threads`")),
    }
}

/// `directio SIZE` and `directio off`
pub fn directio(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    kept(analyser, directive)?;
    let word = directive.arg();
    if &*word.value == b"off" || crate::config::values::offset(&word.value).is_some() {
        return Ok(());
    }
    Err(bad(directive, "invalid value")
        .at(word.span)
        .label("expected a size, `4m`, or `off`"))
}

/// `http2_streams_index_size NUMBER`
pub fn power_of_two(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let power = |number: u64| number.is_power_of_two();
    checked(analyser, directive, power, "must be a power of two")
}

/// Keeps the value of a row's own kind, and gives it.
fn kept<'a>(
    analyser: &'a mut Analyser,
    directive: &Directive,
) -> Result<Option<&'a Value>, Diagnostic> {
    let Some(row) = table::find(&directive.name.value).first() else {
        return Ok(None);
    };
    analyser.keep(row, directive)?;
    let set = analyser.frame().level.values.get(row.name);
    Ok(set.map(|set| &set.value))
}

/// Keeps the value of a row's own kind, and then asks one thing more of it.
fn checked(
    analyser: &mut Analyser,
    directive: &Directive,
    right: impl Fn(u64) -> bool,
    expected: &str,
) -> Outcome {
    match kept(analyser, directive)? {
        Some(Value::Number(number)) if !right(*number) => {
            Err(bad(directive, expected).at(directive.arg().span))
        }
        _ => Ok(()),
    }
}
