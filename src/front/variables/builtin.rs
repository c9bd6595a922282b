//! Variables with a value of their own: `$host`, `$status`, `$upstream_addr` and the like.

use std::os::unix::ffi::OsStrExt;

use bytes::{Bytes, BytesMut};

use crate::config::variables::Builtin;
use crate::front::request::Request;
use crate::front::{base64, files, referer, secure_link, user_id};
use crate::wire::date;
use crate::wire::digits::{put_decimal, put_padded};
use crate::wire::head::Known;

use super::connection::{binary_remote_addr, remote_port, server_addr, server_port, tcp_info};
use super::fields::{forwarded_for, join};
use super::put::{number, put, put_some, signed};
use super::root_path;
use super::time::{log_time, now, print_time, unix_time};
use super::upstream;

pub(super) fn append_builtin(builtin: Builtin, r: &Request, out: &mut BytesMut) -> bool {
    match builtin {
        Builtin::AncientBrowser => browser(r, out, false),
        Builtin::Args | Builtin::QueryString => args(r, out),
        Builtin::BinaryRemoteAddr => binary_remote_addr(r, out),
        Builtin::BodyBytesSent => number(out, r.sent_so_far().saturating_sub(r.head_sent.get())),
        Builtin::BytesSent => number(out, r.sent_so_far()),
        Builtin::Connection => number(out, r.connection.number),
        Builtin::ConnectionRequests => number(out, r.connection.requests.get()),
        Builtin::ConnectionTime => print_time(out, r.connection.age()),
        Builtin::ConnectionsActive => number(out, r.connection.counted.figures().active),
        Builtin::ConnectionsReading => number(out, r.connection.counted.figures().reading),
        Builtin::ConnectionsWaiting => number(out, r.connection.counted.figures().waiting),
        Builtin::ConnectionsWriting => number(out, r.connection.counted.figures().writing),
        Builtin::ContentLength => content_length(r, out),
        Builtin::ContentType => put(out, r.head.field(Known::ContentType)),
        Builtin::DateGmt | Builtin::DateLocal => log_time(out),
        Builtin::DocumentRoot => put(out, Some(&root_path(&r.location.core.root, r))),
        Builtin::DocumentUri | Builtin::Uri => uri(r, out),
        Builtin::GzipRatio => gzip_ratio(r.gzipped.get(), out),
        Builtin::Host if r.head.host.is_empty() => put(out, Some(&r.server.name)),
        Builtin::Host => put(out, Some(&r.head.host)),
        Builtin::Hostname => put(out, Some(hostname().as_bytes())),
        Builtin::Https => put(out, Some(b"")),
        Builtin::InvalidReferer => invalid_referer(r, out),
        Builtin::IsArgs => put(out, Some(if r.args.is_empty() { b"" } else { b"?" })),
        Builtin::LimitRate => number(out, r.limit_rate.get().unwrap_or(0)),
        Builtin::Msec => print_time(out, unix_time()),
        Builtin::ModernBrowser => browser(r, out, true),
        Builtin::Msie => put(out, Some(if r.head.browser.msie { b"1" } else { b"" })),
        Builtin::NginxVersion => put(out, Some(b"1.22.1")),
        Builtin::Pid => number(out, u64::from(std::process::id())),
        Builtin::Pipe if r.connection.pipelined.get() => put(out, Some(b"p")),
        Builtin::Pipe => put(out, Some(b".")),
        Builtin::ProxyAddXForwardedFor => forwarded_for(r, out),
        Builtin::ProxyHost => put(out, r.proxy_host.as_deref()),
        Builtin::ProxyPort => put(out, r.proxy_port.as_deref()),
        Builtin::ProxyInternalBodyLength => r.proxy_body_length.is_some_and(|n| number(out, n)),
        Builtin::ProxyInternalChunked => r.proxy_chunked && put(out, Some(b"chunked")),
        Builtin::ProxyProtocolAddr
        | Builtin::ProxyProtocolPort
        | Builtin::ProxyProtocolServerAddr
        | Builtin::ProxyProtocolServerPort => false,
        Builtin::RealpathRoot => realpath_root(r, out),
        Builtin::RemoteAddr => put(out, Some(&r.connection.peer_text)),
        Builtin::RemotePort => remote_port(r, out),
        Builtin::RemoteUser => put(out, remote_user(r).as_deref()),
        Builtin::Request => put(out, Some(r.head.line.of(&r.head.raw))),
        Builtin::RequestBody | Builtin::RequestBodyFile => request_body(builtin, r, out),
        Builtin::RequestCompletion => put(out, Some(if r.complete.get() { b"OK" } else { b"" })),
        Builtin::RequestFilename => put(out, files::file_name(r, &r.uri).as_deref()),
        Builtin::RequestId => put(out, Some(r.request_id.get_or_init(request_id))),
        Builtin::RequestLength => signed(out, r.body.length_with(r.head.received as u64)),
        Builtin::RequestMethod => put_some(out, &r.method_name),
        Builtin::RequestTime => print_time(out, r.started.elapsed()),
        Builtin::RequestUri => put_some(out, r.head.unparsed_uri.of(&r.head.raw)),
        Builtin::Scheme => put(out, Some(b"http")),
        Builtin::SecureLink => put(out, secure_link::value(r).as_deref()),
        Builtin::SecureLinkExpires => put(out, r.secure_link_expires.borrow().as_deref()),
        Builtin::ServerAddr => server_addr(r, out),
        Builtin::ServerName => put(out, Some(&r.server.name)),
        Builtin::ServerPort => server_port(r, out),
        Builtin::ServerProtocol => server_protocol(r, out),
        Builtin::Status => status(r, out),
        Builtin::TcpinfoRcvSpace => tcp_info(r, out, |info| info.rcv_space),
        Builtin::TcpinfoRtt => tcp_info(r, out, |info| info.rtt),
        Builtin::TcpinfoRttvar => tcp_info(r, out, |info| info.rttvar),
        Builtin::TcpinfoSndCwnd => tcp_info(r, out, |info| info.snd_cwnd),
        Builtin::TimeIso8601 => put(out, Some(date::iso8601(now()).as_bytes())),
        Builtin::TimeLocal => log_time(out),
        Builtin::UidGot => put(out, user_id::got(r).as_deref()),
        Builtin::UidReset => put(out, Some(b"")),
        Builtin::UidSet => put(out, user_id::set(r).as_deref()),
        Builtin::UpstreamAddr => upstream::addr(r, out),
        Builtin::UpstreamBytesReceived => upstream::number(r, out, |s| s.bytes_received),
        Builtin::UpstreamBytesSent => upstream::number(r, out, |s| s.bytes_sent),
        // Without a cache there is nothing to say.
        Builtin::UpstreamCacheEtag
        | Builtin::UpstreamCacheLastModified
        | Builtin::UpstreamCacheStatus => false,
        Builtin::UpstreamConnectTime => upstream::seconds(r, out, |s| s.connect_time),
        Builtin::UpstreamHeaderTime => upstream::seconds(r, out, |s| s.header_time),
        Builtin::UpstreamResponseLength => upstream::number(r, out, |s| s.response_length),
        Builtin::UpstreamResponseTime => upstream::seconds(r, out, |s| s.response_time),
        Builtin::UpstreamStatus => upstream::status(r, out),
    }
}

fn args(r: &Request, out: &mut BytesMut) -> bool {
    put(out, (r.args_given || !r.args.is_empty()).then_some(&r.args))
}

/// Where the line was read but its URI is none, it is empty; before that there is none.
fn uri(r: &Request, out: &mut BytesMut) -> bool {
    let is_read = !r.uri.is_empty() || !r.head.method_name.is_empty();
    put(out, is_read.then_some(&r.uri))
}

/// A chunked body has a length once it was read, and so far; of one that is thrown away it is what nginx waits for.
fn content_length(r: &Request, out: &mut BytesMut) -> bool {
    if let Some(value) = r.head.field(Known::ContentLength) {
        return put(out, Some(value));
    }
    if !r.head.chunked {
        return false;
    }
    if r.body.is_done() {
        return number(out, r.body.received());
    }
    match (r.body.awaited(), r.body.length_so_far()) {
        (Some(awaited), _) => {
            let buffer = r.server.head.large_client_header_buffers.1;
            number(out, awaited.max(buffer as u64))
        }
        (None, Some(so_far)) => number(out, so_far),
        (None, None) => false,
    }
}

/// Empty, and not absent, in a line that failed behind the `H` of its version.
fn server_protocol(r: &Request, out: &mut BytesMut) -> bool {
    let protocol = r.head.protocol;
    let is_begun = protocol.start != 0;
    put(out, is_begun.then(|| protocol.of(&r.head.raw)))
}

fn status(r: &Request, out: &mut BytesMut) -> bool {
    match r.status() {
        // An answer without a head has HTTP/0.9's version for its status.
        0 if r.answer_bare => put(out, Some(b"009")),
        status => {
            put_padded(out, u64::from(status), 3);
            true
        }
    }
}

fn realpath_root(r: &Request, out: &mut BytesMut) -> bool {
    let path = root_path(&r.location.core.root, r);
    let path = files::as_path(&path);
    let real = crate::wall::may_read(path).and_then(|()| std::fs::canonicalize(path));
    let real = real.ok();
    put(out, real.as_ref().map(|real| real.as_os_str().as_bytes()))
}

/// Empty where the referer is one of the valid ones.
fn invalid_referer(r: &Request, out: &mut BytesMut) -> bool {
    match referer::is_valid(r) {
        Ok(valid) => put(out, Some(if valid { b"" } else { b"1" })),
        Err(referer::RanAway) => false,
    }
}

/// `$modern_browser` or `$ancient_browser`: its value where the client's is such a one, else empty.
fn browser(r: &Request, out: &mut BytesMut, modern: bool) -> bool {
    let rules = &r.location.modules.browsers;
    let agent = r.head.field(Known::UserAgent);
    let value = match modern {
        _ if rules.is_modern(agent) != modern => return true,
        true => &rules.modern_value,
        false => &rules.ancient_value,
    };
    put(out, Some(value))
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

/// The user of `Authorization: Basic`.
fn remote_user(r: &Request) -> Option<Vec<u8>> {
    let value = r.head.field(Known::Authorization)?;
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = base64::STANDARD.decode(encoded.trim_ascii_start())?;
    let colon = decoded.iter().position(|&b| b == b':')?;
    // nginx takes a name that is empty for none.
    (colon > 0).then(|| decoded.get(..colon).unwrap_or_default().to_vec())
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
    // What goes on as it comes is gone once it was sent.
    let is_gone = r.body.is_live() && r.upstreams.is_sent();
    if builtin == Builtin::RequestBodyFile || is_gone {
        return false;
    }
    join(out, spool.pieces().map(|b| &**b), b"") || r.body.is_done() && r.head.announces_body()
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
