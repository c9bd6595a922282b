//! What the model says of proxying beside plain switches: cookies, local addresses, headers that steer, name servers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::config::regex::Regex;
use crate::config::source::Span;
use crate::config::template::Template;

/// A rule of `proxy_cookie_domain` or `proxy_cookie_path`.
#[derive(Debug, Clone)]
pub struct CookieRewrite {
    pub from: CookieFrom,
    pub to: Template,
}

#[derive(Debug, Clone)]
pub enum CookieFrom {
    /// A domain: the whole value, without case and without a first dot.
    Domain(Template),
    /// A path: what the value begins with.
    Prefix(Template),
    Regex(Arc<Regex>),
}

/// A rule of `proxy_cookie_flags`.
#[derive(Debug, Clone)]
pub struct CookieFlags {
    pub cookie: CookieName,
    /// Each gives one of [`CookieFlag`]'s words, or nothing.
    pub flags: Arc<[Template]>,
}

#[derive(Debug, Clone)]
pub enum CookieName {
    Name(Template),
    Regex(Arc<Regex>),
}

/// What a word of `proxy_cookie_flags` does to a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieFlag {
    Secure(bool),
    HttpOnly(bool),
    /// `None` takes the attribute away.
    SameSite(Option<&'static str>),
}

impl CookieFlag {
    /// Every word, for checks and messages.
    pub const WORDS: [(&'static str, CookieFlag); 8] = [
        ("secure", CookieFlag::Secure(true)),
        ("nosecure", CookieFlag::Secure(false)),
        ("httponly", CookieFlag::HttpOnly(true)),
        ("nohttponly", CookieFlag::HttpOnly(false)),
        ("samesite=strict", CookieFlag::SameSite(Some("Strict"))),
        ("samesite=lax", CookieFlag::SameSite(Some("Lax"))),
        ("samesite=none", CookieFlag::SameSite(Some("None"))),
        ("nosamesite", CookieFlag::SameSite(None)),
    ];

    /// The flag of a word, in nginx's spelling.
    pub fn of(word: &[u8]) -> Option<CookieFlag> {
        let found = Self::WORDS
            .iter()
            .find(|(text, _)| text.as_bytes() == word)?;
        Some(found.1)
    }
}

/// `proxy_bind ADDRESS`.
#[derive(Debug, Clone)]
pub enum Bind {
    /// With its text.
    Address(SocketAddr, Bytes),
    /// With variables; an empty value binds to nothing.
    Template(Template),
}

/// `proxy_ignore_headers`, as far as it changes answers without a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IgnoreHeaders {
    pub redirect: bool,
    pub limit_rate: bool,
    pub buffering: bool,
    pub charset: bool,
}

/// `resolver ADDRESS… [valid=TIME] [ipv6=on|off]`.
#[derive(Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Tells it from the file's others.
    pub id: usize,
    /// Each with nginx's text of it.
    pub servers: Vec<(SocketAddr, String)>,
    /// How long an answer is kept, instead of what it says itself.
    pub valid: Option<Duration>,
    /// IPv6 addresses are asked for too.
    pub ipv6: bool,
    pub span: Span,
}
