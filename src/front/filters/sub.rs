//! `sub_filter`: replaces texts in an answer (nginx's sub filter; its search, so that it holds back as many bytes at the
//! end of a portion as nginx does).

use bytes::{Bytes, BytesMut};

use super::body::{BodyFilter, Failed, Portion};
use crate::config::filters::Substitute;
use crate::config::template::Template;
use crate::front::reply::Reply;
use crate::front::request::Request;
use crate::front::variables;

/// The filter, where something may be replaced in this answer.
pub(super) fn apply(r: &Request, reply: &mut Reply) -> Option<Box<dyn BodyFilter>> {
    let rules = &r.location.filters.sub;
    if rules.pairs.is_empty()
        || reply.content_length == Some(0)
        || !rules.types.contains(reply.bare_type())
    {
        return None;
    }
    let filter = Filter::new(pairs(r, rules), rules.once)?;
    reply.content_length = None;
    if rules.last_modified {
        reply.weaken_etag();
    } else {
        reply.last_modified = None;
        reply.last_modified_in_headers = false;
        reply.remove_headers(b"last-modified", 0);
        reply.remove_headers(b"etag", 0);
        reply.etag = None;
    }
    Some(Box::new(filter))
}

/// Patterns (lower-case, not empty) and what takes their place.
fn pairs(r: &Request, rules: &Substitute) -> Vec<Pair> {
    let pairs = rules.pairs.iter().map(|pair| {
        let pattern = variables::evaluate(&pair.pattern, r);
        Pair {
            pattern: match pattern.iter().any(u8::is_ascii_uppercase) {
                true => pattern.to_ascii_lowercase().into(),
                false => pattern,
            },
            replacement: Bytes::new(),
            template: pair.replacement.clone(),
            used: false,
        }
    });
    pairs.filter(|pair| !pair.pattern.is_empty()).collect()
}

struct Pair {
    pattern: Bytes,
    replacement: Bytes,
    /// What it is made of, once the head is.
    template: Template,
    used: bool,
}

/// Offsets count from the beginning of the portion; those below 0 point into `looked`.
struct Filter {
    pairs: Vec<Pair>,
    once: bool,
    /// How many patterns were replaced, and whether that is all that will be.
    applied: usize,
    over: bool,
    /// The shortest pattern's length: its last byte is what the search looks at first.
    least: isize,
    /// For each byte, how far a pattern's place can be away.
    shift: [u8; 256],
    /// The place that is looked at next.
    offset: isize,
    /// The pattern that matched so far at the end of the last portion.
    index: usize,
    /// Bytes held back.
    looked: Vec<u8>,
}

enum Step {
    /// A pattern was found; whether bytes of the portion were given out before it.
    Found { behind: bool },
    /// The portion is at its end.
    End,
}

enum Match {
    No,
    /// As far as the bytes go.
    Partial,
    Whole,
}

impl Filter {
    fn new(mut pairs: Vec<Pair>, once: bool) -> Option<Self> {
        let least = pairs.iter().map(|pair| pair.pattern.len()).min()?;
        pairs.sort_by_key(|pair| pair.pattern[least - 1]);
        let reach = least.min(255);
        let mut shift = [reach as u8; 256];
        for pair in &pairs {
            for back in 0..reach {
                let place = &mut shift[usize::from(pair.pattern[least - 1 - back])];
                *place = (*place).min(back as u8);
            }
        }
        Some(Self {
            pairs,
            once,
            applied: 0,
            over: false,
            least: least as isize,
            shift,
            offset: least as isize - 1,
            index: 0,
            looked: Vec::new(),
        })
    }

    /// The byte at a place, lower-case.
    fn byte(&self, rest: &[u8], at: isize) -> Option<u8> {
        let byte = match usize::try_from(at) {
            Ok(at) => rest.get(at),
            Err(_) => self
                .looked
                .len()
                .checked_sub(at.unsigned_abs())
                .and_then(|at| self.looked.get(at)),
        };
        byte.map(u8::to_ascii_lowercase)
    }

    fn matches(&self, rest: &[u8], start: isize, pattern: &[u8]) -> Match {
        for (i, expected) in pattern.iter().enumerate() {
            match self.byte(rest, start + i as isize) {
                Some(byte) if byte == *expected => {}
                Some(_) => return Match::No,
                None => return Match::Partial,
            }
        }
        Match::Whole
    }

    /// Looks for the next pattern in `rest`; what is before it (or cannot belong to one) goes to `out`.
    fn step(&mut self, rest: &mut Bytes, flush: bool, out: &mut BytesMut) -> Step {
        let mut end = rest.len() as isize;
        let mut offset = self.offset;
        let mut found = None;
        let mut partial = false;
        if self.over {
            offset = end + self.least - 1;
            partial = true;
        }
        while !partial && found.is_none() && offset < end {
            let byte = self.byte(rest, offset).unwrap_or_default();
            let shift = self.shift[usize::from(byte)];
            if shift > 0 {
                offset += isize::from(shift as i8 as u8 as i16);
                continue;
            }
            let start = offset - self.least + 1;
            let last = (self.least - 1) as usize;
            let first = self.index;
            for i in first..self.pairs.len() {
                let pair = &self.pairs[i];
                if pair.pattern[last] != byte || self.once && pair.used {
                    continue;
                }
                match self.matches(rest, start, &pair.pattern) {
                    Match::No => continue,
                    Match::Partial => partial = true,
                    Match::Whole => found = Some((start, pair.pattern.len() as isize)),
                }
                self.index = i;
                break;
            }
            if found.is_none() && !partial {
                offset += 1;
                self.index = 0;
            }
        }
        if let Some((start, len)) = found {
            let next = start + len;
            self.offset = offset + len;
            end = next.max(0);
            self.give(rest, start, next, end, out);
            return Step::Found { behind: start > 0 };
        }
        if flush && !partial {
            offset = self.skip_to_partial(rest, offset, end);
        }
        self.offset = offset;
        let start = offset - self.least + 1;
        self.give(rest, start, start, end, out);
        Step::End
    }

    /// The first place where a pattern may have begun, so that all before it need not be held back.
    fn skip_to_partial(&self, rest: &[u8], mut offset: isize, end: isize) -> isize {
        loop {
            let start = offset - self.least + 1;
            if start >= end {
                return offset;
            }
            let begun = self
                .pairs
                .iter()
                .any(|pair| matches!(self.matches(rest, start, &pair.pattern), Match::Partial));
            if begun {
                return offset;
            }
            offset += 1;
        }
    }

    /// Gives out what stands before `start`, keeps `next..end`, and forgets the rest up to `end`.
    fn give(
        &mut self,
        rest: &mut Bytes,
        start: isize,
        next: isize,
        end: isize,
        out: &mut BytesMut,
    ) {
        let looked = self.looked.len();
        let of_looked = looked.saturating_sub(start.min(0).unsigned_abs());
        out.extend_from_slice(&self.looked[..of_looked]);
        let ahead = start.max(0) as usize;
        out.extend_from_slice(rest.get(..ahead).unwrap_or(rest));
        let kept = next.min(0).unsigned_abs().min(looked);
        self.looked.drain(..looked - kept);
        let from = next.max(0) as usize;
        self.looked
            .extend_from_slice(rest.get(from..end as usize).unwrap_or_default());
        bytes::Buf::advance(rest, (end as usize).min(rest.len()));
        self.offset -= end;
    }
}

impl BodyFilter for Filter {
    fn head_made(&mut self, r: &Request) {
        for pair in &mut self.pairs {
            pair.replacement = variables::evaluate_for_later(&pair.template, r);
        }
    }

    fn pass(&mut self, portion: Portion, out: &mut Vec<Portion>) -> Result<(), Failed> {
        if self.over {
            out.push(portion);
            return Ok(());
        }
        let mut rest = portion.bytes;
        let mut given = BytesMut::with_capacity(rest.len() + 64);
        let flush = (portion.flush || portion.recycled) && !portion.more;
        while !rest.is_empty() {
            if let Step::Found { behind } = self.step(&mut rest, flush, &mut given) {
                // nginx copies what the buffer is to each of its parts, and a replacement is none.
                if behind && portion.flush {
                    out.push(Portion {
                        bytes: given.split().freeze(),
                        flush: true,
                        more: true,
                        ..Portion::default()
                    });
                }
                let pair = &mut self.pairs[self.index];
                given.extend_from_slice(&pair.replacement);
                pair.used = true;
                self.index = 0;
                self.applied += 1;
                self.over = self.once && self.applied == self.pairs.len();
            }
        }
        if portion.last {
            given.extend_from_slice(&std::mem::take(&mut self.looked));
        }
        if !given.is_empty() || portion.flush || portion.last {
            out.push(Portion {
                bytes: given.freeze(),
                ..portion
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of portions, joined.
    fn run(pairs: &[(&str, &str)], once: bool, portions: &[&str]) -> String {
        let pairs = pairs.iter().map(|(pattern, replacement)| Pair {
            pattern: Bytes::copy_from_slice(pattern.as_bytes()),
            replacement: Bytes::copy_from_slice(replacement.as_bytes()),
            template: Template::literal(&b""[..]),
            used: false,
        });
        let mut filter = Filter::new(pairs.collect(), once).expect("patterns");
        let mut out = Vec::new();
        for (i, text) in portions.iter().enumerate() {
            let portion = Portion {
                bytes: Bytes::copy_from_slice(text.as_bytes()),
                recycled: i + 1 < portions.len(),
                last: i + 1 == portions.len(),
                ..Portion::default()
            };
            filter.pass(portion, &mut out).expect("no failure");
        }
        let all: Vec<u8> = out.iter().flat_map(|p| p.bytes.to_vec()).collect();
        String::from_utf8(all).expect("text")
    }

    #[test]
    fn texts_are_replaced_in_any_case() {
        assert_eq!(run(&[("ab", "X")], false, &["AB aB x"]), "X X x");
        assert_eq!(run(&[("ab", "X")], true, &["ab ab"]), "X ab");
        assert_eq!(run(&[("ab", ""), ("c", "d")], true, &["abcabc"]), "dabc");
    }

    #[test]
    fn a_text_may_lie_across_portions() {
        let text = "xxhello worldhellyhello";
        for cut in 0..=text.len() {
            for second in cut..=text.len() {
                let portions = [&text[..cut], &text[cut..second], &text[second..]];
                let got = run(&[("hello", "-"), ("world", "+")], false, &portions);
                assert_eq!(got, "xx- +helly-", "{portions:?}");
            }
        }
    }

    #[test]
    fn the_first_that_begins_wins() {
        assert_eq!(run(&[("bc", "1"), ("abc", "2")], false, &["abc"]), "2");
        assert_eq!(run(&[("ab", "1"), ("abc", "2")], false, &["abc"]), "1c");
    }

    #[test]
    fn a_beginning_at_the_end_is_given_out() {
        assert_eq!(run(&[("hello", "-")], false, &["hel", "hell"]), "helhell");
    }
}
