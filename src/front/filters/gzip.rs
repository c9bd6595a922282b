//! `gzip`: compresses an answer (nginx's gzip filter).

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;

use super::accepts::{self, Noted};
use super::body::{BodyFilter, Failed, Portion};
use crate::config::filters;
use crate::deflate::{Flush, Gzip};
use crate::front::reply::Reply;
use crate::front::request::Request;

/// The filter, where this answer is compressed; its head says so then.
pub(super) fn apply(
    r: &Request,
    noted: &Noted,
    encoded: bool,
    reply: &mut Reply,
) -> Option<Box<dyn BodyFilter>> {
    let rules = &r.location.filters.gzip;
    if !rules.on
        || !matches!(reply.status, 200 | 403 | 404)
        || encoded
        || reply.content_length.is_some_and(|n| n < rules.min_length)
        || !rules.types.contains(reply.bare_type())
    {
        return None;
    }
    super::varies(r);
    if !accepts::gzip(r, noted, reply) {
        return None;
    }
    let filter = Filter::new(rules, reply.content_length, r.gzipped.clone());
    reply.headers.push((
        Bytes::from_static(b"Content-Encoding"),
        Bytes::from_static(b"gzip"),
    ));
    reply.content_length = None;
    reply.clear_accept_ranges();
    reply.weaken_etag();
    Some(Box::new(filter))
}

struct Filter {
    stream: Gzip,
    /// Compressed bytes that do not fill a buffer yet.
    held: Vec<u8>,
    buffer: usize,
    /// Most buffers passed on at once.
    buffers: usize,
    /// `postpone_gzipping`: what is gathered before the first byte is compressed, while it is not more than this.
    postpone: usize,
    gathered: Option<Vec<u8>>,
    /// Bytes that came and left so far.
    seen: (u64, u64),
    /// They are told when all are known.
    told: Rc<Cell<(u64, u64)>>,
}

impl Filter {
    fn new(rules: &filters::Gzip, length: Option<u64>, told: Rc<Cell<(u64, u64)>>) -> Self {
        let (window, memory) = memory(rules, length);
        Self {
            stream: Gzip::new(rules.level, window, memory),
            held: Vec::new(),
            buffer: rules.buffers.1.max(1),
            buffers: rules.buffers.0.max(1),
            postpone: rules.postpone,
            gathered: (rules.postpone > 0).then(Vec::new),
            seen: (0, 0),
            told,
        }
    }
}

/// zlib's window and memory: less for an answer that is known to be short.
fn memory(rules: &filters::Gzip, length: Option<u64>) -> (u8, u8) {
    let (mut window, mut memory) = (rules.window_bits, rules.memory_level);
    if let Some(length) = length.filter(|&length| length > 0) {
        // What zlib can look back is 262 bytes less than its window.
        while window > 1 && length + 262 < 1 << (window - 1) {
            window -= 1;
            memory = memory.saturating_sub(1);
        }
    }
    (window.max(9), memory.max(1))
}

impl BodyFilter for Filter {
    fn pass(&mut self, portion: Portion, out: &mut Vec<Portion>) -> Result<(), Failed> {
        let mut input = portion.bytes;
        if let Some(gathered) = &mut self.gathered {
            gathered.extend_from_slice(&input);
            if !portion.flush && !portion.last && gathered.len() <= self.postpone {
                return Ok(());
            }
            input = Bytes::from(self.gathered.take().unwrap_or_default());
        }
        let flush = match (portion.last, portion.flush) {
            (true, _) => Flush::Finish,
            (false, true) => Flush::Sync,
            (false, false) => Flush::No,
        };
        let before = self.held.len();
        self.stream.write(&input, flush, &mut self.held);
        self.seen.0 += input.len() as u64;
        self.seen.1 += (self.held.len() - before) as u64;
        if flush == Flush::Finish {
            self.told.set(self.seen);
        }
        let whole = match flush {
            Flush::No => self.held.len() / self.buffer * self.buffer,
            _ => self.held.len(),
        };
        let rest = self.held.split_off(whole);
        let mut ready = Bytes::from(std::mem::replace(&mut self.held, rest));
        let most = self.buffer.saturating_mul(self.buffers);
        while ready.len() > most {
            out.push(Portion {
                bytes: ready.split_to(most),
                recycled: true,
                ..Portion::default()
            });
        }
        if !ready.is_empty() || flush != Flush::No {
            out.push(Portion {
                bytes: ready,
                flush: portion.flush,
                recycled: true,
                // What is flushed goes on by itself.
                more: portion.more && flush == Flush::No,
                last: portion.last,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::filters::Types;
    use std::sync::Arc;

    #[test]
    fn short_answers_take_less_memory() {
        let rules = filters::Gzip {
            on: true,
            types: Arc::new(Types::Any),
            level: 1,
            min_length: 0,
            window_bits: 15,
            memory_level: 8,
            buffers: (32, 4096),
            postpone: 0,
            vary: false,
            http_version: 1001,
            proxied: Arc::new([]),
            disable_msie6: false,
            disable: Arc::new([]),
        };
        for (length, expected) in [
            (None, (15, 8)),
            (Some(0), (15, 8)),
            (Some(1_000_000), (15, 8)),
            (Some(16_122), (15, 8)),
            (Some(16_121), (14, 7)),
            (Some(7_930), (14, 7)),
            (Some(7_929), (13, 6)),
            (Some(249), (9, 2)),
            (Some(1), (9, 2)),
        ] {
            assert_eq!(memory(&rules, length), expected, "{length:?}");
        }
    }
}
