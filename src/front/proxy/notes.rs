//! What `explain` tells of a request to an upstream: each line with where it comes from. Costs a branch a line where
//! nobody asks.

use bytes::BytesMut;

use crate::config::model::SetHeader;
use crate::front::request::Request;
use crate::front::trace::{self, HeadLine, LeftOut, Origin, Step};

use super::head::{BodyFraming, Target};

/// The notes of one head; `None` where nobody asks.
pub struct Notes(Option<Taken>);

#[derive(Default)]
struct Taken {
    lines: Vec<HeadLine>,
    left_out: Vec<LeftOut>,
}

impl Notes {
    pub fn of(r: &Request) -> Self {
        Self(r.worker.effects.trace().map(|_| Taken::default()))
    }

    /// What was written since `start`, if anything, is a line that comes from there.
    #[inline]
    pub fn line(&mut self, out: &BytesMut, start: usize, origin: impl FnOnce() -> Origin) {
        let Some(taken) = &mut self.0 else { return };
        let line = out.get(start..).unwrap_or_default();
        if let Some(line) = line.strip_suffix(b"\r\n") {
            taken.lines.push(HeadLine {
                text: trace::text(line),
                origin: origin(),
            });
        }
    }

    /// Where the request line comes from.
    pub fn pass(r: &Request) -> Origin {
        match &r.location.proxy.pass {
            Some(pass) => Origin::Directive(trace::place(&r.model, pass.span)),
            None => Origin::Default,
        }
    }

    pub fn set(r: &Request, header: &SetHeader) -> Origin {
        match header.span {
            Some(span) => Origin::Directive(trace::place(&r.model, span)),
            None => Origin::Default,
        }
    }

    /// A field of the client's that does not go on.
    #[inline]
    pub fn left_out(&mut self, r: &Request, name: &[u8]) {
        let Some(taken) = &mut self.0 else { return };
        let set = &r.location.proxy.set_headers;
        let by = set.iter().find(|h| h.lower.eq_ignore_ascii_case(name));
        let reason = match by.map(|header| header.span) {
            Some(Some(span)) => {
                let place = trace::place(&r.model, span);
                format!("`{}` takes its place", place.text)
            }
            Some(None) => "nginx sends its own".to_owned(),
            None => {
                "nginx does not pass it on: it concerns one connection or body alone".to_owned()
            }
        };
        taken.left_out.push(LeftOut {
            field: trace::text(name),
            reason,
        });
    }

    pub fn finish(self, r: &Request, target: &Target, framing: BodyFraming) {
        let (Some(taken), Some(pass)) = (self.0, &r.location.proxy.pass) else {
            return;
        };
        r.note(|| Step::Upstream {
            pass: trace::place(&r.model, pass.span),
            target: how(r, target),
            lines: taken.lines,
            left_out: taken.left_out,
            body: match framing {
                BodyFraming::None => Some(0),
                // A length may be said that nothing follows.
                BodyFraming::Length(_) if sends_none(r) => Some(0),
                BodyFraming::Length(n) => Some(n),
                BodyFraming::Chunked => None,
            },
        });
    }
}

/// `proxy_pass_request_body off`, and no body of our own.
fn sends_none(r: &Request) -> bool {
    let proxy = &r.location.proxy;
    !proxy.pass_request_body && proxy.set_body.is_none()
}

/// How the request's target came about.
fn how(r: &Request, target: &Target) -> String {
    let uri = target.uri.as_ref().filter(|uri| !uri.is_empty());
    match uri {
        Some(_) if target.whole => {
            "the URL of the directive, with its variables, is all".to_owned()
        }
        Some(uri) if r.valid_location => {
            let cut = r.uri.get(..target.location_len.min(r.uri.len()));
            format!(
                "\"{}\" of the path is replaced by \"{}\"",
                trace::text(cut.unwrap_or_default()),
                trace::text(uri)
            )
        }
        Some(_) => "the rewritten path goes on whole: the URI part of the directive does not count"
            .to_owned(),
        None if r.uri_as_received && r.head.valid_unparsed_uri => {
            "the directive has no URI part: the path goes on as it came".to_owned()
        }
        None => "the directive has no URI part: the path goes on as it was rewritten".to_owned(),
    }
}
