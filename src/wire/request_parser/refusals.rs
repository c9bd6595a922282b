//! Heads that are not read on: with which status, with which of nginx's messages, and how much of the head is known.

use bytes::BytesMut;

use crate::wire::chars::{CR, LF};
use crate::wire::head::{BadHead, Piece, Reading};
use crate::wire::request_fields::Refusal;
use crate::wire::request_line::LineError;

use super::{HeadReader, Step};

impl HeadReader {
    /// A line that cannot be read. What nginx calls the request is what it has, up to a line's end.
    pub(super) fn refuse_line(&mut self, buf: &mut BytesMut, error: LineError) -> Step {
        let status = match error {
            LineError::Version => 505,
            _ => 400,
        };
        // Of all these only the wrong method of HTTP/0.9 is noticed after the version was.
        if error != LineError::Method09 {
            self.line.forget_version();
        }
        let visible = self.visible(buf);
        let data = buf.get(..visible).unwrap_or_default();
        let end = memchr::memchr2(CR, LF, data).unwrap_or(visible);
        self.line.end = end as u32;
        self.pos = self.pos.max(end);
        self.refuse(buf, Refusal::new(status, &error.to_string()), true, true)
    }

    pub(super) fn refuse_field(&mut self, buf: &mut BytesMut) -> Step {
        let shown = Piece {
            start: self.field.name.start,
            end: self.field.error_at,
        };
        let mut refusal = Refusal::new(400, "client sent invalid header line: \"");
        refusal.message.extend_from_slice(shown.of(buf));
        let wrong = buf.get(self.field.error_at as usize).copied();
        let wrong = format!("\\x{:02x}...\"", wrong.unwrap_or_default());
        refusal.message.extend_from_slice(wrong.as_bytes());
        self.pos = self.pos.max(self.field.error_at as usize + 1);
        self.refuse(buf, refusal, false, true)
    }

    pub(super) fn refuse_long_field(&mut self, buf: &mut BytesMut) -> Step {
        // nginx's longest log line, less what surrounds this.
        const LONGEST: usize = 2048 - 300;
        let start = self.field.name.start as usize;
        let refusal = if start < self.fields_start {
            Refusal::new(494, "client sent too large request")
        } else {
            let end = self.pos.min(start + LONGEST);
            let mut refusal = Refusal::new(494, "client sent too long header line: \"");
            let mut shown = buf.get(start..end).unwrap_or_default().to_vec();
            self.mark_ends(&mut shown, start);
            refusal.message.append(&mut shown);
            refusal.message.extend_from_slice(b"...\"");
            refusal
        };
        self.refuse(buf, refusal, false, true)
    }

    /// Where it is the last whole field that is shown, nginx has already written a zero behind its name and its value.
    fn mark_ends(&self, shown: &mut [u8], start: usize) {
        let Some(last) = self.fields.list.last() else {
            return;
        };
        if self.field.is_start() && last.name.start as usize == start {
            for end in [last.name.end, last.value.end] {
                if let Some(byte) = shown.get_mut((end as usize).saturating_sub(start)) {
                    *byte = 0;
                }
            }
        }
    }

    pub(super) fn refuse(
        &mut self,
        buf: &mut BytesMut,
        refusal: Refusal,
        in_request_line: bool,
        linger: bool,
    ) -> Step {
        let reading = match in_request_line {
            true => Reading::RequestLine,
            false => Reading::Fields,
        };
        let bad = BadHead {
            in_request_line,
            reading,
            ..self.bad(buf, refusal, linger)
        };
        self.refused(buf, bad)
    }

    pub(super) fn bad(&self, buf: &BytesMut, refusal: Refusal, linger: bool) -> BadHead {
        BadHead {
            status: refusal.status,
            message: refusal.message,
            reading: Reading::Fields,
            in_request_line: false,
            whole: false,
            linger: linger || self.pos < buf.len(),
        }
    }

    pub(super) fn refused(&mut self, buf: &mut BytesMut, bad: BadHead) -> Step {
        let raw = buf.split_to(self.pos.min(buf.len())).freeze();
        let reader = std::mem::take(self);
        Step::Done(reader.head(raw, Some(bad)))
    }
}
