//! Merging the directives of the filter modules, and of files beyond the core's.

use std::sync::Arc;

use super::Merge;
use super::core::array;
use crate::config::analyse::chain::Chain;
use crate::config::analyse::filters::{Draft, default_types};
use crate::config::analyse::http::RANK_MODULES;
use crate::config::diagnostics::Diagnostic;
use crate::config::filters::{
    Autoindex, AutoindexFormat, Browsers, Charset, CharsetRules, Expires, Files, Filters, Gunzip,
    Gzip, GzipStatic, Rate, Substitute, Symlinks, Types,
};
use crate::config::written;

impl Merge<'_> {
    /// The filters of a level, and what it says about files.
    pub fn filters(
        &mut self,
        chain: &Chain<'_>,
        mut draft: Draft,
        outer: Option<(&Filters, &Files)>,
    ) -> (Filters, Files) {
        let files = files(chain, &mut draft, outer.map(|(_, files)| files));
        let outer = outer.map(|(filters, _)| filters);
        let expires = match (draft.expires.take(), outer) {
            (Some((expires, _)), _) => expires,
            (None, Some(outer)) => outer.expires.clone(),
            (None, None) => Expires::Off,
        };
        let mut filters = Filters {
            active: false,
            expires,
            trailers: array(
                std::mem::take(&mut draft.trailers),
                outer.map(|o| &o.trailers),
                Vec::new,
            ),
            gunzip: Gunzip {
                on: chain.flag("gunzip"),
                buffers: chain.buffers("gunzip_buffers"),
            },
            sub: Substitute {
                pairs: array(
                    std::mem::take(&mut draft.pairs),
                    outer.map(|o| &o.sub.pairs),
                    Vec::new,
                ),
                types: types(&mut draft, "sub_filter_types", outer.map(|o| &o.sub.types)),
                once: chain.flag("sub_filter_once"),
                last_modified: chain.flag("sub_filter_last_modified"),
            },
            charset: self.charset(chain, &mut draft, outer.map(|o| &o.charset)),
            gzip: gzip(chain, &mut draft, outer.map(|o| &o.gzip)),
            rate: Rate {
                limit: chain.template("limit_rate"),
                after: chain.template("limit_rate_after"),
            },
            browsers: browsers(chain),
            output_buffers: chain.buffers("output_buffers"),
        };
        filters.active = filters.expires != Expires::Off
            || !filters.trailers.is_empty()
            || filters.gunzip.on
            || !filters.sub.pairs.is_empty()
            || filters.charset.charset != Charset::Off
            || filters.gzip.on;
        (filters, files)
    }

    fn charset(
        &mut self,
        chain: &Chain<'_>,
        draft: &mut Draft,
        outer: Option<&CharsetRules>,
    ) -> CharsetRules {
        let own = |own: Option<(Charset, _)>, outer: Option<&Charset>| {
            own.map(|(charset, _)| charset)
                .or_else(|| outer.cloned())
                .unwrap_or(Charset::Off)
        };
        let rules = CharsetRules {
            charset: own(draft.charset.take(), outer.map(|o| &o.charset)),
            source: own(draft.source_charset.take(), outer.map(|o| &o.source)),
            override_charset: chain.flag("override_charset"),
            types: types(draft, "charset_types", outer.map(|o| &o.types)),
            known: match outer {
                Some(outer) => outer.known.clone(),
                None => self.analyser.shared.charsets.clone().into(),
            },
        };
        // Nothing can be told from another charset without a table of its characters.
        if let (Charset::Name(to), Charset::Name(from)) = (&rules.charset, &rules.source)
            && !to.eq_ignore_ascii_case(from)
            && outer.is_some()
            && !rules.known.are_mapped_by_name(from, to)
        {
            let text = |name: &[u8]| written::shown(name).into_owned();
            let message = format!(
                "no \"charset_map\" between the charsets \"{}\" and \"{}\"",
                text(from),
                text(to)
            );
            self.report(RANK_MODULES, Diagnostic::emerg(message));
        }
        rules
    }
}

/// A level's own set of types, else the outer one.
fn types(draft: &mut Draft, name: &'static str, outer: Option<&Arc<Types>>) -> Arc<Types> {
    match (draft.types.remove(name), outer) {
        (Some(own), _) => Arc::new(own),
        (None, Some(outer)) => outer.clone(),
        (None, None) => Arc::new(default_types(name)),
    }
}

fn gzip(chain: &Chain<'_>, draft: &mut Draft, outer: Option<&Gzip>) -> Gzip {
    let size = |name| chain.set(name).map(|_| chain.number(name));
    let bits = |size: u64| u8::try_from(size.trailing_zeros()).unwrap_or_default();
    let (msie6, patterns) = match draft.gzip_disable.take() {
        Some((msie6, patterns)) => (msie6.then_some(true), Some(patterns)),
        None => (None, None),
    };
    Gzip {
        on: chain.flag("gzip"),
        types: types(draft, "gzip_types", outer.map(|o| &o.types)),
        level: u8::try_from(chain.number("gzip_comp_level")).unwrap_or(1),
        min_length: chain.number("gzip_min_length"),
        window_bits: size("gzip_window").map_or(15, bits),
        // 128k is level 9, and each half is one less.
        memory_level: size("gzip_hash").map_or(8, |size| bits(size).saturating_sub(8)),
        buffers: chain.buffers("gzip_buffers"),
        postpone: match chain.set("postpone_gzipping") {
            Some(_) => chain.size("postpone_gzipping"),
            None => 0,
        },
        vary: chain.flag("gzip_vary"),
        http_version: if chain.word("gzip_http_version") == "1.0" {
            1000
        } else {
            1001
        },
        proxied: chain.mask("gzip_proxied").into(),
        disable_msie6: msie6
            .or(outer.map(|outer| outer.disable_msie6))
            .unwrap_or(false),
        disable: match (patterns, outer) {
            (Some(patterns), _) => patterns.into(),
            (None, Some(outer)) => outer.disable.clone(),
            (None, None) => Arc::new([]),
        },
    }
}

fn browsers(chain: &Chain<'_>) -> Browsers {
    let words = chain.mask("keepalive_disable");
    Browsers {
        no_keepalive_msie6: words.contains(&"msie6"),
        no_keepalive_safari: words.contains(&"safari"),
        msie_refresh: chain.flag("msie_refresh"),
    }
}

fn files(chain: &Chain<'_>, draft: &mut Draft, outer: Option<&Files>) -> Files {
    let symlinks = match (draft.symlinks.take(), outer) {
        (Some((symlinks, _)), _) => symlinks,
        (None, Some(outer)) => outer.symlinks.clone(),
        (None, None) => Symlinks::default(),
    };
    Files {
        autoindex: chain.flag("autoindex").then(|| Autoindex {
            format: match chain.word("autoindex_format") {
                "json" => AutoindexFormat::Json,
                "jsonp" => AutoindexFormat::Jsonp,
                "xml" => AutoindexFormat::Xml,
                _ => AutoindexFormat::Html,
            },
            local_time: chain.flag("autoindex_localtime"),
            exact_size: chain.flag("autoindex_exact_size"),
        }),
        gzip_static: match chain.word("gzip_static") {
            "on" => GzipStatic::On,
            "always" => GzipStatic::Always,
            _ => GzipStatic::Off,
        },
        symlinks,
        // A directive of locations alone: its default is not looked up.
        random_index: chain.set("random_index").is_some() && chain.flag("random_index"),
    }
}
