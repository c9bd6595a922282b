//! Values of variables for a request: templates are filled in piece by piece, nothing is looked up by name.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};

use crate::config::model::{ListenAddress, Root};
use crate::config::net;
use crate::config::template::{Part, Template};
use crate::config::variables::{Builtin, Var};
use crate::config::written;
use crate::wire::date;
use crate::wire::digits::{put_decimal, put_ip, put_padded};
use crate::wire::head::Known;
use crate::wire::tcp_info::{self, TcpInfo};

use super::field_lines::FieldLines;
use super::maps;
use super::proxy::states::UpstreamState;
use super::referer;
use super::request::Request;
use super::{base64, secure_link, user_id};

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
    settle(template, r);
    for part in &template.parts {
        match part {
            Part::Literal(text) => out.extend_from_slice(text),
            Part::Variable(var) => {
                append_variable(var, r, out);
            }
            Part::Capture(n) => {
                out.extend_from_slice(&capture(r, usize::from(*n)).unwrap_or_default())
            }
        }
    }
}

/// Beside a group, the file's own variables have their values first: a `map` among them may match anew, and nginx then
/// takes the groups of that match.
pub fn settle(template: &Template, r: &Request) {
    let groups = |part: &Part| matches!(part, Part::Capture(_));
    if template.parts.len() < 2 || !template.parts.iter().any(groups) {
        return;
    }
    let mut scratch = BytesMut::new();
    for part in &template.parts {
        if let Part::Variable(Var::Slot(slot)) = part {
            append_slot(*slot, r, &mut scratch);
        }
    }
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
        // These are made anew each time, but once they cannot be made.
        Var::Builtin(Builtin::RequestFilename) => found,
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

fn put(out: &mut BytesMut, value: Option<&[u8]>) -> bool {
    if let Some(value) = value {
        out.extend_from_slice(value);
    }
    value.is_some()
}

/// A value that is none where it is empty.
fn put_some(out: &mut BytesMut, value: &[u8]) -> bool {
    out.extend_from_slice(value);
    !value.is_empty()
}

fn append_builtin(builtin: Builtin, r: &Request, out: &mut BytesMut) -> bool {
    match builtin {
        Builtin::AncientBrowser => browser(r, out, false),
        Builtin::Args | Builtin::QueryString => {
            put(out, (r.args_given || !r.args.is_empty()).then_some(&r.args))
        }
        Builtin::BinaryRemoteAddr => match r.connection.peer.map(|a| a.ip()) {
            Some(std::net::IpAddr::V4(ip)) => put(out, Some(&ip.octets())),
            Some(std::net::IpAddr::V6(ip)) => put(out, Some(&ip.octets())),
            None => put(out, Some(b"unix:")),
        },
        Builtin::BodyBytesSent => number(out, r.sent_so_far().saturating_sub(r.head_sent.get())),
        Builtin::BytesSent => number(out, r.sent_so_far()),
        Builtin::Connection => number(out, r.connection.number),
        Builtin::ConnectionRequests => number(out, r.connection.requests.get()),
        Builtin::ConnectionTime => print_time(out, r.connection.age()),
        Builtin::ConnectionsActive => number(out, r.connection.counted.figures().active),
        Builtin::ConnectionsReading => number(out, r.connection.counted.figures().reading),
        Builtin::ConnectionsWaiting => number(out, r.connection.counted.figures().waiting),
        Builtin::ConnectionsWriting => number(out, r.connection.counted.figures().writing),
        Builtin::ContentLength => match (r.head.field(Known::ContentLength), r.head.chunked) {
            (Some(value), _) => put(out, Some(value)),
            // A chunked body has a length once it was read.
            (None, true) if r.body.is_done() => number(out, r.body.received()),
            (None, _) => false,
        },
        Builtin::ContentType => put(out, r.head.field(Known::ContentType)),
        Builtin::DateGmt | Builtin::DateLocal => log_time(out),
        Builtin::DocumentRoot => put(out, Some(&root_path(&r.location.core.root, r))),
        // Where the line was read but its URI is none, it is empty; before that there is none.
        Builtin::DocumentUri | Builtin::Uri => put(
            out,
            (!r.uri.is_empty() || !r.head.method_name.is_empty()).then_some(&r.uri),
        ),
        Builtin::GzipRatio => gzip_ratio(r.gzipped.get(), out),
        Builtin::Host => put(
            out,
            Some(if r.head.host.is_empty() {
                &r.server.name
            } else {
                &r.head.host
            }),
        ),
        Builtin::Hostname => put(out, Some(hostname().as_bytes())),
        Builtin::Https => put(out, Some(b"")),
        Builtin::InvalidReferer => match referer::is_valid(r) {
            Ok(valid) => put(out, Some(if valid { b"" } else { b"1" })),
            Err(referer::RanAway) => false,
        },
        Builtin::IsArgs => put(out, Some(if r.args.is_empty() { b"" } else { b"?" })),
        Builtin::LimitRate => number(out, r.limit_rate.get().unwrap_or(0)),
        Builtin::Msec => print_time(out, unix_time()),
        Builtin::ModernBrowser => browser(r, out, true),
        Builtin::Msie => put(out, Some(if r.head.browser.msie { b"1" } else { b"" })),
        Builtin::NginxVersion => put(out, Some(b"1.22.1")),
        Builtin::Pid => number(out, u64::from(std::process::id())),
        Builtin::Pipe => put(
            out,
            Some(match r.connection.pipelined.get() {
                true => b"p",
                false => b".",
            }),
        ),
        Builtin::ProxyAddXForwardedFor => forwarded_for(r, out),
        Builtin::ProxyHost => put(out, r.proxy_host.as_deref()),
        Builtin::ProxyPort => put(out, r.proxy_port.as_deref()),
        Builtin::ProxyInternalBodyLength => match r.proxy_body_length {
            Some(n) => number(out, n),
            None => false,
        },
        Builtin::ProxyInternalChunked => r.proxy_chunked && put(out, Some(b"chunked")),
        Builtin::ProxyProtocolAddr
        | Builtin::ProxyProtocolPort
        | Builtin::ProxyProtocolServerAddr
        | Builtin::ProxyProtocolServerPort => false,
        Builtin::RealpathRoot => {
            let path = root_path(&r.location.core.root, r);
            let path = super::files::as_path(&path);
            match crate::wall::may_read(path).and_then(|()| std::fs::canonicalize(path)) {
                Ok(real) => put(
                    out,
                    Some(std::os::unix::ffi::OsStrExt::as_bytes(real.as_os_str())),
                ),
                Err(_) => false,
            }
        }
        Builtin::RemoteAddr => put(out, Some(&r.connection.peer_text)),
        Builtin::RemotePort => match r.connection.peer {
            Some(peer) => number(out, u64::from(peer.port())),
            None => put(out, Some(b"")),
        },
        Builtin::RemoteUser => match remote_user(r) {
            Some(user) => put(out, Some(&user)),
            None => false,
        },
        Builtin::Request => put(out, Some(r.head.line.of(&r.head.raw))),
        Builtin::RequestBody | Builtin::RequestBodyFile => request_body(builtin, r, out),
        Builtin::RequestCompletion => put(out, Some(if r.complete.get() { b"OK" } else { b"" })),
        Builtin::RequestFilename => put(out, super::files::file_name(r, &r.uri).as_deref()),
        Builtin::RequestId => put(out, Some(r.request_id.get_or_init(request_id))),
        Builtin::RequestLength => number(out, r.head.received as u64 + r.body.consumed()),
        Builtin::RequestMethod => put_some(out, &r.method_name),
        Builtin::RequestTime => print_time(out, r.started.elapsed()),
        Builtin::RequestUri => put_some(out, r.head.unparsed_uri.of(&r.head.raw)),
        Builtin::Scheme => put(out, Some(b"http")),
        Builtin::SecureLink => put(out, secure_link::value(r).as_deref()),
        Builtin::SecureLinkExpires => put(out, r.secure_link_expires.borrow().as_deref()),
        Builtin::ServerAddr => match r.connection.local {
            Some(local) => address(out, local),
            None => {
                let listen = r.listen().map(|listen| net::text(&listen.address));
                put(out, Some(&written::bytes(&listen.unwrap_or_default())))
            }
        },
        Builtin::ServerName => put(out, Some(&r.server.name)),
        Builtin::ServerPort => match r.listen().map(|l| &l.address) {
            Some(ListenAddress::Inet(address)) => number(out, u64::from(address.port())),
            _ => put(out, Some(b"")),
        },
        // Empty, and not absent, in a line that failed behind the `H` of its version.
        Builtin::ServerProtocol => match r.head.protocol {
            protocol if protocol.start == 0 => put(out, None),
            protocol => put(out, Some(protocol.of(&r.head.raw))),
        },
        Builtin::Status => match r.status() {
            // An answer without a head has HTTP/0.9's version for its status.
            0 if r.answer_bare => put(out, Some(b"009")),
            0 => put(out, Some(b"000")),
            status => {
                put_padded(out, u64::from(status), 3);
                true
            }
        },
        Builtin::TcpinfoRcvSpace => tcp_info(r, out, |info| info.rcv_space),
        Builtin::TcpinfoRtt => tcp_info(r, out, |info| info.rtt),
        Builtin::TcpinfoRttvar => tcp_info(r, out, |info| info.rttvar),
        Builtin::TcpinfoSndCwnd => tcp_info(r, out, |info| info.snd_cwnd),
        Builtin::TimeIso8601 => put(out, Some(date::iso8601(now()).as_bytes())),
        Builtin::TimeLocal => log_time(out),
        Builtin::UidGot => put(out, user_id::got(r).as_deref()),
        Builtin::UidReset => put(out, Some(b"")),
        Builtin::UidSet => put(out, user_id::set(r).as_deref()),
        Builtin::UpstreamAddr => upstream(r, out, |s, out| {
            out.extend_from_slice(s.peer.as_deref().unwrap_or_default().as_bytes())
        }),
        Builtin::UpstreamBytesReceived => {
            upstream(r, out, |s, out| put_decimal(out, s.bytes_received))
        }
        Builtin::UpstreamBytesSent => upstream(r, out, |s, out| put_decimal(out, s.bytes_sent)),
        // Without a cache there is nothing to say.
        Builtin::UpstreamCacheEtag
        | Builtin::UpstreamCacheLastModified
        | Builtin::UpstreamCacheStatus => false,
        Builtin::UpstreamConnectTime => upstream(r, out, |s, out| seconds(out, s.connect_time)),
        Builtin::UpstreamHeaderTime => upstream(r, out, |s, out| seconds(out, s.header_time)),
        Builtin::UpstreamResponseLength => {
            upstream(r, out, |s, out| put_decimal(out, s.response_length))
        }
        Builtin::UpstreamResponseTime => upstream(r, out, |s, out| seconds(out, s.response_time)),
        Builtin::UpstreamStatus => upstream(r, out, |s, out| match s.status {
            0 => out.extend_from_slice(b"-"),
            status => put_decimal(out, u64::from(status)),
        }),
    }
}

/// `$modern_browser` or `$ancient_browser`: its value where the client's is such a one, else empty.
fn browser(r: &Request, out: &mut BytesMut, modern: bool) -> bool {
    let rules = &r.location.filters.browser_rules;
    let agent = r.head.field(Known::UserAgent);
    let value = match modern {
        _ if rules.is_modern(agent) != modern => return true,
        true => &rules.modern_value,
        false => &rules.ancient_value,
    };
    put(out, Some(value))
}

/// What the kernel measures of the client's connection; a Unix socket has none of it.
fn tcp_info(r: &Request, out: &mut BytesMut, figure: fn(&TcpInfo) -> u32) -> bool {
    let on_unix = || matches!(r.listen(), Some(at) if matches!(at.address, ListenAddress::Unix(_)));
    let info = match r.worker.effects.happen() {
        true => tcp_info::of(&r.connection.stream),
        // What is only explained has no connection: it would have figures, whatever they are.
        false => (!on_unix()).then(TcpInfo::default),
    };
    info.is_some_and(|info| number(out, u64::from(figure(&info))))
}

/// Bytes that came for one that left, rounded to hundredths; none where nothing was compressed.
fn gzip_ratio((came, left): (u64, u64), out: &mut BytesMut) -> bool {
    if left == 0 {
        return false;
    }
    let hundredths = (came * 1000 / left + 5) / 10;
    put_decimal(out, hundredths / 100);
    out.extend_from_slice(b".");
    put_padded(out, hundredths % 100, 2);
    true
}

/// `root` (or `alias`) as an absolute path.
pub fn root_path(root: &Root, r: &Request) -> Bytes {
    if let Some(path) = root.path.as_literal() {
        // Made absolute when the file was read; empty for `root /`.
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

/// `$arg_NAME`: the first argument of that name, compared without case.
pub fn argument<'a>(args: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if name.is_empty() {
        return None;
    }
    args.split(|&b| b == b'&').find_map(|pair| {
        let (key, value) = pair.split_at_checked(name.len())?;
        (key.eq_ignore_ascii_case(name))
            .then_some(value)
            .and_then(|v| v.strip_prefix(b"="))
    })
}

/// `$cookie_NAME` in any `Cookie` field.
fn cookie<'a>(r: &'a Request, name: &[u8]) -> Option<&'a [u8]> {
    cookie_and_field(r, name).map(|(value, _)| value)
}

/// A cookie's value, and the field in which it stands (nginx's `ngx_http_parse_multi_header_lines`).
pub fn cookie_and_field<'a>(r: &'a Request, name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let cookies = r.head.fields.iter().filter(|f| f.known == Known::Cookie);
    let mut fields = cookies.map(|f| f.value.of(&r.head.raw));
    fields.find_map(|field| Some((cookie_in(field, name)?, field)))
}

/// The first of a name; names end with `;` or `,`, a value with `;` alone. What follows a name in the place of its `=` is
/// read with it, be it the `;` itself: the next cookie is then not seen.
fn cookie_in<'a>(mut field: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while !field.is_empty() {
        if let Some(value) = cookie_at(field, name) {
            return Some(value);
        }
        let named = (field.split_at_checked(name.len()))
            .filter(|(start, _)| start.eq_ignore_ascii_case(name))
            .map(|(_, rest)| without_spaces(rest));
        let rest = named.map_or(field, |rest| rest.get(1..).unwrap_or_default());
        let end = rest.iter().position(|b| matches!(b, b';' | b','))?;
        field = without_spaces(rest.get(end + 1..)?);
    }
    None
}

/// The value behind `NAME=`, with which a text begins.
fn cookie_at<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name) {
        return None;
    }
    let value = without_spaces(without_spaces(rest).strip_prefix(b"=")?);
    value.split(|&b| b == b';').next()
}

fn without_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&b| b != b' ');
    text.get(start.unwrap_or(text.len())..).unwrap_or_default()
}

/// Whether a field's name is the variable's: without case, `-` and other signs as `_`.
fn is_named(field: &[u8], variable: &[u8]) -> bool {
    field.len() == variable.len()
        && field.iter().zip(variable).all(|(&f, &v)| {
            v == if f == b'-' {
                b'_'
            } else {
                f.to_ascii_lowercase()
            }
        })
}

fn append_http(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let mut values = r
        .head
        .pairs()
        .filter(|(field, _)| is_named(field, name))
        .map(|(_, value)| value);
    // These are joined; of any other name the first counts.
    let separator: &[u8] = match name {
        b"cookie" => b"; ",
        b"x_forwarded_for" => b", ",
        _ => return put(out, values.next()),
    };
    join(out, values, separator)
}

fn join<'a>(out: &mut BytesMut, values: impl Iterator<Item = &'a [u8]>, separator: &[u8]) -> bool {
    let mut any = false;
    for value in values {
        if any {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(value);
        any = true;
    }
    any
}

/// The values of a field in lines as they are sent.
fn values_of<'a>(lines: &'a FieldLines, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    lines
        .fields()
        .filter(move |(field, _)| is_named(field, name))
        .map(|(_, value)| value)
}

/// A trailer, once the body has ended; the first of its name.
fn append_trailer(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    put(out, values_of(&r.sent_trailers.borrow(), name).next())
}

fn append_sent(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let sent = r.sent_fields.borrow();
    if sent.is_empty() {
        return append_carried(name, r, out);
    }
    let mut values = values_of(&sent, name);
    match name {
        // Its own field stands before all others; one that `add_header` made is not it.
        b"content_type" => put(out, values.next().filter(|_| sent.begins_with_type())),
        b"cache_control" | b"link" => join(out, values, b", "),
        b"location" if r.location_is_second => put(out, values.nth(1)),
        _ => put(out, values.next()),
    }
}

/// Before there is a head: what the connection's fate is so far, and what an earlier answer left for it.
fn append_carried(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    match name {
        b"content_type" => put(out, r.carried_type.as_deref().map(|(value, ..)| &**value)),
        b"location" => put(out, r.redirect_to.as_deref()),
        b"connection" => put(
            out,
            Some(if r.keep_alive {
                b"keep-alive"
            } else {
                b"close"
            }),
        ),
        b"keep_alive" => {
            let seconds = r.location.core.keepalive_header;
            if !r.keep_alive || seconds == 0 {
                return false;
            }
            out.extend_from_slice(b"timeout=");
            number(out, seconds)
        }
        _ => {
            let mut carried = r.carried.iter().filter(|(field, _)| is_named(field, name));
            put(out, carried.next().map(|(_, value)| &**value))
        }
    }
}

fn append_upstream_http(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let head = r.upstreams.head.borrow();
    let Some(head) = head.as_ref() else {
        return false;
    };
    let found = head.pairs().find(|(field, _)| is_named(field, name));
    match found {
        Some((_, value)) => put(out, Some(value)),
        // nginx adds these two, empty, where an answer has none.
        None => matches!(name, b"server" | b"date"),
    }
}

fn append_upstream_cookie(name: &[u8], r: &Request, out: &mut BytesMut) -> bool {
    let head = r.upstreams.head.borrow();
    let Some(head) = head.as_ref() else {
        return false;
    };
    let found = head
        .fields
        .iter()
        .filter(|f| f.known == Known::SetCookie)
        .find_map(|f| cookie_at(f.value.of(&head.raw), name));
    put(out, found)
}

fn forwarded_for(r: &Request, out: &mut BytesMut) -> bool {
    let chain = r
        .head
        .fields
        .iter()
        .filter(|f| f.known == Known::XForwardedFor)
        .map(|f| f.value.of(&r.head.raw));
    if join(out, chain, b", ") {
        out.extend_from_slice(b", ");
    }
    append_builtin(Builtin::RemoteAddr, r, out)
}

/// The user of `Authorization: Basic`.
fn remote_user(r: &Request) -> Option<Vec<u8>> {
    let value = r.head.field(Known::Authorization)?;
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = base64::decode(encoded.trim_ascii_start(), base64::Alphabet::Standard)?;
    let colon = decoded.iter().position(|&b| b == b':')?;
    Some(decoded.get(..colon)?.to_vec())
}

fn request_body(builtin: Builtin, r: &Request, out: &mut BytesMut) -> bool {
    if let Some(file) = &r.body_file {
        let asked = builtin == Builtin::RequestBodyFile;
        if asked {
            out.extend_from_slice(file.name.as_bytes());
        }
        return asked;
    }
    let Some(spool) = &r.buffered_body else {
        return false;
    };
    if builtin == Builtin::RequestBodyFile {
        return false;
    }
    join(out, spool.pieces().map(|b| &**b), b"")
}

fn request_id() -> Bytes {
    use std::hash::{BuildHasher, Hasher};
    let half = || {
        std::collections::hash_map::RandomState::new()
            .build_hasher()
            .finish()
    };
    Bytes::from(format!("{:016x}{:016x}", half(), half()))
}

/// This machine's name, as `$hostname` says it.
pub fn hostname() -> &'static str {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .to_ascii_lowercase()
    })
}

/// `$time_local`, formatted once a second.
fn log_time(out: &mut BytesMut) -> bool {
    thread_local! {
        static CACHE: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    let now = now();
    CACHE.with_borrow_mut(|(second, text)| {
        if *second != now {
            (*second, *text) = (now, date::log_time(now));
        }
        out.extend_from_slice(text.as_bytes());
    });
    true
}

/// Seconds since 1970.
pub fn now() -> i64 {
    unix_time().as_secs() as i64
}

/// When the request began, in seconds since 1970.
pub fn started(r: &Request) -> i64 {
    unix_time().saturating_sub(r.started.elapsed()).as_secs() as i64
}

fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn print_time(out: &mut BytesMut, time: Duration) -> bool {
    put_decimal(out, time.as_secs());
    out.extend_from_slice(b".");
    put_padded(out, u64::from(time.subsec_millis()), 3);
    true
}

fn number(out: &mut BytesMut, n: u64) -> bool {
    put_decimal(out, n);
    true
}

fn address(out: &mut BytesMut, address: SocketAddr) -> bool {
    put_ip(out, address.ip());
    true
}

fn seconds(out: &mut BytesMut, time: Option<Duration>) {
    match time {
        Some(time) => {
            print_time(out, time);
        }
        None => out.extend_from_slice(b"-"),
    }
}

/// A value for each try, separated by commas, and by a colon where another location went on.
fn upstream(
    r: &Request,
    out: &mut BytesMut,
    mut each: impl FnMut(&UpstreamState, &mut BytesMut),
) -> bool {
    let tries = r.upstreams.tries.borrow();
    let mut separator: &[u8] = b"";
    for state in tries.iter() {
        if state.peer.is_none() {
            separator = b" : ";
            continue;
        }
        out.extend_from_slice(separator);
        each(state, out);
        separator = b", ";
    }
    if separator == b" : " {
        out.extend_from_slice(separator);
    }
    !tries.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_found_by_name() {
        let args = b"a=1&AB=2&b&c=";
        assert_eq!(argument(args, b"a"), Some(&b"1"[..]));
        assert_eq!(argument(args, b"ab"), Some(&b"2"[..]));
        assert_eq!(argument(args, b"b"), None);
        assert_eq!(argument(args, b"c"), Some(&b""[..]));
    }
}
