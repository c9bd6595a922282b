//! Why a server was chosen, and why the others of its address were not.

use std::sync::Arc;

use bytes::Bytes;

use crate::config::model::{Listen, Server};
use crate::front::choose::{self, How};
use crate::front::request::Request;
use crate::front::story;

use super::{Candidate, Step, place, text};

/// `server`: which was chosen for the host, and why the others were not.
pub fn server_step(r: &Request, how: &How<'_>) -> Step {
    let host = &r.head.host;
    let candidate = |server: &Arc<Server>| Candidate {
        name: names(server),
        place: place(&r.model, server.span),
        chosen: server.id == r.server.id,
        reason: String::new(),
    };
    let listen = r.listen();
    // Then nothing is known of a host.
    let unread = r.head.bad.is_some() && r.uri.is_empty();
    let mut candidates: Vec<Candidate> = Vec::new();
    for server in listen.iter().flat_map(|listen| &listen.servers) {
        let mut candidate = candidate(server);
        candidate.reason = match listen {
            Some(_) if candidate.chosen && unread => {
                "the request line is refused: this is the default server of the address".to_owned()
            }
            Some(_) if unread => "it is not the default server".to_owned(),
            Some(listen) if candidate.chosen => chosen_server(listen, how, host),
            Some(listen) => lost_server(listen, server, how, host),
            None => String::new(),
        };
        candidates.push(candidate);
    }
    Step::Server {
        address: story::address(listen),
        host: text(host),
        candidates,
    }
}

fn names(server: &Server) -> String {
    let names: Vec<&str> = server
        .names
        .iter()
        .map(|name| if name.is_empty() { "\"\"" } else { name })
        .collect();
    format!("server_name {}", names.join(" "))
}

fn chosen_server(listen: &Listen, how: &How<'_>, host: &[u8]) -> String {
    let patterns = listen
        .default_server
        .names
        .iter()
        .any(|name| name.starts_with('~'));
    let untried = patterns && listen.names.regexes.is_empty();
    let host = text(host);
    match how {
        How::Exact => format!("its name is the host \"{host}\""),
        How::Leading(suffix) => format!("\"*{}\" matches the host \"{host}\"", text(suffix)),
        How::Trailing(prefix) => format!("\"{}*\" matches the host \"{host}\"", text(prefix)),
        How::Regex(matched) => {
            let pattern = &matched.regex.pattern;
            format!("the pattern \"{pattern}\" matches the host \"{host}\"")
        }
        How::Default if host.is_empty() => {
            "the request names no host: this is the default server of the address".to_owned()
        }
        How::Default if untried => {
            "the only server of the address: its patterns are not tried".to_owned()
        }
        How::Default => {
            format!(
                "no name matches the host \"{host}\": this is the default server of the address"
            )
        }
        How::Failed(_) => "a pattern could not be matched: this is the default server".to_owned(),
    }
}

/// Why a server lost: none of its names matches, or one does but another kind of name goes first.
fn lost_server(listen: &Listen, server: &Server, how: &How<'_>, host: &Bytes) -> String {
    let is = |other: &Server| other.id == server.id;
    let names = &listen.names;
    let wildcard = names
        .leading
        .iter()
        .any(|(suffix, of)| is(of) && choose::ends_with_name(host, suffix))
        || names
            .trailing
            .iter()
            .any(|(prefix, of)| is(of) && choose::begins_with_name(host, prefix));
    let pattern = names.regexes.iter().any(|(_, of)| is(of));
    match how {
        How::Exact if wildcard => "a wildcard matches, but an exact name goes first".to_owned(),
        How::Leading(_) | How::Trailing(_) if wildcard => {
            "a wildcard matches too, but the other one goes first".to_owned()
        }
        How::Exact | How::Leading(_) | How::Trailing(_) if pattern => {
            "its patterns are not tried: names without one go first".to_owned()
        }
        How::Regex(_) if pattern => "its pattern does not match, or stands further down".to_owned(),
        How::Default => "none of its names matches, and it is not the default server".to_owned(),
        _ => "none of its names matches".to_owned(),
    }
}
