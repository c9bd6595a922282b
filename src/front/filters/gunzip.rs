//! `gunzip`: decompresses an answer for a client that does not take gzip (nginx's gunzip filter).

use std::io::{ErrorKind, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use super::accepts::{self, Noted};
use super::body::{BodyFilter, Failed, Portion};
use crate::config::model::LogLevel;
use crate::front::files;
use crate::front::log;
use crate::front::reply::Reply;
use crate::front::request::Request;

/// The filter, where this answer is gzip and must not be.
pub(super) fn apply(
    r: &Request,
    noted: &Noted,
    encoding: Option<&Bytes>,
    reply: &mut Reply,
) -> Option<Box<dyn BodyFilter>> {
    if !r.location.filters.gunzip.on || !encoding.is_some_and(|e| e.eq_ignore_ascii_case(b"gzip")) {
        return None;
    }
    super::varies(r);
    if accepts::gzip(r, noted, reply) {
        return None;
    }
    // An upstream's own comes first; one that `add_header` gave stays.
    let at = reply
        .headers
        .iter()
        .position(|(name, _)| name.eq_ignore_ascii_case(b"content-encoding"));
    if let Some(at) = at {
        reply.remove_header_at(at);
    }
    reply.content_length = None;
    reply.clear_accept_ranges();
    reply.weaken_etag();
    let buffers = r.location.filters.gunzip.buffers;
    Some(Box::new(Filter {
        stream: MultiGzDecoder::new(Vec::new()),
        begun: false,
        most: buffers.0.saturating_mul(buffers.1).max(1),
        upstream: r.upstreams.url(),
        doing: match r.action.get() {
            Some(doing @ files::SENDING) => doing,
            _ => "sending to client",
        },
        context: log::Context::of(r),
    }))
}

struct Filter {
    stream: MultiGzDecoder<Vec<u8>>,
    begun: bool,
    /// Most bytes passed on at once.
    most: usize,
    /// The URL that an upstream was asked for.
    upstream: Option<String>,
    /// What the log says is being done.
    doing: &'static str,
    /// For the error log.
    context: log::Context,
}

impl Filter {
    /// Decompresses a portion; zlib's numbers of what went wrong: -3 is broken data, -5 an end that came too soon.
    fn inflate(&mut self, portion: &Portion) -> Result<(), String> {
        self.begun |= !portion.bytes.is_empty();
        let broken = || {
            // How zlib was asked to flush.
            let flush = match portion {
                portion if portion.last => 4,
                portion if portion.flush => 2,
                _ => 0,
            };
            format!("inflate() failed: {flush}, -3")
        };
        self.stream
            .write_all(&portion.bytes)
            .and_then(|()| self.stream.flush())
            .map_err(|_| broken())?;
        if !portion.last {
            return Ok(());
        }
        let cut = || "inflate() returned -5 on response end".to_owned();
        if !self.begun {
            return Err(cut());
        }
        self.stream
            .try_finish()
            .map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => cut(),
                _ => broken(),
            })
    }

    fn say(&self, message: &str) {
        let message = format!("{message} while {}", self.doing);
        self.context
            .error_at(LogLevel::Error, &message, self.upstream.as_deref());
    }
}

impl BodyFilter for Filter {
    fn pass(&mut self, portion: Portion, out: &mut Vec<Portion>) -> Result<(), Failed> {
        if let Err(message) = self.inflate(&portion) {
            self.say(&message);
            return Err(Failed);
        }
        let mut bytes = Bytes::from(std::mem::take(self.stream.get_mut()));
        while bytes.len() > self.most {
            out.push(Portion {
                bytes: bytes.split_to(self.most),
                recycled: true,
                ..Portion::default()
            });
        }
        if !bytes.is_empty() || portion.flush || portion.last {
            out.push(Portion {
                bytes,
                recycled: true,
                // What is flushed goes on by itself.
                more: portion.more && !portion.flush,
                ..portion
            });
        }
        Ok(())
    }
}
