//! Chunked bodies (RFC 9112 section 7.1), both directions, as nginx reads and writes them.
//!
//! nginx is lenient in lines (a bare LF ends one, what follows `;`, a space or a tab is ignored, trailers are dropped) and
//! strict in sizes: hex digits, at most `i64::MAX / 16`.

use bytes::{Bytes, BytesMut};

use super::chars::{CR, LF};

/// Whose body it is; decides nginx's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Request,
    Answer,
}

/// What is no chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// nginx answers 400.
    #[error("client sent invalid chunked body")]
    Request,
    /// nginx cuts the answer.
    #[error("upstream sent invalid chunked response")]
    Answer,
}

/// What comes next in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// Bytes of the body, never empty; not necessarily a whole chunk.
    Data(Bytes),
    /// More input is needed: everything so far was consumed.
    More,
    /// The last chunk and the trailers were consumed, and nothing beyond them.
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Size,
    Extension,
    ExtensionAlmostDone,
    Data,
    AfterData,
    AfterDataAlmostDone,
    LastExtension,
    LastExtensionAlmostDone,
    Trailer,
    TrailerAlmostDone,
    TrailerField,
    TrailerFieldAlmostDone,
    Ended,
}

/// Takes a chunked body apart.
#[derive(Debug, Clone)]
pub struct ChunkDecoder {
    state: State,
    /// What is left of the current chunk.
    size: u64,
    side: Side,
}

const MAX: u64 = i64::MAX as u64;

impl ChunkDecoder {
    pub fn new(side: Side) -> Self {
        ChunkDecoder {
            state: State::Start,
            size: 0,
            side,
        }
    }

    /// What is next in `buf`, consuming it. After `End` it stays `End` and consumes nothing.
    ///
    /// Errors: [`ChunkError`]; the decoder is of no use afterwards.
    pub fn next(&mut self, buf: &mut BytesMut) -> Result<Chunk, ChunkError> {
        let mut read = 0;
        while let Some(&ch) = buf.get(read) {
            match self.state {
                State::Ended => break,
                State::Data if self.size == 0 => self.state = State::AfterData,
                State::Data => {
                    bytes::Buf::advance(buf, read);
                    let here = usize::try_from(self.size)
                        .unwrap_or(usize::MAX)
                        .min(buf.len());
                    self.size -= here as u64;
                    return Ok(Chunk::Data(buf.split_to(here).freeze()));
                }
                State::Extension | State::LastExtension | State::TrailerField
                    if ch != CR && ch != LF =>
                {
                    let rest = buf.get(read..).unwrap_or_default();
                    read += memchr::memchr2(CR, LF, rest).unwrap_or(rest.len());
                }
                _ => {
                    self.state = self.step(ch).ok_or(match self.side {
                        Side::Request => ChunkError::Request,
                        Side::Answer => ChunkError::Answer,
                    })?;
                    read += 1;
                }
            }
        }
        bytes::Buf::advance(buf, read);
        Ok(match self.state {
            State::Ended => Chunk::End,
            _ => Chunk::More,
        })
    }

    /// The current chunk's data goes on.
    pub fn is_within_data(&self) -> bool {
        self.size > 0
    }

    /// Where a byte of framing leads; `None`: it may not stand there.
    fn step(&mut self, ch: u8) -> Option<State> {
        Some(match (self.state, ch) {
            (State::Start, _) => {
                self.size = hex(ch)?;
                State::Size
            }
            (State::Size, _) => return self.in_size(ch),
            (State::Extension, CR) => State::ExtensionAlmostDone,
            (State::Extension | State::ExtensionAlmostDone, LF) => State::Data,
            (State::AfterData, CR) => State::AfterDataAlmostDone,
            (State::AfterData | State::AfterDataAlmostDone, LF) => State::Start,
            (State::LastExtension, CR) => State::LastExtensionAlmostDone,
            (State::LastExtension | State::LastExtensionAlmostDone, LF) => State::Trailer,
            (State::Trailer, CR) => State::TrailerAlmostDone,
            (State::Trailer | State::TrailerAlmostDone, LF) => State::Ended,
            (State::Trailer, _) => State::TrailerField,
            (State::TrailerField, CR) => State::TrailerFieldAlmostDone,
            (State::TrailerField | State::TrailerFieldAlmostDone, LF) => State::Trailer,
            _ => return None,
        })
    }

    fn in_size(&mut self, ch: u8) -> Option<State> {
        // Whatever byte comes behind so large a number, nginx refuses it.
        if self.size > MAX / 16 {
            return None;
        }
        if let Some(digit) = hex(ch) {
            self.size = self.size * 16 + digit;
            return (self.size <= MAX - 5).then_some(State::Size);
        }
        let last = self.size == 0;
        Some(match ch {
            CR if last => State::LastExtensionAlmostDone,
            LF if last => State::Trailer,
            b';' | b' ' | b'\t' if last => State::LastExtension,
            CR => State::ExtensionAlmostDone,
            LF => State::Data,
            b';' | b' ' | b'\t' => State::Extension,
            _ => return None,
        })
    }

    /// Bytes of the current chunk that were not given out yet. With the length of the first `Data` of a chunk, its whole size.
    pub fn rest(&self) -> u64 {
        self.size
    }

    /// The least number of bytes still to come, for the size of the next read.
    pub fn wanted(&self) -> u64 {
        match self.state {
            State::Start => 3,
            State::Size if self.size == 0 => 2,
            State::Size | State::Extension | State::ExtensionAlmostDone => self.size + 5,
            State::Data => self.size + 4,
            State::AfterData | State::AfterDataAlmostDone => 4,
            State::LastExtension | State::LastExtensionAlmostDone => 2,
            State::Trailer | State::TrailerAlmostDone => 1,
            State::TrailerField | State::TrailerFieldAlmostDone => 2,
            State::Ended => 0,
        }
    }
}

fn hex(ch: u8) -> Option<u64> {
    char::from(ch).to_digit(16).map(u64::from)
}

/// Writes the line before a chunk of `len` bytes: lower-case hex digits, CRLF. CRLF follows the chunk too; `0` CRLF CRLF ends the body.
pub fn write_chunk_head(out: &mut BytesMut, len: usize) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (len >> (place * 4) & 0xf) as u8;
        let ch = if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        };
        bytes::BufMut::put_u8(out, ch);
    }
    out.extend_from_slice(b"\r\n");
}
