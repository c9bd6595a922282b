//! Variables with a value of their own: `$host`, `$status`, `$upstream_addr` and the like.

use bytes::{Bytes, BytesMut};

use crate::config::model::ListenAddress;
use crate::config::net;
use crate::config::variables::Builtin;
use crate::config::written;
use crate::front::proxy::states::UpstreamState;
use crate::front::request::Request;
use crate::front::{base64, files, referer, secure_link, user_id};
use crate::wire::date;
use crate::wire::digits::{put_decimal, put_padded};
use crate::wire::head::Known;
use crate::wire::tcp_info::{self, TcpInfo};

use super::fields::{forwarded_for, join};
use super::put::{address, number, put, put_some, seconds};
use super::root_path;
use super::time::{log_time, now, print_time, unix_time};

pub(super) fn append_builtin(builtin: Builtin, r: &Request, out: &mut BytesMut) -> bool {
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
            // A chunked body has a length once it was read, and so far; of one that is thrown away it is what nginx
            // waits for.
            (None, true) if r.body.is_done() => number(out, r.body.received()),
            (None, true) => match (r.body.awaited(), r.body.length_so_far()) {
                (Some(awaited), _) => {
                    let buffer = r.server.head.large_client_header_buffers.1;
                    number(out, awaited.max(buffer as u64))
                }
                (None, Some(n)) => number(out, n),
                (None, None) => false,
            },
            (None, false) => false,
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
            let path = files::as_path(&path);
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
        Builtin::RequestFilename => put(out, files::file_name(r, &r.uri).as_deref()),
        Builtin::RequestId => put(out, Some(r.request_id.get_or_init(request_id))),
        Builtin::RequestLength => {
            let length = r.body.length_with(r.head.received as u64);
            put(out, Some(length.to_string().as_bytes()))
        }
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
        true => tcp_info::of(&r.connection.stream).or(r.connection.last_tcp_info.get()),
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
    // What goes on as it comes is gone once it was sent.
    let is_gone = r.body.is_live() && r.upstreams.is_sent();
    if builtin == Builtin::RequestBodyFile || is_gone {
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
