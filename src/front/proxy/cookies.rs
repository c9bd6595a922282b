//! `Set-Cookie` on its way to the client: `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`.

use bytes::{Bytes, BytesMut};

use crate::config::model::{CookieFlag, CookieFlags, CookieFrom, CookieName, CookieRewrite, Proxy};
use crate::front::choose::Matched;
use crate::front::request::Request;
use crate::front::variables;

use super::replaced::Value;

/// A part of a `Set-Cookie` between two semicolons; the first is the cookie itself.
struct Attribute {
    key: Bytes,
    value: Option<Bytes>,
}

/// The field's value as the location's rules make it.
pub fn rewrite(r: &mut Request, field: &Value) -> Bytes {
    let value = field.bytes.clone();
    let location = r.location.clone();
    let proxy = &location.proxy;
    if proxy.cookie_domains.is_empty()
        && proxy.cookie_paths.is_empty()
        && proxy.cookie_flags.is_empty()
    {
        return value;
    }
    let Some(mut attributes) = parse(&value) else {
        return value;
    };
    let mut changed = false;
    for attribute in attributes.iter_mut().skip(1) {
        let Some(old) = &attribute.value else {
            continue;
        };
        if let Some(new) = rules_for(proxy, &attribute.key)
            .iter()
            .find_map(|rule| apply(r, rule, &field.part(old)))
        {
            attribute.value = Some(new);
            changed = true;
        }
    }
    changed |= set_flags(r, &proxy.cookie_flags, &mut attributes);
    if changed { join(&attributes) } else { value }
}

fn rules_for<'a>(proxy: &'a Proxy, key: &[u8]) -> &'a [CookieRewrite] {
    if key.eq_ignore_ascii_case(b"domain") {
        &proxy.cookie_domains
    } else if key.eq_ignore_ascii_case(b"path") {
        &proxy.cookie_paths
    } else {
        &[]
    }
}

/// The parts, without blanks around keys and values; `None` where the first is no `name=value`.
fn parse(value: &Bytes) -> Option<Vec<Attribute>> {
    let trimmed = |text: &[u8]| value.slice_ref(trim(text));
    let parts =
        value
            .split(|&b| b == b';')
            .map(|part| match part.iter().position(|&b| b == b'=') {
                Some(at) => Attribute {
                    key: trimmed(&part[..at]),
                    value: Some(trimmed(&part[at + 1..])),
                },
                None => Attribute {
                    key: trimmed(part),
                    value: None,
                },
            });
    let parts: Vec<Attribute> = parts.collect();
    parts.first()?.value.as_ref()?;
    Some(parts)
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

fn join(attributes: &[Attribute]) -> Bytes {
    let mut out = BytesMut::with_capacity(128);
    for (i, attribute) in attributes.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(b"; ");
        }
        out.extend_from_slice(&attribute.key);
        if let Some(value) = &attribute.value {
            out.extend_from_slice(b"=");
            out.extend_from_slice(value);
        }
    }
    out.freeze()
}

/// The value that a rule makes of this one, if it fits.
fn apply(r: &mut Request, rule: &CookieRewrite, old: &Value) -> Option<Bytes> {
    let value = &old.bytes;
    let replaced = match &rule.from {
        CookieFrom::Domain(template) => {
            let dotted = usize::from(value.starts_with(b"."));
            let domain = value.get(dotted..)?;
            let pattern = variables::evaluate(template, r);
            domain
                .eq_ignore_ascii_case(&pattern)
                .then_some(dotted..value.len())?
        }
        CookieFrom::Prefix(template) => {
            let pattern = variables::evaluate(template, r);
            value.starts_with(&pattern).then_some(0..pattern.len())?
        }
        CookieFrom::Regex(regex) => {
            let captures = regex.captures(value).ok().flatten()?;
            r.set_captures(Matched {
                regex: regex.clone(),
                captures,
                subject: value.clone(),
            });
            0..value.len()
        }
    };
    let to = variables::evaluate(&rule.to, r);
    old.replaced(replaced, &to, &r.upstreams)
}

/// The flags of the first rule that names the cookie; true if the cookie changed.
fn set_flags(r: &Request, rules: &[CookieFlags], attributes: &mut Vec<Attribute>) -> bool {
    let Some(name) = attributes.first().map(|cookie| cookie.key.clone()) else {
        return false;
    };
    let names = |rule: &&CookieFlags| match &rule.cookie {
        CookieName::Name(template) => variables::evaluate(template, r).eq_ignore_ascii_case(&name),
        CookieName::Regex(regex) => matches!(regex.captures(&name), Ok(Some(_))),
    };
    let Some(rule) = rules.iter().find(names) else {
        return false;
    };
    let mut wanted = Wanted::default();
    for template in rule.flags.iter() {
        let word = variables::evaluate(template, r);
        if word.is_empty() {
            continue;
        }
        match CookieFlag::of(&word) {
            Some(CookieFlag::Secure(on)) => wanted.secure = Some(on),
            Some(CookieFlag::HttpOnly(on)) => wanted.http_only = Some(on),
            Some(CookieFlag::SameSite(value)) => wanted.same_site = Some(value),
            // nginx says nothing of a word that it does not know.
            None => {}
        }
    }
    if wanted == Wanted::default() {
        return false;
    }
    wanted.apply(attributes);
    true
}

#[derive(Default, PartialEq, Eq)]
struct Wanted {
    secure: Option<bool>,
    http_only: Option<bool>,
    same_site: Option<Option<&'static str>>,
}

impl Wanted {
    fn apply(&self, attributes: &mut Vec<Attribute>) {
        set(
            attributes,
            "Secure",
            self.secure.map(|on| on.then_some(None)),
        );
        set(
            attributes,
            "HttpOnly",
            self.http_only.map(|on| on.then_some(None)),
        );
        let same_site = self.same_site.map(|value| value.map(Some));
        set(attributes, "SameSite", same_site);
    }
}

/// Takes an attribute away, or sees that it is there with this value.
fn set(
    attributes: &mut Vec<Attribute>,
    key: &'static str,
    wanted: Option<Option<Option<&'static str>>>,
) {
    let Some(wanted) = wanted else { return };
    let is_it = |attribute: &Attribute| attribute.key.eq_ignore_ascii_case(key.as_bytes());
    let Some(value) = wanted else {
        let mut first = true;
        attributes.retain(|attribute| std::mem::take(&mut first) || !is_it(attribute));
        return;
    };
    let value = value.map(|text| Bytes::from_static(text.as_bytes()));
    match attributes.iter_mut().skip(1).find(|a| is_it(a)) {
        Some(there) if value.is_some() => {
            there.key = Bytes::from_static(key.as_bytes());
            there.value = value;
        }
        Some(_) => {}
        None => attributes.push(Attribute {
            key: Bytes::from_static(key.as_bytes()),
            value,
        }),
    }
}
