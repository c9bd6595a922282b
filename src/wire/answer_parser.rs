//! Reads the head of an upstream's answer as nginx's proxy does (`ngx_http_proxy_process_status_line`, `_process_header`).
//!
//! A head is limited by `proxy_buffer_size`, which the caller decides: too big ("upstream sent too big header while
//! reading response header from upstream", 502) is an answer of `More` with as many bytes in the buffer, or a head whose `raw` is longer.

use bytes::BytesMut;

use super::chars::{CR, LF, NameByte, contains_ignoring_case, decimal, name_byte};
use super::field_line::{FieldLine, LineStep, Rules};
use super::head::{AnswerHead, Field, Known, Piece};
use super::known::known;

/// Why a head cannot be used; nginx answers 502 or asks the next upstream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The line up to the wrong byte, and that byte. [`AnswerError::message`] has nginx's words in bytes.
    #[error("upstream sent invalid header: \"{}\\x{:02x}...\"", .line.escape_ascii(), .byte)]
    InvalidHeader { line: Vec<u8>, byte: u8 },
}

impl AnswerError {
    /// nginx's message (level error), without its context.
    pub fn message(&self) -> Vec<u8> {
        let AnswerError::InvalidHeader { line, byte } = self;
        let mut message = b"upstream sent invalid header: \"".to_vec();
        message.extend_from_slice(line);
        message.extend_from_slice(format!("\\x{byte:02x}...\"").as_bytes());
        message
    }
}

/// What came of the bytes so far.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // made once an answer and taken apart at once
pub enum AnswerStep {
    More,
    /// The head was split off the buffer; the body follows.
    Done(AnswerHead),
    Bad(AnswerError),
    /// No status line: nginx logs an error and takes what there is for the body of an HTTP/0.9 answer: it is given to the client without any
    /// head (`$upstream_status` 200, the connection to the upstream not kept). What is left in the buffer is that body; bytes
    /// that an earlier call took for the beginning of a status line are lost, as they are in nginx.
    NoStatusLine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of `HTTP/` were seen.
    Protocol(u8),
    FirstMajor,
    Major,
    FirstMinor,
    Minor,
    Status,
    AfterStatus,
    Text,
    AlmostDone,
    Fields,
}

/// What was read of an answer's head.
#[derive(Debug, Clone)]
pub struct AnswerState {
    state: State,
    pos: usize,
    major: u32,
    minor: u32,
    status: u16,
    digits: u8,
    status_line: Piece,
    field: FieldLine,
    fields: Vec<Field>,
}

impl Default for AnswerState {
    fn default() -> Self {
        AnswerState::new()
    }
}

impl AnswerState {
    pub fn new() -> Self {
        AnswerState {
            state: State::Protocol(0),
            pos: 0,
            major: 0,
            minor: 0,
            status: 0,
            digits: 0,
            status_line: Piece::default(),
            field: FieldLine::new(),
            fields: Vec::new(),
        }
    }

    fn has_status(&self) -> bool {
        self.state == State::Fields
    }

    /// Reads the status line. `Some(false)`: there is none.
    fn read_status_line(&mut self, data: &[u8]) -> Option<bool> {
        // `pos` moves only when the call is over: in an answer without a status line, what this call read is body.
        let mut i = match self.pos {
            0 => self.common_status_line(data).unwrap_or(0),
            before => before,
        };
        while let Some(&ch) = data.get(i) {
            if self.state == State::Text {
                let rest = data.get(i..).unwrap_or_default();
                match memchr::memchr2(CR, LF, rest) {
                    Some(0) => {}
                    found => {
                        i += found.unwrap_or(rest.len());
                        continue;
                    }
                }
            }
            match self.step(ch, i) {
                Some(State::Fields) => {
                    if self.status_line.end == 0 {
                        self.status_line.end = i as u32;
                    }
                    self.state = State::Fields;
                    self.pos = i + 1;
                    return Some(true);
                }
                Some(state) => self.state = state,
                None => return Some(false),
            }
            i += 1;
        }
        self.pos = i;
        None
    }

    /// Takes the beginning that nearly every answer has at once, `HTTP/1.1 200 `; gives its length.
    fn common_status_line(&mut self, data: &[u8]) -> Option<usize> {
        let Some(
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'1',
                b'.',
                minor @ (b'0' | b'1'),
                b' ',
                status @ ..,
                b' ',
            ],
        ) = data.first_chunk::<13>()
        else {
            return None;
        };
        if !status.iter().all(u8::is_ascii_digit) {
            return None;
        }
        (self.major, self.minor) = (1, u32::from(minor - b'0'));
        let value = |status, digit: &u8| status * 10 + u16::from(digit - b'0');
        self.status = status.iter().fold(0, value);
        self.digits = 3;
        self.status_line.start = 9;
        self.state = State::Text;
        Some(13)
    }

    fn step(&mut self, ch: u8, at: usize) -> Option<State> {
        let digit = ch.wrapping_sub(b'0');
        Some(match (self.state, ch) {
            (State::Protocol(seen), _) => {
                if b"HTTP/".get(usize::from(seen)) != Some(&ch) {
                    return None;
                }
                if seen == 4 {
                    State::FirstMajor
                } else {
                    State::Protocol(seen + 1)
                }
            }
            (State::FirstMajor, b'1'..=b'9') => {
                self.major = u32::from(digit);
                State::Major
            }
            (State::Major, b'.') => State::FirstMinor,
            (State::Major, b'0'..=b'9') if self.major <= 99 => {
                self.major = self.major * 10 + u32::from(digit);
                State::Major
            }
            (State::FirstMinor, b'0'..=b'9') => {
                self.minor = u32::from(digit);
                State::Minor
            }
            (State::Minor, b' ') => State::Status,
            (State::Minor, b'0'..=b'9') if self.minor <= 99 => {
                self.minor = self.minor * 10 + u32::from(digit);
                State::Minor
            }
            (State::Status, b' ') => State::Status,
            (State::Status, b'0'..=b'9') => {
                self.status = self.status * 10 + u16::from(digit);
                self.digits += 1;
                if self.digits < 3 {
                    State::Status
                } else {
                    self.status_line.start = at as u32 - 2;
                    State::AfterStatus
                }
            }
            // some servers send 403.1 and the like
            (State::AfterStatus, b' ' | b'.') => State::Text,
            (State::AfterStatus | State::Text, CR) => State::AlmostDone,
            (State::AfterStatus | State::Text, LF) => State::Fields,
            (State::AlmostDone, LF) => {
                self.status_line.end = at as u32 - 1;
                State::Fields
            }
            _ => return None,
        })
    }
}

/// Reads on in `buf`, which begins at the same byte until the head is done.
pub fn parse_answer(buf: &mut BytesMut, state: &mut AnswerState) -> AnswerStep {
    if !state.has_status() {
        match state.read_status_line(buf) {
            None => return AnswerStep::More,
            Some(true) => {}
            Some(false) => {
                bytes::Buf::advance(buf, state.pos.min(buf.len()));
                return AnswerStep::NoStatusLine;
            }
        }
    }
    let rules = Rules {
        underscores: true,
        upstream: true,
    };
    loop {
        match state.field.advance(buf, &mut state.pos, rules) {
            LineStep::More => return AnswerStep::More,
            LineStep::Field => {
                let name = state.field.name;
                // nginx takes such a field for a deleted one: its hash is 0.
                if name.of(buf).iter().all(|ch| is_odd(*ch)) {
                    continue;
                }
                if state.fields.capacity() == 0 {
                    state.fields.reserve(16);
                }
                state.fields.push(Field {
                    name,
                    value: state.field.value,
                    known: known(name.of(buf)),
                });
            }
            LineStep::HeadDone => return AnswerStep::Done(done(buf, std::mem::take(state))),
            LineStep::Invalid => {
                let at = state.field.error_at;
                let line = Piece {
                    start: state.field.name.start,
                    end: at,
                };
                return AnswerStep::Bad(AnswerError::InvalidHeader {
                    line: line.of(buf).to_vec(),
                    byte: buf.get(at as usize).copied().unwrap_or_default(),
                });
            }
        }
    }
}

/// A byte that may not stand in a name (here `_` may).
fn is_odd(ch: u8) -> bool {
    !matches!(name_byte(ch), NameByte::Plain | NameByte::Underscore)
}

fn done(buf: &mut BytesMut, state: AnswerState) -> AnswerHead {
    let version = state.major * 1000 + state.minor;
    let mut head = AnswerHead {
        raw: buf.split_to(state.pos).freeze(),
        version,
        status: state.status,
        status_line: state.status_line,
        fields: state.fields,
        content_length: None,
        chunked: false,
        connection_close: version < 1001,
    };
    for field in &head.fields {
        let value = field.value.of(&head.raw);
        match field.known {
            Known::ContentLength => head.content_length = decimal(value),
            Known::TransferEncoding => {
                head.chunked |= contains_ignoring_case(value, b"chunked");
            }
            Known::Connection => head.connection_close |= contains_ignoring_case(value, b"close"),
            _ => {}
        }
    }
    if head.chunked {
        head.content_length = None;
    }
    head
}
