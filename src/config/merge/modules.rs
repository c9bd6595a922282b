//! Merging the directives of the small modules.

use std::sync::Arc;

use bytes::Bytes;

use super::Merge;
use super::browser::browser;
use crate::config::analyse::chain::{Chain, Value};
use crate::config::analyse::http::{RANK_REFERER, RANK_SECURE_LINK};
use crate::config::analyse::modules::Draft;
use crate::config::analyse::{referer, userid};
use crate::config::diagnostics::Diagnostic;
use crate::config::modules::{Modules, Referers, SecureLink, UserIdMode, UserIds};

impl Merge<'_> {
    /// The small modules of a level.
    pub fn modules(&mut self, chain: &Chain<'_>, own: Draft, outer: Option<&Modules>) -> Modules {
        Modules {
            browsers: browser(own.browsers, outer.map(|outer| &outer.browsers)),
            referers: self.referers(chain, own.referers, outer.map(|outer| &outer.referers)),
            secure_link: self.secure_link(chain, outer.map(|outer| &outer.secure_link)),
            user_id: self.user_id(chain, own.user_id, outer.map(|outer| &outer.user_id)),
        }
    }

    /// A secret of the level's own keeps the other way of securing links out; of the level around it counts only where
    /// neither level has the other way.
    fn secure_link(&mut self, chain: &Chain<'_>, outer: Option<&SecureLink>) -> SecureLink {
        let own = |name: &str| chain.level.values.get(name);
        let template = |name: &str| match own(name).map(|set| &set.value) {
            Some(Value::Template(template)) => Some(template.clone()),
            _ => None,
        };
        let (link, digested) = (template("secure_link"), template("secure_link_md5"));
        let secret = own("secure_link_secret");
        // Nothing is looked at on the level of `http`.
        if let Some(set) = secret.filter(|_| outer.is_some()) {
            if link.is_some() || digested.is_some() {
                let message = "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \
                               \"secure_link_md5\"";
                self.report_at_close(RANK_SECURE_LINK, Diagnostic::emerg(message).at(set.span));
            }
            return SecureLink {
                secret: Some(chain.text("secure_link_secret")),
                ..SecureLink::default()
            };
        }
        let Some(outer) = outer else {
            return SecureLink {
                secret: secret.map(|_| chain.text("secure_link_secret")),
                link,
                digested,
            };
        };
        let link = link.or_else(|| outer.link.clone());
        let digested = digested.or_else(|| outer.digested.clone());
        let alone = link.is_none() && digested.is_none();
        SecureLink {
            secret: outer.secret.clone().filter(|_| alone),
            link,
            digested,
        }
    }

    fn user_id(&self, chain: &Chain<'_>, own: userid::Draft, outer: Option<&UserIds>) -> UserIds {
        let flags = match (own.flags.is_empty(), outer) {
            (true, Some(outer)) => outer.flags.clone(),
            _ => own.flags.into(),
        };
        UserIds {
            mode: match chain.word("userid") {
                "log" => UserIdMode::Log,
                "v1" => UserIdMode::V1,
                "on" => UserIdMode::On,
                _ => UserIdMode::Off,
            },
            name: chain.text("userid_name"),
            // nginx cuts it down to 32 bits.
            service: chain
                .set("userid_service")
                .map(|_| chain.number("userid_service") as u32),
            mark: match (own.mark, outer) {
                (Some((mark, _)), _) => mark,
                (None, outer) => outer.and_then(|outer| outer.mark),
            },
            expires: match (own.expires, outer) {
                (Some((expires, _)), _) => expires,
                (None, outer) => outer.map(|outer| outer.expires).unwrap_or_default(),
            },
            attributes: attributes(chain, &flags),
            flags,
            p3p: some(chain, "userid_p3p").unwrap_or_default(),
            reset: self.analyser.variables.defined("uid_reset"),
        }
    }

    /// `valid_referers`: a level's own names stand alone, but patterns of the level around stay where it has none.
    fn referers(
        &mut self,
        chain: &Chain<'_>,
        own: Option<referer::Draft>,
        outer: Option<&Referers>,
    ) -> Referers {
        let Some(mut own) = own else {
            return outer.cloned().unwrap_or_default();
        };
        let mut server_patterns = Vec::new();
        let names = own.server_names.then(|| self.server_names.clone());
        for (name, pattern) in names.into_iter().flatten() {
            match pattern {
                Some(pattern) => server_patterns.push(pattern),
                None => self.add_server_name(&mut own, &name),
            }
        }
        if (own.none || own.blocked) && own.names.is_empty() {
            let message = "the \"none\" or \"blocked\" referers are specified in the \
                           \"valid_referers\" directive without any valid referer";
            let found = Diagnostic::emerg(message)
                .at(own.span)
                .label("expected a name beside it; a pattern is none");
            self.report(RANK_REFERER, found);
        }
        if let Some(found) = own.names.check(&chain.hash("referer_hash")) {
            self.report(RANK_REFERER, found.at(own.span));
        }
        Referers {
            none: own.none,
            blocked: own.blocked,
            names: Arc::new(own.names),
            patterns: match own.patterns.is_empty() {
                true => outer.and_then(|outer| outer.patterns.clone()),
                false => Some(own.patterns.into()),
            },
            server_patterns: match server_patterns.is_empty() {
                true => outer.and_then(|outer| outer.server_patterns.clone()),
                false => Some(server_patterns.into()),
            },
        }
    }

    fn add_server_name(&mut self, own: &mut referer::Draft, name: &[u8]) {
        let added = own.names.add(name, Bytes::new());
        if let Some(found) = referer::refused(added, name) {
            self.report_at_close(RANK_REFERER, found.at(own.span));
        }
    }
}

/// A text, where it is not `none`.
fn some(chain: &Chain<'_>, name: &str) -> Option<Bytes> {
    Some(chain.text(name)).filter(|text| &text[..] != b"none")
}

/// What stands behind the time of the cookie of `userid`.
fn attributes(chain: &Chain<'_>, flags: &[&'static str]) -> Bytes {
    let domain = some(chain, "userid_domain").map(|domain| [b"; domain=", &domain[..]].concat());
    let path = [b"; path=", &chain.text("userid_path")[..]].concat();
    let given = |flag: &&&str| **flag != "off" && flags.contains(*flag);
    let given = userid::FLAGS.iter().filter(given);
    let flags = given.map(|flag| [b"; ", flag.as_bytes()].concat());
    let all: Vec<_> = domain.into_iter().chain([path]).chain(flags).collect();
    all.concat().into()
}
