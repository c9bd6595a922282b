//! The rewrite phase of a level: `return`, `rewrite`, `set`, `if` and `break`, in the file's order.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::config::model::{
    Condition, FileTest, Location, LocationKind, LogLevel, Return, ReturnBody, Rewrite, RewriteEnd,
    RewriteStep, SetTarget,
};
use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::template::{Part, Template};
use crate::config::written::shown;
use crate::wire::escape::{Escape, Unescape, escape_uri, unescape_uri};

use super::choose::Matched;
use super::phases::{discard, redirect, text};
use super::reply::{Flow, Reply};
use super::request::Request;
use super::trace::{self, Step, Wanted};
use super::{files, log, variables};

/// How the phase left the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    Stays,
    /// The URI was changed: a location is searched again.
    SearchAgain,
}

/// What a directive asks of those after it.
enum After {
    Next,
    /// `last`, `break`: the phase is over.
    Over,
}

/// Runs the directives of the current level.
///
/// # Errors
/// The flow that ends the request's way: an answer, a redirect, a status.
pub fn run(r: &mut Request) -> Result<Rewritten, Flow> {
    let level = r.location.clone();
    if level.rewrite.is_empty() {
        return Ok(Rewritten::Stays);
    }
    r.rewrite_log = level.core.rewrite_log;
    let mut changed = false;
    steps(r, &level, &mut changed)?;
    if !changed {
        return Ok(Rewritten::Stays);
    }
    // What a server changes is no step of a cycle: its level comes once.
    if matches!(level.kind, LocationKind::Server) {
        return Ok(Rewritten::SearchAgain);
    }
    r.uri_changes -= 1;
    if r.uri_changes == 0 {
        let message = format!(
            "rewrite or internal redirection cycle while processing \"{}\"",
            shown(&r.uri)
        );
        log::error(r, LogLevel::Error, &message);
        return Err(Flow::Status(500));
    }
    Ok(Rewritten::SearchAgain)
}

fn steps(r: &mut Request, level: &Arc<Location>, changed: &mut bool) -> Result<After, Flow> {
    for step in &level.rewrite {
        let after = match step {
            RewriteStep::Return(directive) => {
                note(r, directive.span, || "answers".to_owned());
                return Err(do_return(r, directive));
            }
            RewriteStep::Set {
                target,
                value,
                span,
            } => {
                let value = variables::evaluate_by_steps(value, r);
                note(r, *span, || format!("is now \"{}\"", text(&value)));
                match target {
                    SetTarget::Slot(slot) => r.set_slot(*slot, Some(value)),
                    SetTarget::LimitRate => match crate::config::size(&value) {
                        Some(rate) => r.limit_rate.set(Some(rate)),
                        None => {
                            let message = [b"invalid $limit_rate \"", &value[..], b"\""].concat();
                            log::error_bytes(r, LogLevel::Error, &message);
                        }
                    },
                    SetTarget::Args => {
                        r.args = value;
                        r.args_given = true;
                        r.uri_as_received = false;
                    }
                }
                After::Next
            }
            RewriteStep::Rewrite(directive) => rewrite(r, directive, changed)?,
            RewriteStep::If(block) => match holds(r, &block.condition)? {
                true => {
                    note(r, block.span, || "holds: its block applies".to_owned());
                    // In a server's own level it changes nothing but these directives.
                    if !matches!(r.location.kind, LocationKind::Server) {
                        r.location = block.level.clone();
                        r.apply_location_limits();
                    }
                    steps(r, &block.level, changed)?
                }
                false => {
                    note(r, block.span, || "does not hold".to_owned());
                    After::Next
                }
            },
            RewriteStep::Break(span) => {
                note(r, *span, || "ends the rewriting".to_owned());
                if std::mem::take(changed) {
                    r.uri_changed = false;
                    r.valid_location = false;
                }
                After::Over
            }
        };
        if matches!(after, After::Over) {
            return Ok(After::Over);
        }
    }
    Ok(After::Next)
}

fn do_return(r: &mut Request, directive: &Return) -> Flow {
    // A text or an address is made after the body was thrown away, which its variables can see.
    if !matches!(directive.body, ReturnBody::None)
        && let Err(status) = discard(r)
    {
        return Flow::Status(status);
    }
    match &directive.body {
        ReturnBody::None if directive.status >= 400 => Flow::Status(directive.status),
        ReturnBody::None if matches!(directive.status, 301 | 302 | 303 | 307 | 308) => {
            redirect(r, directive.status, Bytes::new())
        }
        ReturnBody::None => own_answer(r, directive.status, Bytes::new()),
        ReturnBody::Redirect(template) => {
            status_is(r, directive.status);
            let target = variables::evaluate(template, r);
            redirect(r, directive.status, target)
        }
        ReturnBody::Text(template) => {
            status_is(r, directive.status);
            let body = variables::evaluate(template, r);
            own_answer(r, directive.status, body)
        }
    }
}

/// The value of a `return` may read `$status`.
fn status_is(r: &Request, status: u16) {
    let carried = r.err_status;
    r.status.set(if carried == 0 { status } else { carried });
}

fn own_answer(r: &Request, status: u16, body: Bytes) -> Flow {
    Reply::text(status, files::content_type(r, &r.uri), body).into_flow()
}

/// With `rewrite_log on`, what is done is told in the error log.
fn log_step(r: &Request, message: impl Fn() -> String) {
    if r.rewrite_log {
        log::error(r, LogLevel::Notice, &message());
    }
}

/// The groups of a match become the request's.
fn matches(r: &mut Request, regex: &Arc<Regex>, subject: &Bytes) -> Result<bool, Flow> {
    match regex.captures(subject) {
        Ok(Some(captures)) => {
            r.set_captures(Matched {
                regex: regex.clone(),
                captures,
                subject: subject.clone(),
            });
            log_step(r, || {
                format!("\"{}\" matches \"{}\"", regex.pattern, shown(subject))
            });
            Ok(true)
        }
        Ok(None) => {
            log_step(r, || {
                format!(
                    "\"{}\" does not match \"{}\"",
                    regex.pattern,
                    shown(subject)
                )
            });
            r.groups.take();
            Ok(false)
        }
        Err(error) => {
            let message = format!("pcre2_match() failed: {error}");
            log::error(r, LogLevel::Alert, &message);
            Err(Flow::Status(500))
        }
    }
}

fn rewrite(r: &mut Request, directive: &Rewrite, changed: &mut bool) -> Result<After, Flow> {
    let subject = r.uri.clone();
    if !matches(r, &directive.regex, &subject)? {
        note(r, directive.span, || "does not match".to_owned());
        return Ok(After::Next);
    }
    r.internal = true;
    r.uri_as_received = false;
    r.uri_changed = true;
    if let RewriteEnd::Redirect(status) = directive.end {
        return Err(redirect_to(r, directive, status));
    }
    let ends_cycle = directive.end == RewriteEnd::Break;
    *changed = !ends_cycle;
    if ends_cycle {
        r.uri_changed = false;
        r.valid_location = false;
    }
    let uri = variables::evaluate_by_steps(&directive.path, r);
    let mut args = match &directive.args {
        Some(template) => {
            let mut args = BytesMut::new();
            append_escaped(template, r, &mut args);
            if directive.add_args && !r.args.is_empty() {
                args.extend_from_slice(b"&");
                args.extend_from_slice(&r.args);
            }
            args.freeze()
        }
        None if directive.add_args => r.args.clone(),
        None => Bytes::new(),
    };
    r.args_given |= directive.args.is_some() || !r.args.is_empty();
    r.args = std::mem::take(&mut args);
    r.uri = uri;
    note(r, directive.span, || changed_to(r, directive));
    log_step(r, || {
        format!(
            "rewritten data: \"{}\", args: \"{}\"",
            shown(&r.uri),
            shown(&r.args)
        )
    });
    if r.uri.is_empty() {
        log::error(r, LogLevel::Error, "the rewritten URI has a zero length");
        return Err(Flow::Status(500));
    }
    Ok(if directive.end == RewriteEnd::Continue {
        After::Next
    } else {
        After::Over
    })
}

fn redirect_to(r: &mut Request, directive: &Rewrite, status: u16) -> Flow {
    let mut target = BytesMut::new();
    append_escaped(&directive.path, r, &mut target);
    let mut target = BytesMut::from(&unescape_uri(&target, Unescape::Redirect)[..]);
    if directive.add_args && !r.args.is_empty() {
        target.extend_from_slice(if directive.has_args { b"&" } else { b"?" });
        target.extend_from_slice(&r.args);
    }
    note(r, directive.span, || {
        format!("matches: {status} to \"{}\"", text(&target))
    });
    log_step(r, || format!("rewritten redirect: \"{}\"", shown(&target)));
    redirect(r, status, target.freeze())
}

/// What a `rewrite` that matched made of the URI, and what comes next.
fn changed_to(r: &Request, directive: &Rewrite) -> String {
    let separator = if r.args.is_empty() { "" } else { "?" };
    let next = match directive.end {
        RewriteEnd::Continue | RewriteEnd::Redirect(_) => "the next directive goes on",
        RewriteEnd::Last => "a location is searched again",
        RewriteEnd::Break => "the location stays",
    };
    let (uri, args) = (text(&r.uri), text(&r.args));
    format!("matches: the URI is now \"{uri}{separator}{args}\", {next}")
}

/// Notes what a directive did (`explain`).
fn note(r: &Request, span: Span, outcome: impl FnOnce() -> String) {
    r.note(|| Step::Rewrite {
        directive: trace::place(&r.model, span),
        outcome: outcome(),
    });
}

/// Groups are escaped again where the URI had escapes, since they go where escapes are needed.
fn append_escaped(template: &Template, r: &Request, out: &mut BytesMut) {
    variables::settle(template, r);
    for part in &template.parts {
        match part {
            Part::Literal(literal) => out.extend_from_slice(literal),
            Part::Variable(var) => {
                variables::append_variable(var, r, out);
            }
            Part::Capture(n) => {
                let group = variables::capture(r, usize::from(*n)).unwrap_or_default();
                if r.head.quoted_uri || r.head.unparsed_uri.of(&r.head.raw).contains(&b'+') {
                    escape_uri(&group, out, Escape::Args);
                } else {
                    out.extend_from_slice(&group);
                }
            }
        }
    }
}

fn holds(r: &mut Request, condition: &Condition) -> Result<bool, Flow> {
    match condition {
        Condition::True(template) => {
            let value = variables::evaluate_by_steps(template, r);
            Ok(!value.is_empty() && &*value != b"0")
        }
        Condition::Equal {
            left,
            right,
            negate,
        } => Ok(
            (variables::evaluate_by_steps(left, r) == variables::evaluate_by_steps(right, r))
                != *negate,
        ),
        Condition::Matches {
            subject,
            regex,
            negate,
        } => {
            let subject = variables::evaluate_by_steps(subject, r);
            Ok(matches(r, regex, &subject)? != *negate)
        }
        Condition::File { test, path, negate } => {
            let path = variables::evaluate_by_steps(path, r);
            let found = file_is(*test, &path);
            r.note(|| Step::File {
                directive: None,
                wanted: Wanted::from(*test),
                path: trace::text(&path),
                found,
                result: if found { "so it is" } else { "not so" }.to_owned(),
            });
            Ok(found != *negate)
        }
    }
}

fn file_is(test: FileTest, path: &[u8]) -> bool {
    let path = files::as_path(path);
    let Ok(metadata) = crate::wall::may_read(path).and_then(|()| std::fs::metadata(path)) else {
        return false;
    };
    match test {
        FileTest::File => metadata.is_file(),
        FileTest::Directory => metadata.is_dir(),
        // A device is none of nginx's.
        FileTest::Exists => metadata.is_file() || metadata.is_dir(),
        FileTest::Executable => metadata.permissions().mode() & 0o100 != 0,
    }
}
