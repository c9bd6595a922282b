//! Variables that a block of the file makes: `map`, `geo`, `split_clients`.

use std::net::Ipv4Addr;

use bytes::{Bytes, BytesMut};

use crate::config::geo::Geo;
use crate::config::map::Map;
use crate::config::model::{LogLevel, SlotSource, SlotVariable};

use crate::wire::head::Known;

use super::choose::Matched;
use super::log;
use super::request::Request;
use super::variables::{append, append_variable, evaluate};

/// Variables whose values need each other (`NGX_HTTP_VARIABLE_DEPTH`).
const MAX_DEPTH: u8 = 100;

/// As [`value`]; a variable that needs itself has none.
pub fn value_within_bounds(variable: &SlotVariable, r: &Request) -> Option<(Bytes, bool)> {
    let depth = r.depth.get();
    if depth >= MAX_DEPTH {
        let message = format!("cycle while evaluating variable \"{}\"", variable.name);
        log::error(r, LogLevel::Error, &message);
        return None;
    }
    r.depth.set(depth + 1);
    let value = value(variable, r);
    r.depth.set(depth);
    value
}

/// The value that a variable's source gives, and whether it stays for the rest of the request; `None` is no value.
fn value(variable: &SlotVariable, r: &Request) -> Option<(Bytes, bool)> {
    match &variable.source {
        SlotSource::Group => None,
        SlotSource::Nginx(var) => {
            let mut out = BytesMut::new();
            append_variable(var, r, &mut out).then(|| (out.freeze(), false))
        }
        SlotSource::Set => {
            if r.location.core.uninitialized_variable_warn {
                let message = format!("using uninitialized \"{}\" variable", variable.name);
                log::error(r, LogLevel::Warn, &message);
            }
            Some((Bytes::new(), true))
        }
        SlotSource::Map(map) => Some((of_map(map, r), !map.volatile)),
        SlotSource::Geo(geo) => Some((of_geo(geo, r), true)),
        SlotSource::Split(split) => Some((split.find(&evaluate(&split.source, r)), true)),
    }
}

fn of_map(map: &Map, r: &Request) -> Bytes {
    let mut source = evaluate(&map.source, r);
    if map.hostnames && source.ends_with(b".") {
        source.truncate(source.len() - 1);
    }
    if let Some(found) = map.keys.find(&source) {
        return evaluate(found, r);
    }
    if !source.is_empty() {
        for (regex, value) in &map.regexes {
            match regex.captures(&source) {
                Ok(None) => {}
                Ok(Some(captures)) => {
                    r.set_captures(Matched {
                        regex: regex.clone(),
                        captures,
                        subject: source,
                    });
                    return evaluate(value, r);
                }
                Err(error) => {
                    let message = format!("pcre2_match() failed: {error}");
                    log::error(r, LogLevel::Alert, &message);
                    break;
                }
            }
        }
    }
    let mut out = BytesMut::new();
    if let Some(default) = &map.default {
        append(default, r, &mut out);
    }
    out.freeze()
}

fn of_geo(geo: &Geo, r: &Request) -> Bytes {
    let address = match &geo.source {
        None => r.connection.peer.map(|peer| peer.ip()),
        Some(source) => {
            let text = evaluate(source, r);
            std::str::from_utf8(&text)
                .ok()
                .and_then(|text| text.parse().ok())
        }
    };
    // What is no address is looked up as this one, as in nginx.
    let Some(address) = address else {
        return geo.find(Ipv4Addr::BROADCAST.into());
    };
    if geo.proxies.is_empty() {
        return geo.find(address);
    }
    let fields = r.head.fields.iter();
    let forwarded = fields
        .filter(|field| field.known == Known::XForwardedFor)
        .map(|field| field.value.of(&r.head.raw));
    geo.find(geo.forwarded(address, forwarded))
}
