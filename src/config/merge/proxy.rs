//! Merging the directives of the proxy module.

use std::cell::Cell;
use std::sync::Arc;

use bytes::Bytes;

use super::Merge;
use super::proxy_rules::{CookieParts, ignore_headers};
use super::tables::{Built, Names};
use crate::config::analyse::frame::{
    Chain, Level, PassDraft, PassTarget, RedirectDraft, Set, Value,
};
use crate::config::analyse::http::RANK_PROXY;
use crate::config::analyse::proxy::expand;
use crate::config::diagnostics::Diagnostic;
use crate::config::lexer::Word;
use crate::config::model::{
    Bind, NextUpstream, Proxy, ProxyPass, ProxyRedirect, ProxyTarget, ProxyVersion, SetHeader,
};
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

/// What a level gives by itself.
pub struct Parts {
    pass: Option<PassDraft>,
    redirect: Option<RedirectDraft>,
    cookies: CookieParts,
    bind: Option<Option<Bind>>,
}

impl Parts {
    pub fn take(level: &mut Level) -> Self {
        Self {
            pass: level.pass.take(),
            redirect: level.redirect.take(),
            cookies: CookieParts::take(level),
            bind: level.bind.take().map(|(bind, _)| bind),
        }
    }
}

/// The merged directives, with what only inner levels need.
pub struct ProxyState {
    pub proxy: Proxy,
    redirect: bool,
    redirects: Option<Arc<[ProxyRedirect]>>,
    built: Built,
}

impl Merge<'_> {
    pub fn proxy(
        &mut self,
        chain: &Chain<'_>,
        own: Parts,
        outer: Option<&ProxyState>,
    ) -> ProxyState {
        let (redirect, own_rules) = match own.redirect {
            Some(RedirectDraft::Off(_)) => (false, None),
            Some(RedirectDraft::Rules(rules, _)) => (true, Some(rules.into())),
            None => (outer.is_none_or(|outer| outer.redirect), None),
        };
        let mut redirects: Option<Arc<[ProxyRedirect]>> = own_rules;
        if redirect {
            redirects = redirects
                .or_else(|| outer.and_then(|outer| outer.redirects.clone()))
                .or_else(|| {
                    own.pass
                        .as_ref()
                        .and_then(expand)
                        .map(|rule| Arc::from([rule]))
                });
        }
        let sizes = self.buffer_sizes(chain, outer.is_some());
        let shared = |own: &str, both: &str| {
            let unset = |name: &str| !chain.level.values.contains_key(name);
            outer.filter(|_| unset(own) && unset(both))
        };
        let set_headers = match shared("proxy_set_header", "proxy_set_header") {
            Some(outer) => outer.proxy.set_headers.clone(),
            None => self.set_headers(chain),
        };
        let hide_headers = match shared("proxy_hide_header", "proxy_pass_header") {
            Some(outer) => outer.proxy.hide_headers.clone(),
            None => hide_headers(chain),
        };
        let built = match outer {
            Some(outer) => self.header_tables(chain, &outer.built),
            None => Built::default(),
        };
        let cookies = own.cookies.merge(outer.map(|outer| &outer.proxy));
        let proxy = Proxy {
            pass: own.pass.and_then(|pass| self.pass(pass)),
            set_headers,
            set_body: chain.template("proxy_set_body"),
            method: chain.template("proxy_method"),
            pass_request_headers: chain.flag("proxy_pass_request_headers"),
            pass_request_body: chain.flag("proxy_pass_request_body"),
            http_version: match chain.word("proxy_http_version") {
                "1.1" => ProxyVersion::Http11,
                _ => ProxyVersion::Http10,
            },
            redirect: redirects
                .clone()
                .filter(|_| redirect)
                .unwrap_or_else(|| Arc::new([])),
            hide_headers,
            intercept_errors: chain.flag("proxy_intercept_errors"),
            request_buffering: chain.flag("proxy_request_buffering"),
            buffering: chain.flag("proxy_buffering"),
            buffer_size: chain.size("proxy_buffer_size"),
            buffers: chain.buffers("proxy_buffers"),
            busy_buffers_size: sizes.busy,
            max_temp_file_size: chain.number("proxy_max_temp_file_size"),
            temp_path: self.path(chain, "proxy_temp_path"),
            connect_timeout: chain.time("proxy_connect_timeout"),
            send_timeout: chain.time("proxy_send_timeout"),
            read_timeout: chain.time("proxy_read_timeout"),
            next_upstream: next_upstream(&chain.mask("proxy_next_upstream")),
            next_upstream_tries: chain.number("proxy_next_upstream_tries"),
            next_upstream_timeout: chain.time("proxy_next_upstream_timeout"),
            ignore_client_abort: chain.flag("proxy_ignore_client_abort"),
            cookie_domains: cookies.domains,
            cookie_paths: cookies.paths,
            cookie_flags: cookies.flags,
            bind: own
                .bind
                .unwrap_or_else(|| outer.and_then(|outer| outer.proxy.bind.clone())),
            ignore_headers: ignore_headers(chain),
            force_ranges: chain.flag("proxy_force_ranges"),
            limit_rate: chain.number("proxy_limit_rate"),
            socket_keepalive: chain.flag("proxy_socket_keepalive"),
        };
        ProxyState {
            proxy,
            redirect,
            redirects,
            built,
        }
    }

    /// Whether nginx can build its tables of this level's headers: each level below `http` has its own, unless it takes
    /// over the one above (`ngx_http_proxy_merge_loc_conf`).
    fn header_tables(&mut self, chain: &Chain<'_>, outer: &Built) -> Built {
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

    fn pass(&mut self, draft: PassDraft) -> Option<ProxyPass> {
        let target = match draft.target {
            PassTarget::Dynamic(template) => ProxyTarget::Dynamic(template),
            PassTarget::Literal {
                upstream,
                host,
                port,
                uri,
                location,
            } => {
                let upstream = self.upstreams.get(upstream)?.clone();
                let location_len = if uri.is_some() { location.len() } else { 0 };
                ProxyTarget::Literal {
                    upstream,
                    host,
                    port,
                    uri,
                    location_len,
                }
            }
        };
        Some(ProxyPass {
            target,
            span: draft.span,
        })
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

    /// nginx's rules between the sizes of buffers.
    fn buffer_sizes(&mut self, chain: &Chain<'_>, below_http: bool) -> Sizes {
        let (count, each) = chain.buffers("proxy_buffers");
        let largest = chain.size("proxy_buffer_size").max(each);
        let given = |name: &str| chain.set(name).map(|_| chain.size(name));
        let busy = given("proxy_busy_buffers_size").unwrap_or(2 * largest);
        let write = given("proxy_temp_file_write_size").unwrap_or(2 * largest);
        let file = chain.size("proxy_max_temp_file_size");
        let mut wrong = |name: &str, message: &str| {
            let mut found = Diagnostic::emerg(message);
            let names = [
                name,
                "proxy_busy_buffers_size",
                "proxy_buffer_size",
                "proxy_buffers",
            ];
            found.span = names
                .iter()
                .find_map(|name| chain.set(name))
                .map(|set| set.span);
            self.report_at_close(RANK_PROXY, found);
        };
        const LARGEST: &str =
            "the maximum of the value of \"proxy_buffer_size\" and one of the \"proxy_buffers\"";
        // nginx looks at them where a server is merged with `http`, and below.
        if !below_http {
            return Sizes { busy };
        }
        if count < 2 {
            wrong(
                "proxy_buffers",
                "there must be at least 2 \"proxy_buffers\"",
            );
        } else if busy < largest {
            let rule =
                format!("\"proxy_busy_buffers_size\" must be equal to or greater than {LARGEST}");
            wrong("proxy_busy_buffers_size", &rule);
        } else if busy > (count - 1).saturating_mul(each) {
            let rule = "\"proxy_busy_buffers_size\" must be less than the size of all \"proxy_buffers\" minus one buffer";
            wrong("proxy_busy_buffers_size", rule);
        } else if write < largest {
            let rule = format!(
                "\"proxy_temp_file_write_size\" must be equal to or greater than {LARGEST}"
            );
            wrong("proxy_temp_file_write_size", &rule);
        } else if file != 0 && file < largest {
            let rule = format!(
                "\"proxy_max_temp_file_size\" must be equal to zero to disable temporary files usage or must be \
                 equal to or greater than {LARGEST}"
            );
            wrong("proxy_max_temp_file_size", &rule);
        }
        Sizes { busy }
    }
}

struct Sizes {
    busy: usize,
}

fn header(name: Bytes, value: Template, span: Option<crate::config::source::Span>) -> SetHeader {
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

fn next_upstream(words: &[&str]) -> NextUpstream {
    let has = |word: &str| !words.contains(&"off") && words.contains(&word);
    NextUpstream {
        error: has("error"),
        timeout: has("timeout"),
        invalid_header: has("invalid_header"),
        non_idempotent: has("non_idempotent"),
        http_403: has("http_403"),
        http_404: has("http_404"),
        http_429: has("http_429"),
        http_500: has("http_500"),
        http_502: has("http_502"),
        http_503: has("http_503"),
        http_504: has("http_504"),
    }
}
