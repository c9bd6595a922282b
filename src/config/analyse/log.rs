//! `log_format`, `access_log` and `error_log`.

use std::sync::Arc;

use super::template::Piece;
use super::{Analyser, Outcome, emerg, invalid_parameter, not_implemented};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{
    AccessFile, AccessLog, ErrorLog, LogEscape, LogFile, LogFormat, LogLevel, LogTarget,
};
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::template::Template;
use crate::config::values;

/// `log_format NAME [escape=…] TEXT…`
pub fn format(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = directive.arg();
    let same = |format: &Arc<LogFormat>| format.name.as_bytes() == name.value;
    if name.is("combined") || analyser.shared.formats.iter().any(same) {
        let message = format!("duplicate \"log_format\" name \"{}\"", name.text());
        return Err(emerg(directive, message)
            .at(name.span)
            .label("this name is taken"));
    }
    let mut texts = &directive.args[1..];
    let mut escape = LogEscape::Default;
    if let Some((first, rest)) = texts.split_first()
        && let Some(kind) = first.value.strip_prefix(b"escape=")
    {
        escape = match kind {
            b"default" => LogEscape::Default,
            b"json" => LogEscape::Json,
            b"none" => LogEscape::None,
            other => {
                let other = String::from_utf8_lossy(other).into_owned();
                return Err(emerg(
                    directive,
                    format!("unknown log format escaping \"{other}\""),
                )
                .at(first.span)
                .label("expected `default`, `json` or `none`"));
            }
        };
        texts = rest;
    }
    let mut parts = Vec::new();
    for word in texts {
        // Here `$1` is no capture.
        let compiled = analyser.compile(directive, Piece::whole(word), false)?;
        parts.extend(compiled.parts);
    }
    let format = LogFormat {
        name: name.text().into_owned(),
        escape,
        template: Template {
            parts: parts.into(),
        },
    };
    analyser.shared.formats.push(Arc::new(format));
    Ok(())
}

/// `access_log PATH [FORMAT [buffer=…] [flush=…] [gzip] [if=…]]` and `access_log off`
pub fn access_log(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let path = directive.arg();
    if path.is("off") {
        analyser.frame().level.access_log_off = true;
        return match directive.args.get(1) {
            Some(word) => Err(invalid_parameter(directive, word).label("`off` stands alone")),
            None => Ok(()),
        };
    }
    if path.value.starts_with(b"syslog:") {
        return Err(not_implemented(directive, path.span, "logging to syslog"));
    }
    let named = if path.value.contains(&b'$') {
        Some(analyser.template(directive, path)?)
    } else {
        None
    };
    let format = match directive.args.get(1) {
        Some(word) => named_format(analyser, directive, word)?,
        None => combined(analyser)?,
    };
    let mut condition = None;
    let mut buffered = false;
    let mut flushed = false;
    for word in directive.args.iter().skip(2) {
        let value = |prefix: &str| word.value.strip_prefix(prefix.as_bytes());
        let wrong = |what: &str, value: &[u8]| {
            let value = String::from_utf8_lossy(value).into_owned();
            emerg(directive, format!("invalid {what} \"{value}\"")).at(word.span)
        };
        let buffers = value("buffer=").is_some() || word.is("gzip") || value("gzip=").is_some();
        if buffers && named.is_some() {
            return Err(emerg(directive, "buffered logs cannot have variables").at(word.span));
        }
        if let Some(size) = value("buffer=") {
            values::size(size)
                .filter(|&n| n > 0)
                .ok_or_else(|| wrong("buffer size", size))?;
            buffered = true;
        } else if let Some(time) = value("flush=") {
            values::msec(time)
                .filter(|t| !t.is_zero())
                .ok_or_else(|| wrong("flush time", time))?;
            flushed = true;
        } else if word.is("gzip") || value("gzip=").is_some() {
            return Err(not_implemented(directive, word.span, "compressed logs"));
        } else if value("if=").is_some() {
            condition = Some(analyser.compile(directive, Piece::from(word, 3), true)?);
        } else {
            return Err(invalid_parameter(directive, word));
        }
    }
    if flushed && !buffered {
        let message = format!("no buffer is defined for access_log \"{}\"", path.text());
        return Err(emerg(directive, message).at(path.span));
    }
    let file = match named {
        Some(template) => AccessFile::Named(template),
        None => {
            let target = LogTarget::File(analyser.paths.absolute(&path.value));
            AccessFile::Opened(analyser.shared.log(LogFile { target }))
        }
    };
    let log = AccessLog {
        file,
        format,
        condition,
        span: Some(directive.name.span),
    };
    analyser.frame().level.access_logs.push(log);
    Ok(())
}

/// The format that nginx has by itself.
pub fn combined(analyser: &mut Analyser) -> Result<Arc<LogFormat>, Diagnostic> {
    const TEXT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";
    let word = builtin_word(TEXT);
    let directive = Directive {
        name: word.clone(),
        args: Vec::new(),
        block: None,
        end: word.span,
    };
    let template = analyser.compile(&directive, Piece::whole(&word), false)?;
    Ok(Arc::new(LogFormat {
        name: "combined".into(),
        escape: LogEscape::Default,
        template,
    }))
}

/// A text that stands in no file.
pub fn builtin_word(text: &'static str) -> Word {
    use crate::config::lexer::Quote;
    use crate::config::source::Span;
    Word {
        value: bytes::Bytes::from_static(text.as_bytes()),
        quote: Quote::Bare,
        span: Span {
            file: u16::MAX,
            line: 0,
            column: 0,
            start: 0,
            end: 0,
        },
    }
}

fn named_format(
    analyser: &mut Analyser,
    directive: &Directive,
    word: &Word,
) -> Result<Arc<LogFormat>, Diagnostic> {
    if word.value.eq_ignore_ascii_case(b"combined") {
        return combined(analyser);
    }
    let formats = &analyser.shared.formats;
    let same = |format: &&Arc<LogFormat>| format.name.as_bytes().eq_ignore_ascii_case(&word.value);
    if let Some(format) = formats.iter().find(same) {
        return Ok(format.clone());
    }
    let found = emerg(directive, format!("unknown log format \"{}\"", word.text())).at(word.span);
    Err(
        match nearest(&word.text(), formats.iter().map(|format| &*format.name)) {
            Some(guess) => found.help(format!("did you mean `{guess}`?")),
            None => found
                .help("a format is made by `log_format` in `http`, above the line that uses it"),
        },
    )
}

/// `error_log FILE [LEVEL]` of the main context
pub fn main_error_log(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let log = read_error_log(analyser, directive)?;
    analyser.shared.main_error_logs.push(log);
    Ok(())
}

/// `error_log FILE [LEVEL]`
pub fn error_log(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let log = read_error_log(analyser, directive)?;
    analyser.frame().level.error_logs.push(log);
    Ok(())
}

fn read_error_log(analyser: &mut Analyser, directive: &Directive) -> Result<ErrorLog, Diagnostic> {
    let path = directive.arg();
    for (start, what) in [
        ("syslog:", "logging to syslog"),
        ("memory:", "logging to memory"),
    ] {
        if path.value.starts_with(start.as_bytes()) {
            return Err(not_implemented(directive, path.span, what));
        }
    }
    let target = if path.is("stderr") {
        LogTarget::Stderr
    } else {
        LogTarget::File(analyser.paths.absolute(&path.value))
    };
    let mut level = None;
    for word in directive.args.iter().skip(1) {
        let known = LEVELS.iter().find(|(name, _)| word.is(name));
        let Some((_, found)) = known else {
            let error =
                emerg(directive, format!("invalid log level \"{}\"", word.text())).at(word.span);
            return Err(
                match nearest(&word.text(), LEVELS.iter().map(|(name, _)| *name)) {
                    Some(guess) => error.help(format!("did you mean `{guess}`?")),
                    None => {
                        error.help("levels: debug, info, notice, warn, error, crit, alert, emerg")
                    }
                },
            );
        };
        if level.is_some() && !word.value.starts_with(b"debug_") {
            let message = format!("duplicate log level \"{}\"", word.text());
            return Err(emerg(directive, message).at(word.span));
        }
        level = Some(*found);
    }
    let level = level.unwrap_or(LogLevel::Error);
    if let LogTarget::File(_) = &target {
        analyser.shared.log(LogFile {
            target: target.clone(),
        });
    }
    Ok(ErrorLog { target, level })
}

const LEVELS: [(&str, LogLevel); 15] = [
    ("emerg", LogLevel::Emerg),
    ("alert", LogLevel::Alert),
    ("crit", LogLevel::Crit),
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("notice", LogLevel::Notice),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("debug_core", LogLevel::Debug),
    ("debug_alloc", LogLevel::Debug),
    ("debug_mutex", LogLevel::Debug),
    ("debug_event", LogLevel::Debug),
    ("debug_http", LogLevel::Debug),
    ("debug_mail", LogLevel::Debug),
    ("debug_stream", LogLevel::Debug),
];
