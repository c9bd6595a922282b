//! Merging the directives of the small modules.

use std::sync::Arc;

use bytes::Bytes;

use super::Merge;
use crate::config::analyse::frame::{Chain, Level};
use crate::config::analyse::http::RANK_REFERER;
use crate::config::analyse::modules::Draft;
use crate::config::analyse::referer;
use crate::config::diagnostics::Diagnostic;
use crate::config::modules::{Modules, Referers};

/// What a level gives by itself.
pub struct Parts {
    draft: Draft,
}

impl Parts {
    pub fn take(level: &mut Level) -> Self {
        Self {
            draft: std::mem::take(&mut level.modules),
        }
    }
}

impl Merge<'_> {
    /// The small modules of a level.
    pub fn modules(&mut self, chain: &Chain<'_>, own: Parts, outer: Option<&Modules>) -> Modules {
        let Parts { draft } = own;
        Modules {
            referers: self.referers(chain, draft.referers, outer.map(|outer| &outer.referers)),
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
