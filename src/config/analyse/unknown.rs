//! Directives that are unknown, misplaced or have the wrong number of arguments: nginx's words, and advice.

use super::{Analyser, emerg};
use crate::config::diagnostics::{Diagnostic, MISPLACED};
use crate::config::lexer::Word;
use crate::config::names::nearest;
use crate::config::parser::Directive;
use crate::config::table::{self, Row};

/// Directives of modules that Debian ships as files of their own, with the module's name.
const DYNAMIC: &[(&str, &str)] = &[
    ("stream", "stream"),
    ("mail", "mail"),
    ("rtmp", "rtmp"),
    ("geoip_", "geoip"),
    ("image_filter", "image_filter"),
    ("xslt_", "xslt"),
    ("xml_entities", "xslt"),
    ("perl", "perl"),
    ("js_", "njs"),
    ("brotli", "brotli"),
    ("more_", "headers_more"),
    ("lua_", "lua"),
    ("content_by_lua", "lua"),
    ("echo", "echo"),
    ("vhost_traffic", "vts"),
    ("access_by_lua", "lua"),
    ("rewrite_by_lua", "lua"),
    ("set_by_lua", "lua"),
    ("header_filter_by_lua", "lua"),
    ("init_by_lua", "lua"),
    ("modsecurity", "modsecurity"),
    ("pagespeed", "pagespeed"),
    ("auth_digest", "auth_digest"),
    ("subs_filter", "substitutions"),
    ("upload_", "upload"),
    ("push_stream", "push_stream"),
    ("otel_", "otel"),
    ("opentracing", "opentracing"),
    ("zstd", "zstd"),
];

/// Directives of NGINX Plus.
const COMMERCIAL: &[&str] = &[
    "api",
    "auth_jwt",
    "auth_jwt_key_file",
    "health_check",
    "keyval",
    "keyval_zone",
    "match",
    "session_log",
    "state",
    "status",
    "status_zone",
    "sticky",
    "zone_sync",
];

/// Directives of versions after 1.22.1: since when, and what was before.
const NEWER: &[(&str, &str, &str)] = &[
    (
        "http2",
        "1.25.1",
        "before, `http2` is a word of `listen … ssl http2`",
    ),
    ("http3", "1.25.0", "before, there is no HTTP/3"),
    ("http3_hq", "1.25.0", "before, there is no HTTP/3"),
    ("quic_retry", "1.25.0", "before, there is no HTTP/3"),
    ("quic_gso", "1.25.0", "before, there is no HTTP/3"),
    (
        "proxy_pass_trailers",
        "1.27.2",
        "before, trailers of a backend are not passed on",
    ),
    (
        "keepalive_min_timeout",
        "1.27.4",
        "before, only `keepalive_timeout` says how long",
    ),
];

/// Apache's names for what nginx calls differently.
const APACHE: &[(&str, &str)] = &[
    ("DocumentRoot", "root"),
    ("DirectoryIndex", "index"),
    ("ServerAlias", "server_name"),
    ("VirtualHost", "server"),
    ("ErrorDocument", "error_page"),
    ("RewriteRule", "rewrite"),
    ("RewriteCond", "if"),
    ("Header", "add_header"),
    ("RequestHeader", "proxy_set_header"),
    ("ProxyPassReverse", "proxy_redirect"),
    ("LimitRequestBody", "client_max_body_size"),
];

/// What to do about a file that begins with a mark of its encoding.
fn encoding(name: &[u8]) -> Option<String> {
    let help = if name.starts_with("\u{feff}".as_bytes()) {
        "the file begins with a byte order mark: save it as UTF-8 without one"
    } else if name.starts_with(b"\xff\xfe") || name.starts_with(b"\xfe\xff") {
        "the file is UTF-16: save it as UTF-8"
    } else {
        return None;
    };
    Some(help.into())
}

/// Whose name it is, where it is not one of nginx's own.
fn of_others(name: &str) -> Option<String> {
    if let Some((_, module)) = DYNAMIC.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Some(format!(
            "it belongs to the module `{module}`, which nginx loads with `load_module`; Proxy Lab has no such modules"
        ));
    }
    if COMMERCIAL.contains(&name) {
        return Some("it belongs to NGINX Plus: the free nginx has no such directive".into());
    }
    if name.starts_with('<') {
        return Some(
            "`<Name …>` is Apache's way to write a block; nginx writes `location /path { … }`"
                .into(),
        );
    }
    let mut of_apache = APACHE.iter();
    let (_, own) = of_apache.find(|(other, _)| name.eq_ignore_ascii_case(other))?;
    Some(format!("that is Apache's name for it; nginx says `{own}`"))
}

/// A name that runs into what stands behind it, or that was cut out of a pattern.
fn badly_spaced(name: &str) -> Option<String> {
    let is_known = |name: &str| !table::find(name.as_bytes()).is_empty();
    if let Some(bare) = name.strip_suffix([':', '=']).filter(|bare| is_known(bare)) {
        return Some(format!(
            "write `{bare}` and its value with a space between: no `:` or `=`"
        ));
    }
    if let Some((bare, _)) = name.split_once('(').filter(|(bare, _)| is_known(bare)) {
        return Some(format!("a space is missing: `{bare} (…`"));
    }
    let (count, _) = name.split_once('}')?;
    let is_count = count.starts_with(|c: char| c.is_ascii_digit())
        && count.chars().all(|c| c.is_ascii_digit() || c == ',');
    is_count.then(|| {
        format!(
            "is `{{{count}}}` part of a regular expression? Quote the whole of it: `location ~ \"^/[0-9]{{{count}}}/\" {{`"
        )
    })
}

impl Analyser {
    pub(super) fn unknown_directive(&mut self, directive: &Directive) -> Diagnostic {
        let name = directive.name.text();
        let found = emerg(
            directive,
            format!("unknown directive \"{}\"", directive.name.c_text()),
        )
        .label("nginx has no such directive");
        if name == "\u{feff}events" {
            self.shared.events = Some(directive.name.span);
        }
        if let Some((_, since, before)) = NEWER.iter().find(|(newer, ..)| name == *newer) {
            return found
                .label("nginx 1.22.1 has no such directive")
                .help(format!("nginx has it since {since}; {before}"));
        }
        let meant = encoding(&directive.name.value)
            .or_else(|| of_others(&name))
            .or_else(|| badly_spaced(&name));
        if let Some(meant) = meant {
            return found.help(meant);
        }
        if let Some(guess) = self.guess(&name) {
            if guess == "events" {
                // It is not missing on top of being misspelt.
                self.shared.events = Some(directive.name.span);
            }
            return found.help(format!("did you mean `{guess}`?"));
        }
        match name.strip_suffix('}') {
            Some(bare) => found.help(format!(
                "a space or `;` is missing before `}}`: `{bare}; }}`"
            )),
            None => found,
        }
    }

    /// A directive of a like name, first of those that may stand here.
    fn guess(&mut self, name: &str) -> Option<&'static str> {
        let context = self.frame().context;
        let here = table::rows()
            .iter()
            .filter(|row| row.contexts.contains(context));
        nearest(name, here.map(|row| row.name))
            .or_else(|| nearest(name, table::rows().iter().map(|row| row.name)))
    }

    pub(super) fn misplaced(&mut self, rows: &[&Row], directive: &Directive) -> Diagnostic {
        let name = directive.name.text();
        let here = self.frame().context.names().next().unwrap_or("main");
        let mut places: Vec<&str> = Vec::new();
        for place in rows.iter().flat_map(|row| row.contexts.names()) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let mut found = emerg(directive, format!("\"{name}\" directive {MISPLACED}"))
            .label(format!("this is in the context `{here}`"))
            .help(format!("`{name}` may stand in: {}", places.join(", ")));
        if let Some(opened) = self.frames.last().and_then(|frame| frame.opened) {
            found = found.note(opened, format!("the block `{here}` opens here"));
        }
        if let Some(frame) = self.of_a_site(&places) {
            found = found.help(format!(
                "a site's file stands inside another: serve one that says `{frame}`"
            ));
        }
        if here == name || (name == "server" && here == "location") {
            found = found.help(format!(
                "is the `}}` of the `{here}` block before it missing?"
            ));
        }
        found
    }

    /// What would include the main file, where it looks like one that others include.
    fn of_a_site(&self, places: &[&str]) -> Option<String> {
        let begun = self.shared.events.is_some() || self.http.is_some();
        if begun || self.frames.len() != 1 || self.order.depth() > 0 {
            return None;
        }
        let file = self.paths.file.display();
        let include = format!("include {file};");
        if places.contains(&"http") {
            return Some(format!("events {{ }} http {{ {include} }}"));
        }
        let inner = places.contains(&"server") || places.contains(&"location");
        inner.then(|| format!("events {{ }} http {{ server {{ {include} }} }}"))
    }

    pub(super) fn wrong_arity(&mut self, row: &Row, directive: &Directive) -> Diagnostic {
        let count = directive.args.len();
        let found = emerg(
            directive,
            format!(
                "invalid number of arguments in \"{}\" directive",
                directive.name.text()
            ),
        );
        if let Some(swallowed) = swallowed(directive) {
            return swallowed.explain(found.at(swallowed.word.span), directive);
        }
        let sign = |word: &&super::Word| word.is("=") || word.is(":");
        if let Some(word) = directive.args.first().filter(sign) {
            return found
                .at(word.span)
                .label("this counts as an argument")
                .help(format!(
                    "write the name and its value with a space between: no `{}`",
                    word.text()
                ));
        }
        let found = match directive.args.last() {
            Some(last) if count > 1 || row.arity.accepts(0) => found.at(last.span),
            _ => found,
        };
        let given = match count {
            0 => "none is given".to_owned(),
            1 => "1 is given".to_owned(),
            n => format!("{n} are given"),
        };
        found.label(format!(
            "`{}` takes {}; {given}",
            row.name,
            row.arity.describe()
        ))
    }
}

/// A directive's name among another's arguments, at the beginning of a line: the `;` before it was forgotten.
pub(super) struct Swallowed<'a> {
    pub word: &'a Word,
    /// The line that lacks its `;`.
    line: u32,
}

pub(super) fn swallowed(directive: &Directive) -> Option<Swallowed<'_>> {
    let mut before = &directive.name;
    for word in &directive.args {
        if word.span.line > before.span.line && !table::find(&word.value).is_empty() {
            let line = before.span.line;
            return Some(Swallowed { word, line });
        }
        before = word;
    }
    None
}

impl Swallowed<'_> {
    /// Adds it to a finding that points at the word.
    pub fn explain(&self, found: Diagnostic, directive: &Directive) -> Diagnostic {
        found
            .label("read as an argument of the directive above")
            .note(directive.name.span, "of this directive")
            .help(format!("a `;` is missing at the end of line {}", self.line))
    }
}
