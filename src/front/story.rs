//! The story of a request in one line, for the terminal of a running lab.

use crate::config::model::{Listen, ListenAddress, Location, LocationKind};

use super::request::Request;

/// `GET /api/users → location /api/ (nginx.conf:14) → 127.0.0.1:5000 GET /users → 200, 3 ms`
pub fn line(r: &Request) -> String {
    let raw = &r.head.raw;
    let method = lossy(r.head.method_bytes());
    let target = lossy(r.head.unparsed_uri.of(raw));
    let mut line = match &r.head.bad {
        _ if r.head.line.is_empty() => "(no request)".to_owned(),
        // Not even the line could be read: it is shown as it came.
        Some(bad) if bad.in_request_line => lossy(r.head.line.of(raw)),
        Some(_) if target.is_empty() => lossy(r.head.line.of(raw)),
        _ => format!("{method} {target}"),
    };
    if r.head.bad.is_none() {
        line.push_str(&format!(" → {}", place(r)));
    }
    let tries = r.upstreams.tries.borrow();
    for (n, state) in tries.iter().enumerate() {
        let Some(peer) = &state.peer else { continue };
        match &state.stands_for {
            Some(name) => line.push_str(&format!(" → {name}, in whose place {peer}")),
            None => line.push_str(&format!(" → {peer}")),
        }
        if let Some(sent) = &state.line {
            line.push_str(&format!(" {sent}"));
        }
        // The last one's answer is the answer, unless something took its place.
        if state.status != 0 && (n + 1 < tries.len() || state.status != r.status.get()) {
            // A status without a head is nginx's own: nobody said it.
            let said = match state.header_time {
                Some(_) => "said",
                None => "failed:",
            };
            line.push_str(&format!(" {said} {}", state.status));
        }
    }
    let millis = r.started.elapsed().as_millis();
    line.push_str(&format!(" → {}, {millis} ms", r.status.get()));
    line
}

fn place(r: &Request) -> String {
    let location = &r.location;
    let shown = location_name(location);
    format!("{shown} ({})", r.model.sources.short(location.span))
}

/// As the file writes it: `location ^~ /api/`; a server's own level is `server`.
pub fn location_name(location: &Location) -> String {
    let name = lossy(&location.name);
    match &location.kind {
        LocationKind::Server => "server".to_owned(),
        LocationKind::Exact => format!("location = {name}"),
        LocationKind::Prefix { no_regex: true } => format!("location ^~ {name}"),
        LocationKind::Prefix { .. } | LocationKind::Named => format!("location {name}"),
        LocationKind::Regex(regex) => format!(
            "location {} {name}",
            if regex.caseless { "~*" } else { "~" }
        ),
    }
}

/// The address of a listen, as the file means it.
pub fn address(listen: Option<&Listen>) -> String {
    match listen.map(|listen| &listen.address) {
        Some(ListenAddress::Inet(address)) => address.to_string(),
        Some(ListenAddress::Unix(path)) => format!("unix:{}", path.display()),
        None => String::new(),
    }
}

/// Bytes for a terminal: control characters are shown, not obeyed.
pub fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
