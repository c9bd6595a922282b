//! The part of the model that nginx's small modules have: what each of their directives means at a level.

use std::sync::Arc;

use bytes::Bytes;

use super::browser::BrowserRules;
use super::host_names::HostNames;
use super::regex::Regex;
use super::template::Template;

/// Directives of the small modules, merged.
#[derive(Debug, Clone)]
pub struct Modules {
    /// `modern_browser` and `ancient_browser`.
    pub browsers: Arc<BrowserRules>,
    pub referers: Referers,
    pub secure_link: SecureLink,
    pub user_id: UserIds,
}

/// `secure_link`, `secure_link_md5` and `secure_link_secret`.
#[derive(Debug, Clone, Default)]
pub struct SecureLink {
    /// Where it is given, the others do not count.
    pub secret: Option<Bytes>,
    /// `secure_link`: what the client gives, a digest and perhaps a time.
    pub link: Option<Template>,
    /// `secure_link_md5`: what the digest is of.
    pub digested: Option<Template>,
}

/// `userid` and what belongs to it: a cookie that knows a client again.
#[derive(Debug, Clone, Default)]
pub struct UserIds {
    pub mode: UserIdMode,
    /// `userid_name`
    pub name: Bytes,
    /// `userid_service`; where it is not given, the server's address counts.
    pub service: Option<u32>,
    /// `userid_mark`: what stands in the place of the padding.
    pub mark: Option<u8>,
    pub expires: CookieExpires,
    /// `userid_flags`
    pub flags: Arc<[&'static str]>,
    /// `; domain=…; path=…` and the flags, as they stand behind the time.
    pub attributes: Bytes,
    /// `userid_p3p`; empty sends no such field.
    pub p3p: Bytes,
    /// The slot of `$uid_reset`, where the file names it.
    pub reset: Option<u16>,
}

/// `userid`: whether the cookie is read, and sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserIdMode {
    #[default]
    Off,
    /// Read only.
    Log,
    /// Sent with a value of the first version.
    V1,
    On,
}

/// `userid_expires`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CookieExpires {
    /// With the browser.
    #[default]
    Session,
    /// Never, as far as a cookie can say it.
    Max,
    /// Seconds from the request's time.
    After(i64),
}

/// `valid_referers`: from which pages a request may come.
#[derive(Debug, Clone, Default)]
pub struct Referers {
    /// `none`: a request without the field may come.
    pub none: bool,
    /// `blocked`: so may one whose field has no scheme.
    pub blocked: bool,
    /// Names, each with what the page's path must begin with; empty where any will do.
    pub names: Arc<HostNames<Bytes>>,
    /// Patterns for what stands behind the scheme.
    pub patterns: Option<Arc<[Regex]>>,
    /// Patterns of `server_name`, for the name alone (`server_names`).
    pub server_patterns: Option<Arc<[Arc<Regex>]>>,
}

impl Referers {
    /// No line says anything: all may come.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.patterns.is_none() && self.server_patterns.is_none()
    }
}
