//! One header line, of a request or of an upstream's answer, read as it comes (`ngx_http_parse_header_line`).
//!
//! nginx's language, not quite that of RFC 9112 section 5: a line without a colon is a field with an empty value; only
//! spaces (not tabs) are trimmed; a bare LF ends a line; more than one CR may come before it; controls but NUL, CR and LF may stand in a value.

use super::chars::{CR, LF, NameByte, name_byte};
use super::head::Piece;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Name,
    SpaceBeforeValue,
    Value,
    IgnoreLine,
    AlmostDone,
    HeadAlmostDone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineStep {
    More,
    /// A field is in `name` and `value`.
    Field,
    /// The empty line.
    HeadDone,
    /// A byte that makes the head malformed, at `error_at`.
    Invalid,
}

/// Whose lines they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// `_` may stand in a valid name.
    pub underscores: bool,
    /// Answers: a line that begins with `HTTP/` is skipped (some servers repeat their status line).
    pub upstream: bool,
}

/// The line being read, or the last one; offsets count from the beginning of the head.
#[derive(Debug, Clone)]
pub(crate) struct FieldLine {
    state: State,
    pub name: Piece,
    pub value: Piece,
    /// The name holds a byte that a name may not hold.
    pub invalid_name: bool,
    /// nginx's `header_end`: the byte that its message shows.
    pub error_at: u32,
}

impl FieldLine {
    pub fn new() -> Self {
        FieldLine {
            state: State::Start,
            name: Piece::default(),
            value: Piece::default(),
            invalid_name: false,
            error_at: 0,
        }
    }

    /// Between two lines.
    pub fn is_start(&self) -> bool {
        self.state == State::Start
    }

    /// Reads on in `data` (the head from its first byte) at `pos`.
    pub fn advance(&mut self, data: &[u8], pos: &mut usize, rules: Rules) -> LineStep {
        if self.state == State::Start && self.common_line(data, pos).is_some() {
            return LineStep::Field;
        }
        let mut i = *pos;
        let step = loop {
            let Some(&ch) = data.get(i) else {
                break LineStep::More;
            };
            match self.state {
                State::Start => match self.at_start(ch, &mut i, rules) {
                    Some(step) => break step,
                    None => continue,
                },
                State::Name => match self.in_name(data, &mut i, rules) {
                    Some(step) => break step,
                    None => continue,
                },
                State::SpaceBeforeValue => {
                    match ch {
                        b' ' => {}
                        0 => break self.invalid(i),
                        _ => {
                            self.value.start = i as u32;
                            self.state = State::Value;
                            continue;
                        }
                    }
                    i += 1;
                }
                State::Value => match self.in_value(data, &mut i) {
                    Some(step) => break step,
                    None => continue,
                },
                State::IgnoreLine => {
                    if ch == LF {
                        self.state = State::Start;
                    }
                    i += 1;
                }
                State::AlmostDone => {
                    i += 1;
                    match ch {
                        LF => break LineStep::Field,
                        CR => {}
                        _ => break LineStep::Invalid,
                    }
                }
                State::HeadAlmostDone => {
                    i += 1;
                    break if ch == LF {
                        LineStep::HeadDone
                    } else {
                        LineStep::Invalid
                    };
                }
            }
        };
        *pos = i;
        if matches!(step, LineStep::Field | LineStep::HeadDone) {
            self.state = State::Start;
        }
        step
    }

    /// Takes a line that is there as a whole and written as nearly every one is, `Name: value`, at once.
    fn common_line(&mut self, data: &[u8], pos: &mut usize) -> Option<()> {
        let line = data.get(*pos..)?;
        let name = line
            .iter()
            .position(|ch| name_byte(*ch) != NameByte::Plain)?;
        let value = name + 2;
        let rest = line.get(value..)?;
        let length = memchr::memchr3(CR, LF, 0, rest)?;
        let spaced = rest.first() == Some(&b' ') || rest.get(..length)?.last() == Some(&b' ');
        if name == 0
            || line.get(name..value) != Some(b": ")
            || rest.get(length..length + 2) != Some(b"\r\n")
            || spaced
        {
            return None;
        }
        let start = *pos as u32;
        let end = start + (value + length) as u32;
        self.name = Piece {
            start,
            end: start + name as u32,
        };
        self.value = Piece {
            start: start + value as u32,
            end,
        };
        self.invalid_name = false;
        self.error_at = end;
        *pos += value + length + 2;
        Some(())
    }

    /// The first byte of a line.
    #[inline]
    fn at_start(&mut self, ch: u8, i: &mut usize, rules: Rules) -> Option<LineStep> {
        self.name.start = *i as u32;
        self.invalid_name = false;
        match ch {
            CR => {
                self.error_at = *i as u32;
                self.state = State::HeadAlmostDone;
                *i += 1;
            }
            LF => {
                *i += 1;
                return Some(LineStep::HeadDone);
            }
            b':' => return Some(self.invalid(*i)),
            _ => match name_byte(ch) {
                NameByte::Control => return Some(self.invalid(*i)),
                NameByte::Plain => self.state = State::Name,
                NameByte::Underscore if rules.underscores => self.state = State::Name,
                _ => {
                    self.invalid_name = true;
                    self.state = State::Name;
                    *i += 1;
                }
            },
        }
        None
    }

    #[inline]
    fn in_value(&mut self, data: &[u8], i: &mut usize) -> Option<LineStep> {
        let rest = data.get(*i..).unwrap_or_default();
        let Some(found) = memchr::memchr3(CR, LF, 0, rest) else {
            *i = data.len();
            return Some(LineStep::More);
        };
        *i += found;
        match data.get(*i) {
            Some(&0) => return Some(self.invalid(*i)),
            Some(&end) => {
                self.value_ends(data, *i);
                *i += 1;
                if end == LF {
                    return Some(LineStep::Field);
                }
                self.state = State::AlmostDone;
            }
            None => return Some(LineStep::More),
        }
        None
    }

    fn in_name(&mut self, data: &[u8], i: &mut usize, rules: Rules) -> Option<LineStep> {
        loop {
            let rest = data.get(*i..).unwrap_or_default();
            let plain = |ch: &u8| name_byte(*ch) == NameByte::Plain;
            let Some(at) = rest.iter().position(|ch| !plain(ch)) else {
                *i = data.len();
                return Some(LineStep::More);
            };
            *i += at;
            let ch = rest.get(at).copied().unwrap_or_default();
            match name_byte(ch) {
                NameByte::Plain => {}
                NameByte::Colon => {
                    self.name.end = *i as u32;
                    self.state = State::SpaceBeforeValue;
                    *i += 1;
                    return None;
                }
                NameByte::Underscore => self.invalid_name |= !rules.underscores,
                NameByte::Control if ch == CR || ch == LF => {
                    self.name.end = *i as u32;
                    self.value = Piece {
                        start: *i as u32,
                        end: *i as u32,
                    };
                    self.error_at = *i as u32;
                    *i += 1;
                    if ch == LF {
                        return Some(LineStep::Field);
                    }
                    self.state = State::AlmostDone;
                    return None;
                }
                NameByte::Control => return Some(self.invalid(*i)),
                NameByte::Slash
                    if rules.upstream
                        && data.get(self.name.start as usize..*i) == Some(b"HTTP") =>
                {
                    self.state = State::IgnoreLine;
                    *i += 1;
                    return None;
                }
                NameByte::Slash | NameByte::Odd => self.invalid_name = true,
            }
            *i += 1;
        }
    }

    /// The value ends before `end`, its trailing spaces (but not tabs) left out.
    fn value_ends(&mut self, data: &[u8], end: usize) {
        let start = self.value.start as usize;
        let mut last = end;
        while last > start && data.get(last - 1) == Some(&b' ') {
            last -= 1;
        }
        self.value.end = last as u32;
        self.error_at = last as u32;
    }

    fn invalid(&mut self, at: usize) -> LineStep {
        self.error_at = at as u32;
        LineStep::Invalid
    }
}
