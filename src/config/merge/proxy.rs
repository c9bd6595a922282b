//! Merging the directives of the proxy module.

use std::sync::Arc;

use super::Merge;
use super::proxy_rules::{CookieParts, ignore_headers};
use super::tables::Built;
use crate::config::analyse::chain::Chain;
use crate::config::analyse::frame::{Level, PassDraft, PassTarget, RedirectDraft};
use crate::config::analyse::http::RANK_PROXY;
use crate::config::analyse::proxy::expand;
use crate::config::diagnostics::Diagnostic;
use crate::config::model::{
    Bind, NextUpstream, Proxy, ProxyPass, ProxyRedirect, ProxyTarget, ProxyVersion,
};

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
    redirects: Redirects,
    built: Built,
}

/// `proxy_redirect`, as a level and those in it have it.
struct Redirects {
    /// Where it is `off` there are no rules.
    on: bool,
    rules: Option<Arc<[ProxyRedirect]>>,
}

impl Redirects {
    /// Where nothing else is said, a level with `proxy_pass` has the rule that follows from it.
    fn merge(
        own: Option<RedirectDraft>,
        pass: Option<&PassDraft>,
        outer: Option<&ProxyState>,
    ) -> Self {
        let outer = outer.map(|outer| &outer.redirects);
        let (on, rules) = match own {
            Some(RedirectDraft::Off(_)) => {
                return Self {
                    on: false,
                    rules: None,
                };
            }
            Some(RedirectDraft::Rules(rules, _)) => (true, Some(rules.into())),
            None => (outer.is_none_or(|outer| outer.on), None),
        };
        if !on {
            return Self { on, rules };
        }
        let inherited = || outer.and_then(|outer| outer.rules.clone());
        let by_pass = || pass.and_then(expand).map(|rule| Arc::from([rule]));
        Self {
            on,
            rules: rules.or_else(inherited).or_else(by_pass),
        }
    }

    fn that_apply(&self) -> Arc<[ProxyRedirect]> {
        self.rules.clone().unwrap_or_else(|| Arc::new([]))
    }
}

impl Merge<'_> {
    pub fn proxy(
        &mut self,
        chain: &Chain<'_>,
        own: Parts,
        outer: Option<&ProxyState>,
    ) -> ProxyState {
        let redirects = Redirects::merge(own.redirect, own.pass.as_ref(), outer);
        let sizes = self.buffer_sizes(chain, outer.is_some());
        let (set_headers, hide_headers) =
            self.proxy_headers(chain, outer.map(|outer| &outer.proxy));
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
            redirect: redirects.that_apply(),
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
            redirects,
            built,
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
