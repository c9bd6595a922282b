//! `log_format`, `access_log` and `error_log`.

use std::sync::Arc;
use std::time::Duration;

use super::frame::Conflict;
use super::template::Piece;
use super::{Analyser, Outcome, duplicate, emerg, invalid_parameter};
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{
    AccessFile, AccessLog, ErrorLog, LogBuffer, LogEscape, LogFile, LogFormat, LogLevel, LogTarget,
};
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::syslog::Syslog;
use crate::config::template::Template;
use crate::config::values;
use crate::config::written;

/// `log_format NAME [escape=…] TEXT…`
pub fn format(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let name = directive.arg();
    let same = |format: &Arc<LogFormat>| format.name == name.text();
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
                let other = written::shown(written::before_nul(other)).into_owned();
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

/// `access_log PATH [FORMAT [buffer=…] [flush=…] [gzip[=…]] [if=…]]` and `access_log off`
pub fn access_log(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let path = directive.arg();
    if path.is("off") {
        analyser.frame().level.access_log_off = true;
        return match directive.args.get(1) {
            Some(word) => Err(invalid_parameter(directive, word).label("`off` stands alone")),
            None => Ok(()),
        };
    }
    let syslog = syslog(directive, path)?;
    let named = if syslog.is_none() && path.value.contains(&b'$') {
        Some(analyser.template(directive, path)?)
    } else {
        None
    };
    let format = match directive.args.get(1) {
        Some(word) => named_format(analyser, directive, word)?,
        None => combined(analyser)?,
    };
    let mut condition = None;
    let mut wanted = Wanted::default();
    for word in directive.args.iter().skip(2) {
        if word.value.starts_with(b"if=") {
            condition = Some(analyser.compile(directive, Piece::from(word, 3), true)?);
        } else {
            wanted.read(directive, word)?;
        }
    }
    let buffer = wanted.buffer();
    if wanted.flush.is_some() && buffer.is_none() {
        let name = match named {
            Some(_) => {
                let name = analyser.paths.below_prefix(&path.value);
                name.display().to_string()
            }
            None => path.text().into_owned(),
        };
        let message = format!("no buffer is defined for access_log \"{name}\"");
        return Err(emerg(directive, message).at(path.span));
    }
    let unbuffered = match (&named, &syslog) {
        (Some(_), _) => Some("buffered logs cannot have variables in name"),
        (None, Some(_)) => Some("logs to syslog cannot be buffered"),
        (None, None) => None,
    };
    if let Some(what) = unbuffered.filter(|_| buffer.is_some()) {
        return Err(emerg(directive, what).at(path.span));
    }
    let file = match (named, syslog) {
        (Some(template), _) => AccessFile::Named(template),
        (None, Some(syslog)) => opened(analyser, directive, LogTarget::Syslog(syslog), buffer)?,
        (None, None) => {
            // One without a name is nginx's standard error.
            let file = match path.value.is_empty() {
                true => LogTarget::Stderr,
                false => LogTarget::File(analyser.paths.below_prefix(&path.value)),
            };
            opened(analyser, directive, file, buffer)?
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

/// A log that is opened once, however many lines name it; they all buffer it alike.
fn opened(
    analyser: &mut Analyser,
    directive: &Directive,
    target: LogTarget,
    buffer: Option<LogBuffer>,
) -> Result<AccessFile, Diagnostic> {
    let log = LogFile { target, buffer };
    let index = analyser.shared.buffered_log(log).map_err(|Conflict| {
        let path = directive.arg();
        let message = format!(
            "access_log \"{}\" already defined with conflicting parameters",
            path.text()
        );
        emerg(directive, message)
            .at(path.span)
            .label("another line buffers this file otherwise")
            .help("give `buffer=`, `flush=` and `gzip=` the same values everywhere")
    })?;
    Ok(AccessFile::Opened(index))
}

/// `open_log_file_cache max=N [inactive=TIME] [valid=TIME] [min_uses=N]`, or `off`
pub fn open_log_file_cache(analyser: &mut Analyser, directive: &Directive) -> Outcome {
    let before = &mut analyser.frame().level.open_log_file_cache;
    if let Some(first) = before.replace(directive.name.span) {
        return Err(duplicate(directive, Some(first)));
    }
    let (mut has_max, mut off) = (false, false);
    for word in &directive.args {
        let value = |prefix: &str| word.value.strip_prefix(prefix.as_bytes());
        let right = if let Some(number) = value("max=") {
            let number = values::number(number);
            has_max = number.is_some_and(|number| number > 0);
            number.is_some()
        } else if let Some(time) = value("inactive=").or_else(|| value("valid=")) {
            values::sec(time).is_some()
        } else if let Some(number) = value("min_uses=") {
            values::number(number).is_some()
        } else {
            off |= word.is("off");
            word.is("off")
        };
        if !right {
            let message = format!(
                "invalid \"open_log_file_cache\" parameter \"{}\"",
                word.text()
            );
            return Err(emerg(directive, message).at(word.span).label(
                "expected `max=NUMBER`, `inactive=TIME`, `valid=TIME`, `min_uses=NUMBER` or `off`",
            ));
        }
    }
    match has_max || off {
        true => Ok(()),
        false => Err(emerg(
            directive,
            "\"open_log_file_cache\" must have \"max\" parameter",
        )),
    }
}

/// What an `access_log` line says of buffers.
#[derive(Default)]
struct Wanted {
    size: Option<usize>,
    flush: Option<Duration>,
    gzip: Option<u8>,
}

impl Wanted {
    fn read(&mut self, directive: &Directive, word: &Word) -> Outcome {
        let value = |prefix: &str| word.value.strip_prefix(prefix.as_bytes());
        let wrong = |what: &str, value: &[u8]| {
            let value = written::shown(value).into_owned();
            emerg(directive, format!("invalid {what} \"{value}\"")).at(word.span)
        };
        if let Some(text) = value("buffer=") {
            let size = values::size(text).and_then(|size| usize::try_from(size).ok());
            let size = size.filter(|&size| size > 0);
            self.size = Some(size.ok_or_else(|| wrong("buffer size", text))?);
        } else if let Some(text) = value("flush=") {
            let time = values::msec(text).filter(|time| !time.is_zero());
            self.flush = Some(time.ok_or_else(|| wrong("flush time", text))?);
        } else if word.is("gzip") {
            self.gzip = Some(1);
        } else if let Some(text) = value("gzip=") {
            let level = values::number(text).and_then(|level| u8::try_from(level).ok());
            let level = level.filter(|level| (1..=9).contains(level));
            self.gzip = Some(level.ok_or_else(|| wrong("compression level", text))?);
        } else {
            return Err(invalid_parameter(directive, word));
        }
        Ok(())
    }

    fn buffer(&self) -> Option<LogBuffer> {
        const COMPRESSED: usize = 64 * 1024;
        let size = self.size.or(self.gzip.map(|_| COMPRESSED))?;
        Some(LogBuffer {
            size,
            flush: self.flush,
            gzip: self.gzip,
        })
    }
}

/// The server of a log that is a `syslog:`.
fn syslog(directive: &Directive, path: &Word) -> Result<Option<Syslog>, Diagnostic> {
    let Some(text) = path.value.strip_prefix(b"syslog:") else {
        return Ok(None);
    };
    let parsed = Syslog::parse(text).map_err(|message| {
        emerg(directive, message).at(path.span).label(
            "expected `syslog:server=ADDRESS`, and `,facility=`, `,severity=`, `,tag=`, `,nohostname`",
        )
    });
    parsed.map(Some)
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
fn builtin_word(text: &'static str) -> Word {
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
    let target = if path.is("stderr") || path.value.is_empty() {
        LogTarget::Stderr
    } else if let Some(size) = path.value.strip_prefix(b"memory:") {
        // nginx's least holds its longest message, and the name of the file beside two numbers.
        let named = analyser.sources.files().get(usize::from(path.span.file));
        let name = named.map_or(0, |source| source.path.as_os_str().len() as u64);
        if values::size(size).is_none_or(|size| size < 2099 + name) {
            let size = written::shown(size).into_owned();
            let message = format!("invalid buffer size \"{size}\"");
            return Err(emerg(directive, message).at(path.span));
        }
        LogTarget::Memory
    } else if let Some(syslog) = syslog(directive, path)? {
        LogTarget::Syslog(syslog)
    } else {
        LogTarget::File(analyser.paths.below_prefix(&path.value))
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
            buffer: None,
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
