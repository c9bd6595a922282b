//! Answers that arrive with time: read ahead of the client into memory and then a file, sent as the client takes them.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::answer::{Answer, BodyStream, End, ReadAhead, SendPolicy, StreamCut, Trailers};
use crate::wire::chunked::write_chunk_head;
use crate::wire::connection::Connection;
use crate::wire::spool::Spool;
use crate::wire::turn::take_turns;

use super::last_chunk;
use super::write::{MAX_SLICES, failed, fill, poll_write};

/// Bytes of a flowing body taken in one turn.
const TURN: usize = 256 * 1024;

/// A body that arrives with time: taken ahead of the client as far as it allows, sent as the client takes it.
pub(super) async fn send_stream(
    connection: &Connection,
    answer: &mut Answer,
    head: Bytes,
    mut stream: Box<dyn BodyStream>,
) -> End {
    let mut flow = Flow {
        spool: Spool::new(),
        ahead: stream.ahead(),
        head_pending: head,
        source: Source::Flowing,
        chunked: answer.chunked,
        trailers: answer.trailers.take(),
        lines: Bytes::new(),
        turn: if stream.is_framed() { 1 } else { TURN },
        postpone: answer.policy.postpone,
        spilled: false,
        pulled: None,
    };
    let is_whole = std::future::poll_fn(|cx| {
        let pulled = flow.pull(false, stream.as_mut(), cx);
        flow.pulled = Some(pulled);
        // A long body does not wait: its buffers would be held by many connections at once.
        Poll::Ready(flow.source == Source::Ended)
    });
    if is_whole.await {
        take_turns().await;
    }
    let end =
        std::future::poll_fn(|cx| flow.poll(connection, &answer.policy, stream.as_mut(), cx)).await;
    if end != End::Complete {
        stream.abandon();
    }
    end
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Flowing,
    Ended,
    Cut,
    Invalid,
}

struct Flow {
    spool: Spool,
    /// The stream was told of the spool's file.
    spilled: bool,
    ahead: ReadAhead,
    head_pending: Bytes,
    source: Source,
    chunked: bool,
    trailers: Option<Trailers>,
    /// What they made.
    lines: Bytes,
    /// Bytes that one turn takes and makes a chunk of.
    turn: usize,
    /// `postpone_output`
    postpone: usize,
    /// What came of a pull that nothing followed yet.
    pulled: Option<io::Result<bool>>,
}

/// What ends a chunk.
const CRLF: &[u8] = b"\r\n";

/// The line before a chunk.
fn chunk_head(len: usize) -> Bytes {
    let mut head = BytesMut::with_capacity(16);
    write_chunk_head(&mut head, len);
    head.freeze()
}

impl Flow {
    fn poll(
        &mut self,
        connection: &Connection,
        policy: &SendPolicy,
        stream: &mut dyn BodyStream,
        cx: &mut Context<'_>,
    ) -> Poll<End> {
        // Only what the client does not take goes to the file: as long as it takes bytes, memory is enough.
        let mut client_full = false;
        loop {
            let pulled = match self.pulled.take() {
                Some(before) => before,
                None => self.pull(client_full, stream, cx),
            };
            let Ok(pulled) = pulled else {
                return Poll::Ready(failed(connection));
            };
            if self.source != Source::Invalid && self.has_output(stream.eager()) {
                match self.poll_output(connection, policy, cx) {
                    Poll::Ready(Ok(())) => {
                        client_full = false;
                        continue;
                    }
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => {
                        stream.poll_pump(cx);
                        let was_full = std::mem::replace(&mut client_full, true);
                        if pulled || !was_full {
                            continue;
                        }
                        if stream.watches_client() && connection.poll_left(cx).is_ready() {
                            return Poll::Ready(failed(connection));
                        }
                        return Poll::Pending;
                    }
                }
            }
            match self.source {
                Source::Invalid => return Poll::Ready(End::Cut),
                Source::Ended => return Poll::Ready(End::Complete),
                Source::Cut => return Poll::Ready(End::Cut),
                Source::Flowing => {}
            }
            if stream.watches_client() && connection.poll_left(cx).is_ready() {
                return Poll::Ready(failed(connection));
            }
            return Poll::Pending;
        }
    }

    /// Takes from the source what it has and what may be taken, into the file only if `to_file`; true if anything came.
    fn pull(
        &mut self,
        to_file: bool,
        stream: &mut dyn BodyStream,
        cx: &mut Context<'_>,
    ) -> io::Result<bool> {
        let mut any = false;
        let file = if to_file { self.ahead.file } else { 0 };
        // One turn takes a bounded amount, so that sending is not starved; what it takes makes one chunk.
        let mut turn: Vec<Bytes> = Vec::new();
        let mut total = 0;
        while self.source == Source::Flowing
            && total < self.turn
            && (total < self.ahead.memory || to_file)
            && self.spool.has_room(self.ahead.memory, file)
        {
            match stream.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => self.source = Source::Ended,
                Poll::Ready(Some(Err(StreamCut::Closed))) => self.source = Source::Cut,
                Poll::Ready(Some(Err(StreamCut::Invalid))) => self.source = Source::Invalid,
                Poll::Ready(Some(Ok(bytes))) if self.chunked => {
                    total += bytes.len();
                    turn.push(bytes);
                    if stream.apart() {
                        any = true;
                        break;
                    }
                }
                Poll::Ready(Some(Ok(bytes))) => {
                    total += bytes.len();
                    self.spool
                        .push(bytes, self.ahead.memory, &self.ahead.folder)?;
                }
            }
            any = true;
        }
        if self.trailers.is_some() && self.is_time_for_trailers(total, stream) {
            self.make_trailers();
        }
        if any && self.chunked && self.source != Source::Invalid {
            self.push_chunk(turn, total)?;
        }
        if let Some(number) = self.spool.file_number().filter(|_| !self.spilled) {
            self.spilled = true;
            stream.spilled(number);
        }
        Ok(any)
    }

    /// Whether the body is at its end, or so near to it that nginx lets the little that is there wait for it.
    fn is_time_for_trailers(&self, total: usize, stream: &dyn BodyStream) -> bool {
        if self.source == Source::Ended || stream.is_at_last() {
            return true;
        }
        let before = self.head_pending.len() as u64 + self.spool.len();
        let waiting = before + (chunk_head(total).len() + total + CRLF.len()) as u64;
        stream.is_over() && !stream.eager() && waiting < self.postpone as u64
    }

    /// The trailers' lines, once.
    fn make_trailers(&mut self) {
        if let Some(make) = self.trailers.take() {
            self.lines = make();
        }
    }

    /// Frames a turn's bytes as one chunk, and the end as the last one (RFC 9112, 7.1).
    fn push_chunk(&mut self, turn: Vec<Bytes>, total: usize) -> io::Result<()> {
        let ahead = &self.ahead;
        if total > 0 {
            self.spool
                .push(chunk_head(total), ahead.memory, &ahead.folder)?;
            for bytes in turn {
                self.spool.push(bytes, ahead.memory, &ahead.folder)?;
            }
        }
        let end = match (total > 0, self.source) {
            (behind, Source::Ended) => last_chunk(behind, &std::mem::take(&mut self.lines)),
            (true, _) => Bytes::from_static(CRLF),
            (false, _) => return Ok(()),
        };
        self.spool.push_end(end, &self.ahead.folder)
    }

    /// The head waits for the first bytes of the body (as nginx's does), but where the stream is eager or at its end.
    fn has_output(&self, eager: bool) -> bool {
        if !self.spool.is_empty() {
            return true;
        }
        !self.head_pending.is_empty() && (eager || self.source != Source::Flowing)
    }

    fn poll_output(
        &mut self,
        connection: &Connection,
        policy: &SendPolicy,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), End>> {
        if self.spool.load().is_err() {
            return Poll::Ready(Err(failed(connection)));
        }
        let mut slices: [IoSlice<'_>; MAX_SLICES] = [IoSlice::new(&[]); MAX_SLICES];
        let head = (!self.head_pending.is_empty()).then_some(&self.head_pending);
        let count = fill(&mut slices, head.into_iter().chain(self.spool.pieces()));
        let mut n = match ready!(poll_write(connection, policy, cx, &slices[..count])) {
            Ok(n) => n,
            Err(end) => return Poll::Ready(Err(end)),
        };
        let of_head = n.min(self.head_pending.len());
        self.head_pending.advance(of_head);
        n -= of_head;
        self.spool.advance(n);
        Poll::Ready(Ok(()))
    }
}
