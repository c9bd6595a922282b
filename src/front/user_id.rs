//! `userid`: a cookie by which a client is known again, `$uid_got` and `$uid_set` (nginx's userid filter).

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};

use crate::config::model::LogLevel;
use crate::config::modules::{CookieExpires, UserIdMode, UserIds};
use crate::config::variables::Var;
use crate::wire::date;

use super::base64;
use super::filters::GivenUp;
use super::reply::Reply;
use super::request::Request;
use super::{log, variables};

/// Four words, in this machine's order of bytes, as nginx keeps and shows them.
type Uid = [u32; 4];

/// The cookie's value begins with so many characters of base64; what follows them may be a mark.
const ENCODED: usize = 22;

/// What a request's cookie says, and the one that its answer gets.
#[derive(Debug, Clone, Default)]
pub struct UserId {
    cookie: Bytes,
    /// As the client sent it; the last word is 0 where it sent none.
    got: Uid,
    /// As it is sent to the client; the last word is 0 where none is.
    set: Uid,
    /// `$uid_reset` wants a new one.
    reset: bool,
}

/// `$uid_got`
pub fn got(r: &Request) -> Option<Bytes> {
    let rules = &r.location.modules.user_id;
    if rules.mode == UserIdMode::Off {
        return None;
    }
    read(r, rules);
    shown(rules, r.user_id.borrow().as_ref()?.got)
}

/// `$uid_set`
pub fn set(r: &Request) -> Option<Bytes> {
    let rules = &r.location.modules.user_id;
    let set = sent(r, rules).ok()??.set;
    shown(rules, set)
}

/// `NAME=` and the words in hexadecimal digits.
fn shown(rules: &UserIds, uid: Uid) -> Option<Bytes> {
    (uid[3] != 0).then(|| named(rules, uid).into())
}

fn named(rules: &UserIds, [a, b, c, d]: Uid) -> Vec<u8> {
    let digits = format!("={a:08X}{b:08X}{c:08X}{d:08X}");
    [&rules.name[..], digits.as_bytes()].concat()
}

/// The filter: `Set-Cookie`, and `P3P` beside it.
///
/// # Errors
/// `$uid_reset` has no value.
pub fn apply(r: &Request, reply: &mut Reply) -> Result<(), GivenUp> {
    let rules = &r.location.modules.user_id;
    let Some(uid) = sent(r, rules)?.filter(|uid| uid.set[3] != 0) else {
        return Ok(());
    };
    let mut cookie = BytesMut::from(&rules.name[..]);
    cookie.extend_from_slice(b"=");
    if uid.got[3] == 0 || uid.reset {
        let bytes: Vec<u8> = uid.set.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut encoded = base64::STANDARD.encode(&bytes);
        if let (Some(mark), Some(padding)) = (rules.mark, encoded.get_mut(ENCODED)) {
            *padding = mark;
        }
        cookie.extend_from_slice(&encoded);
    } else {
        cookie.extend_from_slice(uid.cookie.get(..ENCODED).unwrap_or_default());
        cookie.extend_from_slice(&[rules.mark.unwrap_or_default(), b'=']);
    }
    match rules.expires {
        CookieExpires::Session => {}
        CookieExpires::Max => {
            cookie.extend_from_slice(b"; expires=Thu, 31-Dec-37 23:55:55 GMT");
        }
        CookieExpires::After(seconds) => {
            let at = variables::now().saturating_add(seconds);
            cookie.extend_from_slice(b"; expires=");
            cookie.extend_from_slice(date::cookie_time(at).as_bytes());
        }
    }
    cookie.extend_from_slice(&rules.attributes);
    let field = |name: &'static str, value| (Bytes::from_static(name.as_bytes()), value);
    reply.headers.push(field("Set-Cookie", cookie.freeze()));
    if !rules.p3p.is_empty() {
        reply.headers.push(field("P3P", rules.p3p.clone()));
    }
    Ok(())
}

/// Reads the client's cookie, once.
fn read(r: &Request, rules: &UserIds) {
    if r.user_id.borrow().is_some() {
        return;
    }
    let mut uid = UserId::default();
    if let Some((value, field)) = variables::cookie_and_field(r, &rules.name) {
        uid.cookie = Bytes::copy_from_slice(value);
        let complain = |what: &str| {
            let message = [
                b"client sent ",
                what.as_bytes(),
                b" userid cookie \"",
                field,
                b"\"",
            ];
            log::error_bytes(r, LogLevel::Error, &message.concat());
        };
        match value
            .get(..ENCODED)
            .map(|value| base64::STANDARD.decode(value))
        {
            None => complain("too short"),
            Some(None) => complain("invalid"),
            Some(Some(bytes)) => {
                for (word, bytes) in uid.got.iter_mut().zip(bytes.chunks(4)) {
                    let mut whole = [0; 4];
                    whole[..bytes.len()].copy_from_slice(bytes);
                    *word = u32::from_ne_bytes(whole);
                }
            }
        }
    }
    r.user_id.replace(Some(Box::new(uid)));
}

/// What is known once it is decided which cookie the answer gets (`ngx_http_userid_create_uid`); `None` where cookies are
/// not sent.
fn sent(r: &Request, rules: &UserIds) -> Result<Option<UserId>, GivenUp> {
    if matches!(rules.mode, UserIdMode::Off | UserIdMode::Log) {
        return Ok(None);
    }
    read(r, rules);
    let Some(mut uid) = r.user_id.borrow().as_deref().cloned() else {
        return Ok(None);
    };
    if uid.set[3] != 0 {
        return Ok(Some(uid));
    }
    if uid.got[3] != 0 {
        let reset = wanted_reset(r, rules).ok_or(GivenUp)?;
        uid.reset = !matches!(&reset[..], b"" | b"0");
        if !uid.reset {
            let marked = |mark| uid.cookie.get(ENCODED..ENCODED + 2) == Some(&[mark, b'=']);
            if rules.mark.is_some_and(|mark| !marked(mark)) {
                uid.set = uid.got;
            }
        } else if &reset[..] == b"log" {
            let uid = named(rules, uid.got);
            let message = [b"userid cookie \"", &uid[..], b"\" was reset"];
            log::error_bytes(r, LogLevel::Notice, &message.concat());
        }
    }
    if uid.got[3] == 0 || uid.reset {
        uid.set = made(r, rules);
    }
    r.user_id.replace(Some(Box::new(uid.clone())));
    Ok(Some(uid))
}

/// `$uid_reset`; `None` where it has no value.
fn wanted_reset(r: &Request, rules: &UserIds) -> Option<Bytes> {
    let Some(slot) = rules.reset else {
        return Some(Bytes::new());
    };
    let mut out = BytesMut::new();
    variables::append_variable(&Var::Slot(slot), r, &mut out).then(|| out.freeze())
}

/// A new one: who serves, the time, the process, a count.
fn made(r: &Request, rules: &UserIds) -> Uid {
    let now = variables::now() as u32;
    if rules.mode == UserIdMode::V1 {
        let count = r
            .worker
            .effects
            .count(&COUNT_OF_V1, |count| count.wrapping_add(0x100));
        return [rules.service.unwrap_or(0), now, start_value(), count];
    }
    let serves = match rules.service {
        Some(service) => service.to_be(),
        None => u32::from_ne_bytes(last_octets(r)),
    };
    let next = |count: u32| count.wrapping_add(0x100).max(FIRST_OF_V2);
    let count = r.worker.effects.count(&COUNT_OF_V2, next);
    [serves, now.to_be(), start_value().to_be(), count.to_be()]
}

const FIRST_OF_V2: u32 = 0x0303_0302;
static COUNT_OF_V1: AtomicU32 = AtomicU32::new(1);
static COUNT_OF_V2: AtomicU32 = AtomicU32::new(FIRST_OF_V2);

/// The end of the address that the client connected to; zeros for a Unix socket.
fn last_octets(r: &Request) -> [u8; 4] {
    match r.connection.local.map(|local| local.ip()) {
        Some(std::net::IpAddr::V4(ip)) => ip.octets(),
        Some(std::net::IpAddr::V6(ip)) => {
            let [.., a, b, c, d] = ip.octets();
            [a, b, c, d]
        }
        None => [0; 4],
    }
}

/// Tells this process from others: a time of its life, and its number.
fn start_value() -> u32 {
    static VALUE: OnceLock<u32> = OnceLock::new();
    *VALUE.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.subsec_micros());
        (micros / 20) << 16 | std::process::id()
    })
}
