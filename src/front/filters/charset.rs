//! `charset`: which charset the type of an answer names, and the way to it by the tables of `charset_map`
//! (nginx's charset filter).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::body::{BodyFilter, Failed, Portion};
use crate::config::charset::{FromUtf8, Recode, decode};
use crate::config::filters::{Charset, CharsetRules};
use crate::config::model::LogLevel;
use crate::front::reply::Reply;
use crate::front::request::Request;
use crate::front::{log, variables};

/// A variable without a value: nginx gives the request up.
pub(super) struct NoValue;

/// Gives the answer its charset; the filter, where its bytes are in another one.
pub(super) fn apply(
    r: &Request,
    encoded: bool,
    reply: &mut Reply,
) -> Result<Option<Box<dyn BodyFilter>>, NoValue> {
    let rules = &r.location.filters.charset;
    let Some(destination) = destination(r, rules, reply)? else {
        return Ok(None);
    };
    let source = if reply.charset.is_empty() {
        named(r, &rules.source)?
    } else {
        Some(reply.charset.clone())
    };
    let mut recode = None;
    if let Some(source) = source {
        let known = |name: &Bytes| rules.known.find(name).is_some();
        let same = source.eq_ignore_ascii_case(&destination);
        // What is encoded cannot be told from another charset.
        if !same && encoded && known(&source) && known(&destination) {
            return Ok(None);
        }
        if !same {
            recode = rules.known.way(&source, &destination).cloned();
            if recode.is_none() {
                no_map(r, &source, &destination);
                return Ok(None);
            }
        }
        if known(&destination) && reply.type_len.is_some() {
            reply.content_type = Bytes::copy_from_slice(reply.bare_type());
            reply.type_len = None;
        }
    }
    // A redirect has none: some browser of long ago took it for the next page's.
    reply.charset = if matches!(reply.status, 301 | 302) {
        Bytes::new()
    } else {
        destination
    };
    Ok(recode.map(|recode| {
        if !matches!(*recode, Recode::Bytes(_)) {
            reply.content_length = None;
        }
        Box::new(Filter {
            recode,
            begun: Vec::new(),
        }) as Box<dyn BodyFilter>
    }))
}

/// Tells the bytes of a body in another charset.
struct Filter {
    recode: Arc<Recode>,
    /// A character of UTF-8 whose end has not come.
    begun: Vec<u8>,
}

impl BodyFilter for Filter {
    fn pass(&mut self, portion: Portion, out: &mut Vec<Portion>) -> Result<(), Failed> {
        let mut bytes = Vec::with_capacity(portion.bytes.len());
        match &*self.recode {
            Recode::Bytes(table) => {
                bytes.extend(portion.bytes.iter().map(|&byte| table[usize::from(byte)]));
            }
            Recode::ToUtf8(table) => {
                for &byte in &portion.bytes {
                    table.push(byte, &mut bytes);
                }
            }
            Recode::FromUtf8(table) => {
                from_utf8(table, &mut self.begun, &portion.bytes, &mut bytes);
            }
        }
        out.push(Portion {
            bytes: bytes.into(),
            ..portion
        });
        Ok(())
    }
}

/// The characters of `text`, behind those bytes of the last one that came before; what is no whole one waits in `begun`.
fn from_utf8(table: &FromUtf8, begun: &mut Vec<u8>, text: &[u8], out: &mut Vec<u8>) {
    let joined;
    let mut rest = match begun.is_empty() {
        true => text,
        false => {
            joined = [&std::mem::take(begun)[..], text].concat();
            &joined[..]
        }
    };
    while let Some(&first) = rest.first() {
        if first < 0x80 {
            out.push(first);
            rest = &rest[1..];
            continue;
        }
        let (character, taken) = decode(rest);
        if taken == 0 {
            begun.extend_from_slice(rest);
            return;
        }
        table.push(character, out);
        rest = &rest[taken..];
    }
}

/// The charset that an answer of this type will name; for handlers whose content depends on it.
pub fn of_answer(r: &Request, reply: &Reply) -> Bytes {
    match destination(r, &r.location.filters.charset, reply) {
        Ok(Some(name)) => name,
        _ => reply.charset.clone(),
    }
}

fn destination(r: &Request, rules: &CharsetRules, reply: &Reply) -> Result<Option<Bytes>, NoValue> {
    if reply.content_type.is_empty() {
        return Ok(None);
    }
    if let Some(name) = reply.override_charset.as_ref().filter(|n| !n.is_empty()) {
        let known = rules.known.find(name).is_some();
        if !known {
            let parts: [&[u8]; 3] = [b"unknown charset \"", name, b"\" to override"];
            say(r, &parts);
        }
        return Ok(known.then(|| name.clone()));
    }
    if rules.charset == Charset::Off {
        return Ok(None);
    }
    let applies = if reply.charset.is_empty() {
        rules.types.contains(reply.bare_type())
    } else {
        rules.override_charset
    };
    if !applies {
        return Ok(None);
    }
    named(r, &rules.charset)
}

/// The name that a line stands for.
fn named(r: &Request, charset: &Charset) -> Result<Option<Bytes>, NoValue> {
    match charset {
        Charset::Off => Ok(None),
        Charset::Name(name) => Ok(Some(name.clone())),
        Charset::Variable(var) => {
            let mut out = BytesMut::new();
            if !variables::append_variable(var, r, &mut out) {
                return Err(NoValue);
            }
            Ok(Some(out.freeze()))
        }
    }
}

fn no_map(r: &Request, source: &[u8], destination: &[u8]) {
    let parts: [&[u8]; 5] = [
        b"no \"charset_map\" between the charsets \"",
        source,
        b"\" and \"",
        destination,
        b"\"",
    ];
    say(r, &parts);
}

/// Writes a line to the error log.
fn say(r: &Request, parts: &[&[u8]]) {
    log::error_bytes(r, LogLevel::Error, &parts.concat());
}
