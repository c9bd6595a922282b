//! Sends an answer: head and body in as few system calls as there can be, at the client's pace.

use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};

use super::answer::{
    Answer, Body, BodyStream, End, OpenFile, Outcome, PieceOf, ReadAhead, SendPolicy, StreamCut,
    Trailers,
};
use super::connection::Connection;
use super::pace;
use super::spool::Spool;
use super::turn::take_turns;

/// Files up to this size are read and sent together with the head: one call instead of two.
const SMALL_FILE: u64 = 32 * 1024;
/// Most bytes of a file that one call sends, so that one client does not hold the worker.
const SENDFILE_CHUNK: u64 = 2 * 1024 * 1024;
/// Bytes read at a time where `sendfile` is off.
const READ_CHUNK: u64 = 64 * 1024;
/// Bytes of a flowing body taken in one turn.
const TURN: usize = 256 * 1024;
/// Most slices in one call.
const MAX_SLICES: usize = 64;

/// Sends `answer` and says how it went. `answer.done` is left to the caller.
pub async fn send(connection: &Rc<Connection>, answer: &mut Answer) -> Outcome {
    let head_len = answer.head.len() as u64;
    let head = if answer.interim.is_empty() {
        std::mem::take(&mut answer.head)
    } else {
        Bytes::from([&answer.interim[..], &answer.head[..]].concat())
    };
    // Bytes that arrive with time have their turn once all are there.
    if !matches!(answer.body, Body::Stream(_)) {
        take_turns().await;
    }
    let body = match std::mem::replace(&mut answer.body, Body::None) {
        Body::Bytes(bytes) if bytes.is_empty() => Body::None,
        body => body,
    };
    let end = match body {
        Body::None if answer.chunked => {
            let end = last_chunk(false, answer.trailers.take());
            write_all(connection, &answer.policy, &mut [head, end]).await
        }
        Body::None => write_all(connection, &answer.policy, &mut [head]).await,
        Body::Bytes(bytes) if answer.chunked => {
            let size = Bytes::from(format!("{:x}\r\n", bytes.len()));
            let end = last_chunk(true, answer.trailers.take());
            write_all(connection, &answer.policy, &mut [head, size, bytes, end]).await
        }
        Body::Bytes(bytes) => write_all(connection, &answer.policy, &mut [head, bytes]).await,
        Body::Pieces { file, pieces } => {
            send_pieces(connection, &answer.policy, head, file, pieces).await
        }
        Body::Stream(stream) => send_stream(connection, answer, head, stream).await,
    };
    connection.timer.clear();
    connection.delayed.set(false);
    let sent = connection.sent.get();
    Outcome {
        sent,
        head: head_len.min(sent),
        end,
    }
}

/// The end of a body in chunks (RFC 9112, 7.1), behind a chunk or alone.
fn last_chunk(behind_a_chunk: bool, trailers: Option<Trailers>) -> Bytes {
    let whole = b"\r\n0\r\n\r\n";
    let from = if behind_a_chunk { 0 } else { 2 };
    match trailers
        .map(|make| make())
        .filter(|lines| !lines.is_empty())
    {
        None => Bytes::from_static(&whole[from..]),
        Some(lines) => Bytes::from([&whole[from..5], &lines, b"\r\n"].concat()),
    }
}

/// Why a write ended early.
fn failed(connection: &Connection) -> End {
    connection.broken.set(true);
    End::ClientLeft
}

/// The same, with the call that failed.
fn failed_by(connection: &Connection, call: &'static str, error: io::Error) -> End {
    connection.write_error.replace(Some((call, error)));
    failed(connection)
}

/// One write of what the slices hold, within `send_timeout`.
fn poll_write(
    connection: &Connection,
    policy: &SendPolicy,
    cx: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<Result<usize, End>> {
    let written = match &policy.rate {
        None => connection.stream.poll_write(cx, slices),
        Some(rate) => {
            let most = ready!(pace::poll_allowance(connection, rate, cx));
            let slices = pace::first(slices, most);
            connection.stream.poll_write(cx, &slices)
        }
    };
    match written {
        Poll::Ready(Ok(0)) => Poll::Ready(Err(failed(connection))),
        Poll::Ready(Err(error)) => Poll::Ready(Err(failed_by(connection, "writev()", error))),
        Poll::Ready(Ok(n)) => {
            count(connection, policy, n as u64);
            Poll::Ready(Ok(n))
        }
        Poll::Pending => poll_send_timer(connection, policy, cx).map(Err),
    }
}

/// Counts bytes that left.
fn count(connection: &Connection, policy: &SendPolicy, n: u64) {
    connection.sent.set(connection.sent.get() + n);
    connection.timer.clear();
    if let Some(rate) = &policy.rate {
        pace::delay(connection, rate, n);
    }
}

fn poll_send_timer(
    connection: &Connection,
    policy: &SendPolicy,
    cx: &mut Context<'_>,
) -> Poll<End> {
    if !connection.timer.is_set() {
        connection.timer.set(policy.send_timeout);
    }
    ready!(connection.timer.poll_expired(cx));
    connection.broken.set(true);
    if policy.reset_timedout {
        connection.stream.reset_on_close();
    }
    Poll::Ready(End::TimedOut)
}

async fn write_all(connection: &Connection, policy: &SendPolicy, parts: &mut [Bytes]) -> End {
    let mut first = skip(parts, 0, 0);
    while first < parts.len() {
        let written = std::future::poll_fn(|cx| {
            let mut slices: [IoSlice<'_>; MAX_SLICES] = [IoSlice::new(&[]); MAX_SLICES];
            let count = fill(&mut slices, parts[first..].iter().filter(|p| !p.is_empty()));
            poll_write(connection, policy, cx, &slices[..count])
        })
        .await;
        match written {
            Ok(n) => first = skip(parts, first, n),
            Err(end) => return end,
        }
    }
    End::Complete
}

/// Points slices to the pieces, as many as there are of both; gives their number.
fn fill<'a>(slices: &mut [IoSlice<'a>], pieces: impl Iterator<Item = &'a Bytes>) -> usize {
    let mut count = 0;
    for (slot, piece) in slices.iter_mut().zip(pieces) {
        *slot = IoSlice::new(piece);
        count += 1;
    }
    count
}

/// Drops the first `n` bytes of `parts[first..]`; gives the index of the first part with bytes left.
fn skip(parts: &mut [Bytes], mut first: usize, mut n: usize) -> usize {
    while let Some(part) = parts.get_mut(first) {
        if part.len() > n {
            part.advance(n);
            break;
        }
        n -= part.len();
        first += 1;
    }
    first
}

/// Memory and parts of a file, in order.
async fn send_pieces(
    connection: &Connection,
    policy: &SendPolicy,
    head: Bytes,
    file: Option<OpenFile>,
    pieces: Vec<PieceOf>,
) -> End {
    let mut memory = Vec::with_capacity(1 + pieces.len());
    memory.push(head);
    let total: u64 = pieces
        .iter()
        .map(|p| if let PieceOf::File(_, n) = p { *n } else { 0 })
        .sum();
    let mut corked = false;
    for piece in pieces {
        match (piece, &file) {
            (PieceOf::Memory(bytes), _) => memory.push(bytes),
            (PieceOf::File(offset, len), Some(file)) if total <= SMALL_FILE => {
                match read_part(file, offset, len) {
                    Some(bytes) => memory.push(bytes),
                    None => return cut(connection, policy, memory).await,
                }
            }
            (PieceOf::File(offset, len), Some(file)) => {
                if policy.sendfile && policy.tcp_nopush && !corked {
                    connection.stream.set_cork(true);
                    corked = true;
                }
                let end = write_all(connection, policy, &mut memory).await;
                memory.clear();
                if end != End::Complete {
                    return end;
                }
                let end = send_file(connection, policy, file, offset, len).await;
                if end != End::Complete {
                    return end;
                }
            }
            (PieceOf::File(..), None) => return cut(connection, policy, memory).await,
        }
    }
    let end = write_all(connection, policy, &mut memory).await;
    if corked {
        connection.stream.set_cork(false);
    }
    end
}

/// The file lost bytes since it was measured: send what there is, then break off.
async fn cut(connection: &Connection, policy: &SendPolicy, mut memory: Vec<Bytes>) -> End {
    match write_all(connection, policy, &mut memory).await {
        End::Complete => End::Cut,
        end => end,
    }
}

fn read_part(file: &File, offset: u64, len: u64) -> Option<Bytes> {
    let mut part = BytesMut::zeroed(usize::try_from(len).ok()?);
    file.read_exact_at(&mut part, offset).ok()?;
    Some(part.freeze())
}

async fn send_file(
    connection: &Connection,
    policy: &SendPolicy,
    file: &File,
    mut offset: u64,
    mut len: u64,
) -> End {
    let mut sendfile = policy.sendfile;
    while len > 0 {
        if !sendfile {
            let Some(bytes) = read_part(file, offset, len.min(READ_CHUNK)) else {
                return End::Cut;
            };
            let n = bytes.len() as u64;
            match write_all(connection, policy, &mut [bytes]).await {
                End::Complete => {}
                end => return end,
            }
            offset += n;
            len -= n;
            continue;
        }
        let sent = std::future::poll_fn(|cx| {
            let most = match &policy.rate {
                None => SENDFILE_CHUNK,
                Some(rate) => {
                    ready!(pace::poll_allowance(connection, rate, cx)).min(SENDFILE_CHUNK)
                }
            };
            let chunk = len.min(most);
            match connection
                .stream
                .poll_write_with(cx, |socket| sendfile_call(socket, file, offset, chunk))
            {
                Poll::Pending => poll_send_timer(connection, policy, cx).map(|end| Err(Some(end))),
                Poll::Ready(Ok(n)) => Poll::Ready(Ok(n)),
                Poll::Ready(Err(error)) if is_unsupported(&error) => Poll::Ready(Err(None)),
                Poll::Ready(Err(error)) => {
                    Poll::Ready(Err(Some(failed_by(connection, "sendfile()", error))))
                }
            }
        })
        .await;
        match sent {
            Ok(0) => return End::Cut,
            Ok(n) => {
                count(connection, policy, n);
                offset += n;
                len -= n;
                if n >= SENDFILE_CHUNK {
                    tokio::task::yield_now().await;
                }
            }
            // The file's system has no sendfile: read instead.
            Err(None) => sendfile = false,
            Err(Some(end)) => return end,
        }
    }
    End::Complete
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sendfile_call(socket: BorrowedFd<'_>, file: &File, offset: u64, len: u64) -> io::Result<u64> {
    let mut at = offset;
    let n = rustix::fs::sendfile(socket, file.as_fd(), Some(&mut at), len as usize)?;
    Ok(n as u64)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sendfile_call(_: BorrowedFd<'_>, _: &File, _: u64, _: u64) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}

/// A body that arrives with time: taken ahead of the client as far as it allows, sent as the client takes it.
async fn send_stream(
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
        turn: if stream.is_framed() { 1 } else { TURN },
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
    /// Bytes that one turn takes and makes a chunk of.
    turn: usize,
    /// What came of a pull that nothing followed yet.
    pulled: Option<io::Result<bool>>,
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
        if any && self.chunked && self.source != Source::Invalid {
            self.push_chunk(turn, total)?;
        }
        if let Some(number) = self.spool.file_number().filter(|_| !self.spilled) {
            self.spilled = true;
            stream.spilled(number);
        }
        Ok(any)
    }

    /// Frames a turn's bytes as one chunk, and the end as the last one (RFC 9112, 7.1).
    fn push_chunk(&mut self, turn: Vec<Bytes>, total: usize) -> io::Result<()> {
        let ahead = &self.ahead;
        if total > 0 {
            let mut size = BytesMut::with_capacity(16);
            super::chunked::write_chunk_head(&mut size, total);
            self.spool
                .push(size.freeze(), ahead.memory, &ahead.folder)?;
            for bytes in turn {
                self.spool.push(bytes, ahead.memory, &ahead.folder)?;
            }
        }
        let end = match (total > 0, self.source) {
            (behind, Source::Ended) => last_chunk(behind, self.trailers.take()),
            (true, _) => Bytes::from_static(b"\r\n"),
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
