//! Chooses the server by address and name, and the location by URI.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{Listen, Location, LocationKind, Server};
use crate::config::regex::{Captures, MatchError, Regex};
use crate::config::tree::PrefixTree;

/// Groups of a regex that chose something, and the subject that they point into.
pub struct Matched {
    pub regex: Arc<Regex>,
    pub captures: Captures,
    pub subject: Bytes,
}

/// By which name a server was chosen.
pub enum How<'a> {
    Exact,
    /// `*.example.org` as `.example.org`.
    Leading(&'a Bytes),
    /// `www.*` as `www.`.
    Trailing(&'a Bytes),
    Regex(Matched),
    /// No name matches.
    Default,
    /// A `server_name` pattern ran away.
    Failed(MatchError),
}

/// The server for a host (lower-case, without port; empty where the request has none).
pub fn server<'a>(listen: &'a Listen, host: &Bytes) -> (&'a Arc<Server>, How<'a>) {
    let names = &listen.names;
    if let Some(server) = names.exact.get(host) {
        return (server, How::Exact);
    }
    let leading = names
        .leading
        .iter()
        .filter(|(suffix, _)| ends_with_name(host, suffix));
    if let Some((suffix, server)) = leading.max_by_key(|(suffix, _)| suffix.len()) {
        return (server, How::Leading(suffix));
    }
    let trailing = names
        .trailing
        .iter()
        .filter(|(prefix, _)| begins_with_name(host, prefix));
    if let Some((prefix, server)) = trailing.max_by_key(|(prefix, _)| prefix.len()) {
        return (server, How::Trailing(prefix));
    }
    if !host.is_empty() {
        for (regex, server) in &names.regexes {
            match regex.captures(host) {
                Ok(None) => {}
                Ok(Some(captures)) => {
                    let matched = Matched {
                        regex: regex.clone(),
                        captures,
                        subject: host.clone(),
                    };
                    return (server, How::Regex(matched));
                }
                Err(error) => return (&listen.default_server, How::Failed(error)),
            }
        }
    }
    (&listen.default_server, How::Default)
}

/// `*.example.org`, whose star may stand for nothing: `.example.org` is such a host.
pub fn ends_with_name(host: &[u8], suffix: &[u8]) -> bool {
    host.ends_with(suffix)
}

/// `www.*`; no host ends in the dot that `prefix` ends in.
pub fn begins_with_name(host: &[u8], prefix: &[u8]) -> bool {
    host.starts_with(prefix)
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

/// Hears how a location is searched; nothing is heard, at no cost, by `()`.
///
/// A search goes down into nested levels: `depth` says at which it was when a level began.
pub trait Search {
    /// The search of a level begins.
    fn level(&mut self, _: &Location) {}
    /// `location = URI` ends it.
    fn exact(&mut self, _: &Arc<Location>) {}
    fn longest(&mut self, _: &Arc<Location>) {}
    /// A proxied `/api/` takes the path `/api`.
    fn slash(&mut self, _: &Arc<Location>) {}
    /// `^~` keeps regexes out.
    fn no_regex(&mut self, _depth: usize) {}
    fn tried(&mut self, _depth: usize, _: &Arc<Location>, _matched: bool) {}
    /// How many levels began so far.
    fn depth(&self) -> usize {
        0
    }
}

impl Search for () {}

/// The location for a normalised URI, below `level`; regexes that match leave their groups in `matched`.
///
/// # Errors
/// A location's pattern ran away.
pub fn location(
    level: &Location,
    uri: &Bytes,
    matched: &mut Option<Matched>,
    search: &mut impl Search,
) -> Result<Chosen, MatchError> {
    search.level(level);
    let depth = search.depth();
    let mut chosen = Chosen::None;
    let mut no_regex = false;
    // nginx makes no tree of the exact and prefix locations inside a regex one: they are never found.
    let statics = match level.kind {
        LocationKind::Regex(_) => &PrefixTree::default(),
        _ => &level.children.statics,
    };
    if let Some(exact) = statics.exact(uri) {
        search.exact(exact);
        return Ok(Chosen::Final(exact.clone()));
    }
    if let Some(prefix) = statics.longest(uri) {
        search.longest(prefix);
        if prefix.name.len() != uri.len()
            && let Some(slash) = statics.redirect_of(uri)
        {
            search.slash(slash);
            return Ok(Chosen::AddSlash(slash.clone()));
        }
        no_regex = matches!(prefix.kind, LocationKind::Prefix { no_regex: true });
        chosen = match location(prefix, uri, matched, search)? {
            Chosen::None => Chosen::Prefix(prefix.clone()),
            Chosen::Prefix(inner) => Chosen::Prefix(inner),
            end => return Ok(end),
        };
    } else if let Some(slash) = statics.redirect_of(uri) {
        search.slash(slash);
        return Ok(Chosen::AddSlash(slash.clone()));
    }
    if no_regex {
        search.no_regex(depth);
        return Ok(chosen);
    }
    for candidate in &level.children.regexes {
        let LocationKind::Regex(regex) = &candidate.kind else {
            continue;
        };
        let Some(captures) = regex.captures(uri)? else {
            search.tried(depth, candidate, false);
            continue;
        };
        search.tried(depth, candidate, true);
        *matched = Some(Matched {
            regex: regex.clone(),
            captures,
            subject: uri.clone(),
        });
        return Ok(match location(candidate, uri, matched, search)? {
            Chosen::None => Chosen::Final(candidate.clone()),
            inner => inner,
        });
    }
    Ok(chosen)
}
