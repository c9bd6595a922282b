//! Chooses the server by address and name, and the location by URI.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{Listen, Location, LocationKind, Server};
use crate::config::regex::{Captures, Regex, RegexError};

/// Groups of a regex that chose something, and the subject that they point into.
pub struct Matched {
    pub regex: Arc<Regex>,
    pub captures: Captures,
    pub subject: Bytes,
}

/// The server for a host (lower-case, without port; empty where the request has none).
///
/// # Errors
/// A `server_name` pattern ran away.
pub fn server(listen: &Listen, host: &Bytes) -> Result<(Arc<Server>, Option<Matched>), RegexError> {
    let names = &listen.names;
    if let Some(server) = names.exact.get(host) {
        return Ok((server.clone(), None));
    }
    let leading = names
        .leading
        .iter()
        .filter(|(suffix, _)| host.len() > suffix.len() && host.ends_with(suffix));
    if let Some((_, server)) = leading.max_by_key(|(suffix, _)| suffix.len()) {
        return Ok((server.clone(), None));
    }
    let trailing = names
        .trailing
        .iter()
        .filter(|(prefix, _)| host.len() > prefix.len() && host.starts_with(prefix));
    if let Some((_, server)) = trailing.max_by_key(|(prefix, _)| prefix.len()) {
        return Ok((server.clone(), None));
    }
    if !host.is_empty() {
        for (regex, server) in &names.regexes {
            if let Some(captures) = regex.captures(host)? {
                let matched = Matched {
                    regex: regex.clone(),
                    captures,
                    subject: host.clone(),
                };
                return Ok((server.clone(), Some(matched)));
            }
        }
    }
    Ok((listen.default_server.clone(), None))
}

/// What a URI leads to below a level.
pub enum Chosen {
    /// An exact or regex match: it ends the search at the outer levels too.
    Final(Arc<Location>),
    /// The longest prefix: regexes of outer levels may still win.
    Prefix(Arc<Location>),
    /// A proxied `/api/` was asked for as `/api`: redirect to the name with its slash.
    AddSlash(Arc<Location>),
    /// No location matches: the level itself answers.
    None,
}

/// The location for a normalised URI, below `level`; regexes that match leave their groups in `matched`.
///
/// # Errors
/// A location's pattern ran away.
pub fn location(
    level: &Location,
    uri: &Bytes,
    matched: &mut Option<Matched>,
) -> Result<Chosen, RegexError> {
    let statics = &level.children.statics;
    if let Some(exact) = statics.exact(uri) {
        return Ok(Chosen::Final(exact.clone()));
    }
    let mut chosen = Chosen::None;
    let mut no_regex = false;
    if let Some(prefix) = statics.longest(uri) {
        if prefix.name.len() != uri.len()
            && let Some(slash) = statics.redirect_of(uri)
        {
            return Ok(Chosen::AddSlash(slash.clone()));
        }
        no_regex = matches!(prefix.kind, LocationKind::Prefix { no_regex: true });
        chosen = match location(prefix, uri, matched)? {
            Chosen::None => Chosen::Prefix(prefix.clone()),
            Chosen::Prefix(inner) => Chosen::Prefix(inner),
            end => return Ok(end),
        };
    } else if let Some(slash) = statics.redirect_of(uri) {
        return Ok(Chosen::AddSlash(slash.clone()));
    }
    if !no_regex {
        for candidate in &level.children.regexes {
            let LocationKind::Regex(regex) = &candidate.kind else {
                continue;
            };
            let Some(captures) = regex.captures(uri)? else {
                continue;
            };
            *matched = Some(Matched {
                regex: regex.clone(),
                captures,
                subject: uri.clone(),
            });
            return Ok(match location(candidate, uri, matched)? {
                Chosen::None => Chosen::Final(candidate.clone()),
                Chosen::Prefix(inner) => Chosen::Final(inner),
                inner => inner,
            });
        }
    }
    Ok(chosen)
}
