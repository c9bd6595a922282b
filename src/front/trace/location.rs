//! How a location was searched: what the search says while it runs, and what that means for each candidate.

use std::sync::Arc;

use crate::config::model::{Location, LocationKind};
use crate::config::prefix;
use crate::config::regex::Regex;

use super::super::choose::{Chosen, Search};
use super::super::request::Request;
use super::super::story;
use super::{Candidate, Step, place, text};

/// Listens to one search.
#[derive(Default)]
pub struct LocationSearch {
    levels: Vec<Level>,
}

/// What was seen of one level.
#[derive(Default)]
struct Level {
    candidates: Vec<Arc<Location>>,
    exact: bool,
    longest: Option<Arc<Location>>,
    /// A proxied `/api/` for the path `/api`.
    slash: bool,
    tried: Vec<Arc<Location>>,
    matched: Option<Arc<Location>>,
    no_regex: bool,
}

impl Search for LocationSearch {
    fn level(&mut self, level: &Location) {
        let children = &level.children;
        let all = children.statics.all().iter().chain(&children.regexes);
        self.levels.push(Level {
            candidates: all.cloned().collect(),
            ..Level::default()
        });
    }

    fn exact(&mut self, _: &Arc<Location>) {
        self.last(|level| level.exact = true);
    }

    fn longest(&mut self, prefix: &Arc<Location>) {
        self.last(|level| level.longest = Some(prefix.clone()));
    }

    fn slash(&mut self, _: &Arc<Location>) {
        self.last(|level| level.slash = true);
    }

    fn no_regex(&mut self, depth: usize) {
        self.at(depth, |level| level.no_regex = true);
    }

    fn tried(&mut self, depth: usize, regex: &Arc<Location>, matched: bool) {
        self.at(depth, |level| {
            level.tried.push(regex.clone());
            if matched {
                level.matched = Some(regex.clone());
            }
        });
    }

    fn depth(&self) -> usize {
        self.levels.len()
    }
}

impl LocationSearch {
    fn last(&mut self, change: impl FnOnce(&mut Level)) {
        if let Some(level) = self.levels.last_mut() {
            change(level);
        }
    }

    fn at(&mut self, depth: usize, change: impl FnOnce(&mut Level)) {
        if let Some(level) = depth.checked_sub(1).and_then(|at| self.levels.get_mut(at)) {
            change(level);
        }
    }

    /// What became of each candidate.
    pub fn step(&self, r: &Request, chosen: &Chosen) -> Step {
        let winner = match chosen {
            Chosen::Final(location) | Chosen::Prefix(location) | Chosen::AddSlash(location) => {
                Some(location)
            }
            Chosen::None => None,
        };
        let mut candidates = Vec::new();
        for level in &self.levels {
            for location in &level.candidates {
                let is_winner = winner.is_some_and(|winner| Arc::ptr_eq(winner, location));
                candidates.push(Candidate {
                    name: story::location_name(location),
                    place: place(&r.model, location.span),
                    chosen: is_winner,
                    reason: if is_winner {
                        won(level, location)
                    } else {
                        lost(level, location, &r.uri, winner)
                    },
                });
            }
        }
        Step::Location {
            uri: text(&r.uri),
            candidates,
        }
    }
}

fn won(level: &Level, location: &Location) -> String {
    match &location.kind {
        _ if level.slash => {
            let name = text(&location.name);
            format!("the path is its name without the final slash: redirected to \"{name}\"")
        }
        LocationKind::Exact => "the path is exactly this".to_owned(),
        LocationKind::Regex(_) if level.longest.is_some() => {
            "the first pattern that matches; it goes before prefixes".to_owned()
        }
        LocationKind::Regex(_) => "the first pattern that matches".to_owned(),
        LocationKind::Prefix { no_regex: true } => {
            "the longest prefix; `^~` keeps patterns out".to_owned()
        }
        _ => "the longest prefix of the path".to_owned(),
    }
}

fn lost(
    level: &Level,
    location: &Arc<Location>,
    uri: &[u8],
    winner: Option<&Arc<Location>>,
) -> String {
    let is = |other: &Option<Arc<Location>>| {
        other
            .as_ref()
            .is_some_and(|other| Arc::ptr_eq(other, location))
    };
    let named = |other: &Location| story::location_name(other);
    let won = || winner.map(|winner| named(winner)).unwrap_or_default();
    match &location.kind {
        LocationKind::Exact => "the path is not exactly this".to_owned(),
        LocationKind::Regex(_) if is(&level.matched) => {
            format!("matches, and `{}` inside of it matches closer", won())
        }
        LocationKind::Regex(regex)
            if level.tried.iter().any(|tried| Arc::ptr_eq(tried, location)) =>
        {
            let anyhow = Regex::new(&regex.pattern, true)
                .ok()
                .and_then(|same| same.captures(uri).ok().flatten());
            match anyhow {
                Some(_) => "the pattern matches only without regard to capitals: `~*`",
                None => "the pattern does not match",
            }
            .to_owned()
        }
        LocationKind::Regex(_) if level.exact => {
            "not tried: an exact location goes first".to_owned()
        }
        LocationKind::Regex(_) if level.no_regex => {
            let longest = level.longest.as_ref().map(|longest| named(longest));
            format!(
                "not tried: `{}` keeps patterns out",
                longest.unwrap_or_default()
            )
        }
        LocationKind::Regex(_) => format!("not tried: `{}` was found before", won()),
        _ if !uri.starts_with(&location.name) => not_its_beginning(&location.name, uri),
        _ if level.exact => "begins the path, but an exact location goes first".to_owned(),
        _ if is(&level.longest) => match winner {
            Some(winner) if holds(location, winner) => {
                format!(
                    "the longest prefix here, and `{}` inside of it matches closer",
                    named(winner)
                )
            }
            Some(winner) if matches!(winner.kind, LocationKind::Regex(_)) => {
                format!(
                    "begins the path, but the pattern of `{}` goes first",
                    named(winner)
                )
            }
            Some(winner) => format!("begins the path, but `{}` goes first", named(winner)),
            None => String::new(),
        },
        _ => match &level.longest {
            Some(longest) => format!("begins the path too, but `{}` is longer", named(longest)),
            None => "begins the path, but a redirect goes first".to_owned(),
        },
    }
}

/// Why a prefix does not fit, where that can be told.
fn not_its_beginning(name: &[u8], uri: &[u8]) -> String {
    let beginning = uri.get(..name.len()).unwrap_or_default();
    match prefix::mend(name) {
        Some(mend) => format!("never chosen, for each path begins with a slash: {mend}"),
        None if beginning.eq_ignore_ascii_case(name) => {
            "the path begins with it in other capitals, and they count".to_owned()
        }
        None => "the path does not begin with it".to_owned(),
    }
}

/// Whether `inner` stands somewhere below `outer`.
fn holds(outer: &Location, inner: &Arc<Location>) -> bool {
    let children = &outer.children;
    let mut all = children.statics.all().iter().chain(&children.regexes);
    all.any(|child| Arc::ptr_eq(child, inner) || holds(child, inner))
}
