//! The receiving side of an exchange: the answer's head, and its body by its framing.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use tokio::io::ReadBuf;

use crate::wire::answer_parser::{AnswerStep, parse_answer};
use crate::wire::chunked::{Chunk, ChunkDecoder, Side};
use crate::wire::head::AnswerHead;

use super::buffer::BodyBuffer;
use super::failure::{READING, READING_HEAD};
use super::{Exchange, Failure, Framing, Link, Reading};

/// Most bytes of a body read at a time: as many as nginx's buffers take.
const BODY_READ: usize = 32 * 1024;
/// With less room than this, a body is read elsewhere first, so that a read does not become many.
const DIRECT: usize = 8 * 1024;
/// In the words of nginx's log.
const MORE_THAN_SAID: &str = "more data than specified in \"Content-Length\" header";

impl Exchange {
    pub(super) fn try_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ready!(self.poll_connect(cx))?;
        let send = self.poll_send(cx);
        loop {
            match self.step_head()? {
                true => {
                    self.renew_time();
                    return Poll::Ready(Ok(()));
                }
                false if self.input.len() >= self.limits.head => {
                    return Poll::Ready(Err(Failure::TooBig));
                }
                false => {}
            }
            let room = self.limits.head - self.input.len();
            match self.poll_read(cx, room, "recv", READING_HEAD) {
                Poll::Ready(Ok(0)) => {
                    // What broke the sending tells more than that nothing came back.
                    if let Poll::Ready(Err(failure)) = send {
                        return Poll::Ready(Err(failure));
                    }
                    return Poll::Ready(Err(Failure::Closed(READING_HEAD)));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {
                    if let Poll::Ready(Err(failure)) = send {
                        return Poll::Ready(Err(failure));
                    }
                    let action = if self.request_sent() {
                        READING_HEAD
                    } else {
                        "sending request to upstream"
                    };
                    return self.poll_timer(cx, action);
                }
            }
        }
    }

    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        call: &'static str,
        action: &'static str,
    ) -> Poll<Result<usize, Failure>> {
        let Link::Up(connection) = &self.link else {
            return Poll::Ready(Ok(0));
        };
        let read = ready!(connection.stream.poll_read(cx, &mut self.input, room));
        Poll::Ready(self.after_read(read, call, action))
    }

    /// Reads a body's bytes to where they are wanted; `None` where they must pass through the input: there is too
    /// little room, they are still framed, or they are slowed down.
    fn poll_read_direct(
        &mut self,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Option<Poll<Result<usize, Failure>>> {
        let Link::Up(connection) = &self.link else {
            return None;
        };
        let rest = match self.framing {
            Framing::Length(rest) => usize::try_from(rest).unwrap_or(usize::MAX),
            Framing::Close => usize::MAX,
            _ => return None,
        };
        let most = room.remaining().min(rest).min(BODY_READ);
        if self.limits.rate > 0 || most < rest.min(DIRECT) {
            return None;
        }
        let read = connection.stream.poll_read_into(cx, room, most);
        let (call, action) = self.reading_by();
        Some(read.map(|read| {
            let n = self.after_read(read, call, action)?;
            if let Framing::Length(rest) = &mut self.framing {
                *rest -= n as u64;
            }
            Ok(n)
        }))
    }

    /// Counts what was read, and gives the peer its time anew; a head has its time as a whole, as in nginx.
    fn after_read(
        &mut self,
        read: io::Result<usize>,
        call: &'static str,
        action: &'static str,
    ) -> Result<usize, Failure> {
        let n = read.map_err(|error| Failure::Io {
            call,
            error,
            action,
        })?;
        self.received(n);
        if self.answer.is_some() || self.bare {
            self.renew_time();
        }
        Ok(n)
    }

    /// More may take as long as the first did, unless the request is what is waited for.
    fn renew_time(&self) {
        if self.request_sent() {
            self.client.upstream_timer.set(self.limits.read);
        }
    }

    /// Counts bytes read. Those behind the head are the answer's length, framing included, as nginx reckons it.
    fn received(&mut self, n: usize) {
        let n = n as u64;
        let of_body = self.body_begun;
        if of_body && n > 0 && self.reading == Reading::WithHead {
            self.reading = Reading::Begun;
        }
        if self.answer.is_some() || self.bare {
            self.behind_head += n;
        }
        self.states.last(|s| {
            s.bytes_received += n;
            if of_body {
                s.response_length += n;
            }
        });
    }

    /// The answer's body is going to be passed on: what came of it so far counts, and what will come.
    pub fn begin_body(&mut self) {
        if std::mem::replace(&mut self.body_begun, true) {
            return;
        }
        let n = self.behind_head;
        self.states.last(|s| s.response_length += n);
    }

    /// Parses what arrived; true once the head is whole.
    pub(super) fn step_head(&mut self) -> Result<bool, Failure> {
        if self.input.is_empty() {
            return Ok(false);
        }
        match parse_answer(&mut self.input, &mut self.parser) {
            AnswerStep::More => Ok(false),
            AnswerStep::Done(head) => {
                self.behind_head = self.input.len() as u64;
                self.accept(head);
                Ok(true)
            }
            AnswerStep::NoStatusLine => {
                self.bare = true;
                self.behind_head = self.input.len() as u64;
                self.framing = match self.head_request {
                    true => Framing::None,
                    false => Framing::Close,
                };
                if self.head_request {
                    self.excess = Some(MORE_THAN_SAID);
                }
                self.states.last(|s| s.status = 200);
                Ok(true)
            }
            AnswerStep::Bad(error) => Err(Failure::Invalid(error.to_string())),
        }
    }

    /// Decides the framing by the head (RFC 9112, section 6.3, in nginx's reading).
    pub(super) fn accept(&mut self, head: AnswerHead) {
        self.reusable = !head.connection_close;
        self.framing = if head.status == 101 && self.upgrade {
            Framing::None
        } else if matches!(head.status, 204 | 304) || self.head_request {
            // A body that came all the same with the head of an answer to HEAD is dropped.
            if self.head_request {
                self.input.clear();
            }
            Framing::None
        } else if head.chunked {
            Framing::Chunked(Box::new(ChunkDecoder::new(Side::Answer)))
        } else {
            match head.content_length {
                Some(0) => Framing::None,
                Some(n) => Framing::Length(n),
                None => Framing::Close,
            }
        };
        let overlong = match (&self.framing, head.status) {
            (Framing::Length(n), _) => self.input.len() as u64 > *n,
            (Framing::None, 101) => false,
            (Framing::None, _) => !self.input.is_empty(),
            _ => false,
        };
        if overlong {
            self.excess = Some(MORE_THAN_SAID);
        }
        self.reusable &= !overlong;
        match self.framing {
            Framing::Close => self.reusable = false,
            Framing::Chunked(_) => self.layout = Some(Box::default()),
            Framing::Length(n) => self.announced = Some(n),
            _ => {}
        }
        let status = head.status;
        self.states.last(|s| s.status = status);
        let head = Rc::new(head);
        *self.states.head.borrow_mut() = Some(head.clone());
        self.answer = Some(head);
    }

    /// The next bytes of the answer's body into `out`; 0 is its proper end.
    pub fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BodyBuffer<'_, '_>,
    ) -> Poll<Result<usize, ()>> {
        if self.failure.is_some() {
            return Poll::Ready(Err(()));
        }
        self.poll_pump(cx);
        match self.try_body(cx, out) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(n)) => {
                if n == 0 {
                    self.ended();
                }
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(failure)) => {
                self.ended();
                self.fail(failure);
                Poll::Ready(Err(()))
            }
        }
    }

    pub(super) fn try_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BodyBuffer<'_, '_>,
    ) -> Poll<Result<usize, Failure>> {
        loop {
            if let Some(taken) = self.take_buffered(out)? {
                return Poll::Ready(Ok(taken));
            }
            // No memory that holds nothing stays with an exchange that waits.
            if self.input.is_empty() {
                self.input = BytesMut::new();
                match self.poll_read_direct(cx, out.room) {
                    None => {}
                    Some(Poll::Ready(Ok(0))) => return Poll::Ready(self.at_end_of_stream()),
                    Some(Poll::Ready(read)) => return Poll::Ready(read),
                    Some(Poll::Pending) => {
                        self.reading = Reading::Waited;
                        ready!(self.poll_timer(cx, READING))?;
                        return Poll::Pending;
                    }
                }
            }
            let most = ready!(self.poll_allowance(cx));
            let room = match self.framing {
                Framing::Length(rest) => usize::try_from(rest).unwrap_or(usize::MAX),
                _ => BODY_READ,
            };
            let (call, action) = self.reading_by();
            match self.poll_read(cx, room.min(BODY_READ).min(most), call, action) {
                Poll::Ready(Ok(0)) => return Poll::Ready(self.at_end_of_stream()),
                Poll::Ready(Ok(n)) => self.pause(n as u64),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {
                    self.reading = Reading::Waited;
                    ready!(self.poll_timer(cx, READING))?;
                    return Poll::Pending;
                }
            }
        }
    }

    pub(super) fn at_end_of_stream(&mut self) -> Result<usize, Failure> {
        match self.framing {
            Framing::Close => {
                self.framing = Framing::Done;
                Ok(0)
            }
            _ => Err(Failure::Closed(READING)),
        }
    }

    /// What lies in the input already; `None` where more must be read.
    pub(super) fn take_buffered(
        &mut self,
        out: &mut BodyBuffer<'_, '_>,
    ) -> Result<Option<usize>, Failure> {
        let doing = self.doing();
        match &mut self.framing {
            Framing::Unknown | Framing::None | Framing::Done => Ok(Some(0)),
            Framing::Close => Ok(out.take(&mut self.input, usize::MAX)),
            Framing::Length(0) => {
                self.framing = Framing::Done;
                Ok(Some(0))
            }
            Framing::Length(rest) => {
                let taken = out.take(
                    &mut self.input,
                    usize::try_from(*rest).unwrap_or(usize::MAX),
                );
                *rest -= taken.unwrap_or(0) as u64;
                Ok(taken)
            }
            Framing::Chunked(decoder) => {
                if let Some(taken) = out.take_rest() {
                    return Ok(Some(taken));
                }
                match decoder
                    .next(&mut self.input)
                    .map_err(|_| Failure::Chunk(doing))?
                {
                    Chunk::Data(bytes) => {
                        let end = self.behind_head.saturating_sub(self.input.len() as u64);
                        if let Some(layout) = &mut self.layout {
                            layout.found(end, bytes.len() as u64, decoder.is_within_data());
                        }
                        Ok(Some(out.put(bytes)))
                    }
                    Chunk::More => Ok(None),
                    Chunk::End => {
                        if !self.input.is_empty() {
                            self.excess = Some("data after final chunk");
                        }
                        self.framing = Framing::Done;
                        Ok(Some(0))
                    }
                }
            }
        }
    }
}
