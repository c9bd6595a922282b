//! Merging the proxy module's rules for cookies, and the set of headers it ignores.

use std::sync::Arc;

use crate::config::analyse::chain::{Chain, Set, Value};
use crate::config::analyse::frame::Level;
use crate::config::analyse::proxy_cookies::RulesDraft;
use crate::config::model::{CookieFlags, CookieRewrite, IgnoreHeaders, Proxy};

/// What a level gives by itself.
pub struct CookieParts {
    domains: Option<RulesDraft<CookieRewrite>>,
    paths: Option<RulesDraft<CookieRewrite>>,
    flags: Option<RulesDraft<CookieFlags>>,
}

/// What applies to a level.
pub struct Cookies {
    pub domains: Arc<[CookieRewrite]>,
    pub paths: Arc<[CookieRewrite]>,
    pub flags: Arc<[CookieFlags]>,
}

impl CookieParts {
    pub fn take(level: &mut Level) -> Self {
        Self {
            domains: level.cookie_domains.take(),
            paths: level.cookie_paths.take(),
            flags: level.cookie_flags.take(),
        }
    }

    pub fn merge(self, outer: Option<&Proxy>) -> Cookies {
        Cookies {
            domains: rules(self.domains, outer.map(|outer| &outer.cookie_domains)),
            paths: rules(self.paths, outer.map(|outer| &outer.cookie_paths)),
            flags: rules(self.flags, outer.map(|outer| &outer.cookie_flags)),
        }
    }
}

/// The level's own lines, else the outer level's.
fn rules<T>(own: Option<RulesDraft<T>>, outer: Option<&Arc<[T]>>) -> Arc<[T]> {
    match (own, outer) {
        (Some(RulesDraft::Off(_)), _) | (None, None) => Arc::new([]),
        (Some(RulesDraft::Rules(rules, _)), _) => rules.into(),
        (None, Some(outer)) => outer.clone(),
    }
}

/// `proxy_ignore_headers`.
pub fn ignore_headers(chain: &Chain<'_>) -> IgnoreHeaders {
    let words = match chain.set("proxy_ignore_headers") {
        Some(Set {
            value: Value::Mask(words),
            ..
        }) => words.as_slice(),
        _ => &[],
    };
    let has = |word: &str| words.contains(&word);
    IgnoreHeaders {
        redirect: has("X-Accel-Redirect"),
        limit_rate: has("X-Accel-Limit-Rate"),
        buffering: has("X-Accel-Buffering"),
        charset: has("X-Accel-Charset"),
    }
}
