//! Merging the headers of the proxy module: what a request gets and an answer loses, and whether nginx can build its tables
//! of them.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;

use super::Merge;
use super::tables::{Built, Names};
use crate::config::analyse::chain::{Chain, Set, Value};
use crate::config::analyse::http::RANK_PROXY;
use crate::config::lexer::Word;
use crate::config::model::{Proxy, SetHeader};
use crate::config::source::Span;
use crate::config::template::{Part, Template};
use crate::config::variables::{Builtin, Var};

/// Headers that an upstream's answer loses by default.
const HIDDEN: [&str; 8] = [
    "date",
    "server",
    "x-pad",
    "x-accel-expires",
    "x-accel-redirect",
    "x-accel-limit-rate",
    "x-accel-buffering",
    "x-accel-charset",
];

/// Headers that nginx sets, or takes away, where the file does not.
const SET: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "keep-alive",
    "expect",
    "upgrade",
];

impl Merge<'_> {
    /// What a request gets, and what an answer loses. A level without a line of its own shares what applies around it.
    pub fn proxy_headers(
        &mut self,
        chain: &Chain<'_>,
        outer: Option<&Proxy>,
    ) -> (Arc<[SetHeader]>, Arc<[Bytes]>) {
        let unset = |name: &str| !chain.level.values.contains_key(name);
        let set = match outer.filter(|_| unset("proxy_set_header")) {
            Some(outer) => outer.set_headers.clone(),
            None => self.set_headers(chain),
        };
        let inherits = unset("proxy_hide_header") && unset("proxy_pass_header");
        let hide = match outer.filter(|_| inherits) {
            Some(outer) => outer.hide_headers.clone(),
            None => hide_headers(chain),
        };
        (set, hide)
    }

    /// Whether nginx can build its tables of this level's headers: each level below `http` has its own, unless it takes
    /// over the one above (`ngx_http_proxy_merge_loc_conf`).
    pub fn header_tables(&mut self, chain: &Chain<'_>, outer: &Built) -> Built {
        let own = |name: &str| chain.level.values.contains_key(name);
        let hides = own("proxy_hide_header") || own("proxy_pass_header");
        if hides || !outer.hidden.get() {
            self.proxy_headers_hash(chain, &hidden_names(chain));
            outer.hidden.set(outer.hidden.get() || !hides);
        }
        let sets = own("proxy_set_header");
        if sets || !outer.set.get() {
            self.proxy_headers_hash(chain, &set_names(chain));
            outer.set.set(outer.set.get() || !sets);
        }
        Built {
            hidden: Cell::new(true),
            set: Cell::new(true),
        }
    }

    /// The set that applies, then nginx's defaults that it does not name.
    fn set_headers(&mut self, chain: &Chain<'_>) -> Arc<[SetHeader]> {
        let mut headers = Vec::new();
        if let Some(Set {
            value: Value::Pairs(pairs),
            ..
        }) = chain.set("proxy_set_header")
        {
            for (name, value, directive) in pairs.clone() {
                match self.analyser.template(&directive, &value) {
                    Ok(value) => headers.push(header(name.value.clone(), value, Some(name.span))),
                    // nginx meets it at the end of `http`, and names that line.
                    Err(found) => self.report_at_close(RANK_PROXY, found),
                }
            }
        }
        let host = match self.analyser.variables.defined("proxy_host") {
            Some(slot) => Var::Slot(slot),
            None => Var::Builtin(Builtin::ProxyHost),
        };
        let host = Template {
            parts: Box::new([Part::Variable(host)]),
        };
        let defaults = [
            ("Host", host),
            (
                "Connection",
                Template::literal(Bytes::from_static(b"close")),
            ),
        ];
        for (name, value) in defaults {
            if !headers
                .iter()
                .any(|header: &SetHeader| header.name.eq_ignore_ascii_case(name.as_bytes()))
            {
                headers.push(header(Bytes::from_static(name.as_bytes()), value, None));
            }
        }
        headers.into()
    }
}

fn header(name: Bytes, value: Template, span: Option<Span>) -> SetHeader {
    SetHeader {
        lower: name.to_ascii_lowercase().into(),
        name,
        value,
        span,
    }
}

fn texts<'a>(chain: &Chain<'a>, name: &str) -> &'a [Word] {
    match chain.set(name) {
        Some(Set {
            value: Value::Texts(words),
            ..
        }) => words,
        _ => &[],
    }
}

/// What an answer loses, as nginx's table has it: a name that passes again is counted, and takes no room.
fn hidden_names<'a>(chain: &Chain<'a>) -> Names<'a> {
    let mut names: Vec<&[u8]> = HIDDEN.iter().map(|name| name.as_bytes()).collect();
    for word in texts(chain, "proxy_hide_header") {
        if !names
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&word.value))
        {
            names.push(&word.value);
        }
    }
    let all = names.len();
    for word in texts(chain, "proxy_pass_header") {
        names.retain(|known| !known.eq_ignore_ascii_case(&word.value));
    }
    Names {
        taken_out: all - names.len(),
        names,
        words: Vec::new(),
    }
}

/// What a request gets, nginx's own headers behind the file's.
fn set_names<'a>(chain: &Chain<'a>) -> Names<'a> {
    let words: Vec<&Word> = match chain.set("proxy_set_header") {
        Some(Set {
            value: Value::Pairs(pairs),
            ..
        }) => pairs.iter().map(|(name, ..)| name).collect(),
        _ => Vec::new(),
    };
    let is_set = |name: &&[u8]| words.iter().any(|own| own.value.eq_ignore_ascii_case(name));
    let missing = SET
        .iter()
        .map(|name| name.as_bytes())
        .filter(|name| !is_set(name));
    let names = words.iter().map(|word| &word.value[..]).chain(missing);
    Names {
        taken_out: 0,
        names: names.collect(),
        words,
    }
}

fn hide_headers(chain: &Chain<'_>) -> Arc<[Bytes]> {
    let names = hidden_names(chain).names;
    names
        .iter()
        .map(|name| name.to_ascii_lowercase().into())
        .collect()
}
