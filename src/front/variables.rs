//! Values of variables for a request: templates are filled in piece by piece, nothing is looked up by name.

mod builtin;
mod connection;
mod fields;
mod put;
mod time;
mod upstream;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::config::model::Root;
use crate::config::template::{Part, Template};
use crate::config::variables::{Builtin, Var};

use super::maps;
use super::request::Request;

use builtin::append_builtin;
pub use builtin::hostname;
use fields::{
    append_http, append_sent, append_trailer, append_upstream_cookie, append_upstream_http, cookie,
};
pub use fields::{argument, cookie_and_field};
use put::put;
pub use time::{now, started};

/// Fills in a template.
pub fn evaluate(template: &Template, r: &Request) -> Bytes {
    if let Some(text) = template.as_literal() {
        return text.clone();
    }
    let mut out = BytesMut::with_capacity(64);
    append(template, r, &mut out);
    out.freeze()
}

/// Fills in a template that may not be needed in the end: no variable keeps a first value for it.
pub fn evaluate_for_later(template: &Template, r: &Request) -> Bytes {
    let known = r.first_values.borrow().len();
    let value = evaluate(template, r);
    r.first_values.borrow_mut().truncate(known);
    value
}

/// Fills in a template at the end of `out`.
pub fn append(template: &Template, r: &Request, out: &mut BytesMut) {
    let own = match has_groups(template) {
        true => own_values(template, r),
        false => VecDeque::new(),
    };
    append_parts(template, own, r, out);
}

/// Part by part; the file's own variables have these values, as far as there are any.
fn append_parts(template: &Template, mut own: VecDeque<Bytes>, r: &Request, out: &mut BytesMut) {
    for part in &template.parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text),
            Part::Variable(var) => match own.front().filter(|_| matches!(var, Var::Slot(_))) {
                Some(value) => {
                    out.extend_from_slice(value);
                    own.pop_front();
                }
                None => {
                    append_variable(var, r, out);
                }
            },
            Part::Capture(n) => {
                out.extend_from_slice(&capture(r, usize::from(*n)).unwrap_or_default())
            }
        }
    }
}

/// Fills in a template as the rewrite module does, whose two passes (`ngx_http_script_complex_value_code`) ask a `volatile`
/// variable twice.
pub fn evaluate_by_steps(template: &Template, r: &Request) -> Bytes {
    if let Some(text) = template.as_literal() {
        return text.clone();
    }
    settle(template, r);
    let mut out = BytesMut::with_capacity(64);
    append_parts(template, VecDeque::new(), r, &mut out);
    out.freeze()
}

/// Beside a group, the file's own variables have their values first: a `map` among them may match anew, and nginx then
/// takes the groups of that match.
pub fn settle(template: &Template, r: &Request) {
    if has_groups(template) {
        own_values(template, r);
    }
}

/// Groups stand beside something else.
fn has_groups(template: &Template) -> bool {
    let groups = |part: &Part| matches!(part, Part::Capture(_));
    template.parts.len() > 1 && template.parts.iter().any(groups)
}

/// The values of the file's own variables in a template, in its order.
fn own_values(template: &Template, r: &Request) -> VecDeque<Bytes> {
    let own = template.parts.iter().filter_map(|part| match part {
        Part::Variable(var @ Var::Slot(_)) => Some(var),
        _ => None,
    });
    own.map(|var| {
        let mut value = BytesMut::new();
        append_variable(var, r, &mut value);
        value.freeze()
    })
    .collect()
}

/// Group `n` of the last regex that matched.
pub fn capture(r: &Request, n: usize) -> Option<Bytes> {
    let group = {
        let groups = r.groups.borrow();
        let (captures, subject) = &*groups;
        let place = captures.get(n).copied().flatten();
        place.map(|(start, end)| subject.slice(start as usize..end as usize))
    };
    if let Some(trace) = r.worker.effects.trace() {
        trace.group(n, group.as_deref());
    }
    group
}

/// Appends a variable's value; false where it has none (logs show `-` then).
///
/// nginx computes most variables once a request. That shows where what they tell of changes later, so these keep
/// their first value; all others are computed anew, which gives the same.
pub fn append_variable(var: &Var, r: &Request, out: &mut BytesMut) -> bool {
    let Some(trace) = r.worker.effects.trace() else {
        return append_value(var, r, out);
    };
    let (start, varied) = (out.len(), trace.varied());
    let found = append_value(var, r, out);
    let by_others = trace.varied() > varied;
    trace.variable(var, &r.model, out.get(start..).filter(|_| found), by_others);
    found
}

/// The same for a line of a log: these have functions of their own there, which know no first value.
pub fn append_logged(var: &Var, r: &Request, out: &mut BytesMut) -> bool {
    match var {
        Var::Builtin(Builtin::BodyBytesSent | Builtin::BytesSent)
            if r.worker.effects.trace().is_none() =>
        {
            compute(var, r, out)
        }
        _ => append_variable(var, r, out),
    }
}

fn append_value(var: &Var, r: &Request, out: &mut BytesMut) -> bool {
    if !keeps_first_value(var) {
        return compute(var, r, out);
    }
    let first = r.first_values.borrow();
    if let Some((_, value)) = first.iter().find(|(known, _)| known == var) {
        return put(out, value.as_deref());
    }
    drop(first);
    let start = out.len();
    let found = compute(var, r, out);
    let later = match var {
        // A chunked body may have a length later.
        Var::Builtin(Builtin::ContentLength) => !found && r.head.chunked,
        // Made anew each time (nginx's `no_cacheable`, which it notes with the first value), but where it cannot be made at
        // first.
        Var::Builtin(Builtin::RequestFilename) => {
            r.file_named.replace(r.file_named.get() || found) || found
        }
        _ => false,
    };
    // Nothing is asked after the log's lines.
    if !r.is_over.get() && !later {
        let value = found.then(|| Bytes::copy_from_slice(out.get(start..).unwrap_or_default()));
        r.first_values.borrow_mut().push((var.clone(), value));
    }
    found
}

fn keeps_first_value(var: &Var) -> bool {
    match var {
        Var::SentHttp(_) | Var::SentTrailer(_) => true,
        Var::Builtin(builtin) => matches!(
            builtin,
            Builtin::AncientBrowser
                | Builtin::BodyBytesSent
                | Builtin::BytesSent
                | Builtin::ContentLength
                | Builtin::GzipRatio
                | Builtin::Host
                | Builtin::InvalidReferer
                | Builtin::ModernBrowser
                | Builtin::RequestBody
                | Builtin::RequestBodyFile
                | Builtin::RequestCompletion
                | Builtin::RequestFilename
                | Builtin::SecureLink
                | Builtin::SecureLinkExpires
                | Builtin::UidGot
                | Builtin::UidSet
        ),
        _ => false,
    }
}

fn compute(var: &Var, r: &Request, out: &mut BytesMut) -> bool {
    match var {
        Var::Builtin(builtin) => append_builtin(*builtin, r, out),
        Var::Absent(_) => false,
        Var::Empty(_) => true,
        Var::Arg(name) => put(out, argument(&r.args, name)),
        Var::Http(name) => append_http(name, r, out),
        Var::Cookie(name) => put(out, cookie(r, name)),
        Var::SentHttp(name) => append_sent(name, r, out),
        Var::SentTrailer(name) => append_trailer(name, r, out),
        Var::UpstreamHttp(name) => append_upstream_http(name, r, out),
        Var::UpstreamCookie(name) => append_upstream_cookie(name, r, out),
        // nginx 1.22 keeps none of a proxied answer.
        Var::UpstreamTrailer(_) => false,
        Var::Slot(slot) => append_slot(*slot, r, out),
    }
}

/// A variable of the file's own: what it was given, else what its source says, which then stays.
fn append_slot(slot: u16, r: &Request, out: &mut BytesMut) -> bool {
    let slot = usize::from(slot);
    if let Some(value) = r.slots.borrow().get(slot).and_then(Option::as_deref) {
        out.extend_from_slice(value);
        return true;
    }
    let Some(variable) = r.model.slots.get(slot) else {
        return false;
    };
    let Some((value, stays)) = maps::value_within_bounds(variable, r) else {
        return false;
    };
    out.extend_from_slice(&value);
    if stays && let Some(place) = r.slots.borrow_mut().get_mut(slot) {
        *place = Some(value);
    }
    true
}

/// `root` (or `alias`) with the prefix in front.
pub fn root_path(root: &Root, r: &Request) -> Bytes {
    if let Some(path) = root.path.as_literal() {
        // The prefix was put in front when the file was read; empty for `root /`.
        return path.clone();
    }
    let path = evaluate(&root.path, r);
    if path.starts_with(b"/") {
        return path;
    }
    let mut full = BytesMut::from(std::os::unix::ffi::OsStrExt::as_bytes(
        r.model.prefix.as_os_str(),
    ));
    full.extend_from_slice(&path);
    full.freeze()
}
