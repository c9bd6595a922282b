//! The filters between an answer and its client that have directives of their own, in nginx's order: headers
//! (`expires`, `add_header`, `add_trailer`), gunzip, sub, charset, gzip.
//!
//! Each looks at the head first, and says whether the body goes through it: [`body`] runs the bytes.

pub mod accepts;
pub mod body;
pub mod charset;
mod expires;
mod gunzip;
mod gzip;
mod sub;

use bytes::{Bytes, BytesMut};

use accepts::Noted;
use body::BodyFilter;

use super::field_lines::LineFeeds;
use super::filter::is_safe;
use super::reply::Reply;
use super::request::Request;
use super::variables;

/// What the filters decided about a body.
#[derive(Default)]
pub struct Plan {
    /// In the order in which the bytes pass them.
    pub filters: Vec<Box<dyn BodyFilter>>,
    /// `add_trailer` has something for this status (nginx's `expect_trailers`).
    pub trailers: bool,
}

/// A filter gave the request up: nothing is sent.
pub struct GivenUp;

/// What filters know of an answer before `add_header`.
#[derive(Default)]
pub struct Before {
    noted: Noted,
    encoding: Option<Bytes>,
}

/// `expires`, before `add_header`.
pub fn before_headers(r: &Request, reply: &mut Reply) -> Before {
    let encoding = reply.header(b"content-encoding");
    let encoding = encoding.filter(|e| !e.is_empty()).cloned();
    if is_safe(reply.status) {
        expires::apply(r, reply);
    }
    Before {
        noted: Noted {
            expires: reply.header(b"expires").cloned(),
            date: reply.header(b"date").cloned(),
        },
        encoding,
    }
}

/// Everything after `add_header`.
///
/// # Errors
/// A filter gave the request up.
pub fn after_headers(r: &Request, before: Before, reply: &mut Reply) -> Result<Plan, GivenUp> {
    let safe = is_safe(reply.status);
    if r.location.filters.trailers.iter().any(|t| safe || t.always) {
        r.expects_trailers.set(true);
    }
    let mut plan = Plan {
        trailers: r.expects_trailers.get(),
        ..Plan::default()
    };
    let gunzip = gunzip::apply(r, &before.noted, before.encoding.as_ref(), reply);
    let encoded = before.encoding.is_some() && gunzip.is_none();
    plan.filters.extend(gunzip);
    plan.filters.extend(sub::apply(r, reply));
    let recode = charset::apply(r, encoded, reply).map_err(|charset::NoValue| GivenUp)?;
    plan.filters.extend(recode);
    plan.filters
        .extend(gzip::apply(r, &before.noted, encoded, reply));
    Ok(plan)
}

/// The answer depends on `Accept-Encoding`.
pub fn varies(r: &Request) {
    r.accepts.set(accepts::Accepts {
        vary: true,
        ..r.accepts.get()
    });
}

/// The trailers' lines, at the end of the body.
pub fn trailers(r: &Request, status: u16) -> Bytes {
    let safe = is_safe(status);
    let mut feeds = LineFeeds::default();
    let mut lines = BytesMut::new();
    r.sent_trailers.take();
    for trailer in r.location.filters.trailers.iter() {
        if !safe && !trailer.always {
            continue;
        }
        let value = variables::evaluate(&trailer.value, r);
        if !value.is_empty() {
            let start = lines.len();
            for part in [&trailer.name, &b": "[..], &value, b"\r\n"] {
                lines.extend_from_slice(part);
            }
            feeds.note(&lines, start);
            // A later one may say what an earlier one says.
            r.sent_trailers
                .replace(feeds.of(&lines.clone().freeze(), 0));
        }
    }
    lines.freeze()
}
