//! One exchange with a peer: the exact head out, the body behind it, the answer's head back and its body framed.
//!
//! Knows nothing of awc: [`super::transport`] shows it to awc as a connection. Poll-driven, so that the upload goes
//! on while the answer is read.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};

use crate::wire::answer_parser::{AnswerState, AnswerStep, parse_answer};
use crate::wire::body::{BodyError, RequestBody};
use crate::wire::chunked::{Chunk, ChunkDecoder, Side, write_chunk_head};
use crate::wire::connection::Connection;
use crate::wire::head::AnswerHead;
use crate::wire::spool::Spool;

use super::pool::PeerConnection;
use super::states::UpstreamStates;

/// Most slices of one write.
const MAX_SLICES: usize = 32;

/// How an exchange failed, before or within the answer; `action` is nginx's "while …".
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("connect() failed ({}) while connecting to upstream", crate::front::log::os_error(.0))]
    Connect(io::Error),
    #[error("upstream timed out (110: Connection timed out) while {0}")]
    TimedOut(&'static str),
    #[error("upstream prematurely closed connection while {0}")]
    Closed(&'static str),
    #[error(
        "{call}() failed ({}) while {action}",
        crate::front::log::os_error(error)
    )]
    Io {
        call: &'static str,
        error: io::Error,
        action: &'static str,
    },
    #[error("upstream sent too big header while reading response header from upstream")]
    TooBig,
    #[error("{0} while reading response header from upstream")]
    Invalid(String),
    #[error("upstream sent invalid chunked response while reading upstream")]
    Chunk,
    /// The client's body broke off while it was passed on.
    #[error(transparent)]
    Upload(BodyError),
}

/// What to send behind the head.
pub enum Upload {
    None,
    /// Read as a whole before.
    Spool(Spool),
    /// Passed on as it comes.
    Live {
        body: Rc<RequestBody>,
        chunked: bool,
    },
}

/// Time-outs and sizes of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect: Duration,
    pub send: Duration,
    pub read: Duration,
    /// `proxy_buffer_size`: the answer's head must fit.
    pub head: usize,
}

/// How the answer's body ends.
#[derive(Debug)]
enum Framing {
    /// The head is not there yet.
    Unknown,
    None,
    /// Bytes still to come.
    Length(u64),
    Chunked(Box<ChunkDecoder>),
    /// With the connection.
    Close,
    Done,
}

/// A connection being made.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<PeerConnection>>>>;

enum Link {
    Connecting(Connecting),
    Up(PeerConnection),
    Down,
}

/// An exchange under way.
pub struct Exchange {
    link: Link,
    head: Bytes,
    upload: Upload,
    /// Framed bytes of a live upload that wait to be sent.
    pending: BytesMut,
    upload_done: bool,
    input: BytesMut,
    parser: AnswerState,
    answer: Option<Rc<AnswerHead>>,
    framing: Framing,
    head_request: bool,
    limits: Limits,
    client: Rc<Connection>,
    states: Rc<UpstreamStates>,
    started: Instant,
    /// Any byte of the request left.
    pub request_begun: bool,
    pub reused: bool,
    failure: Option<Failure>,
    sent: Cell<u64>,
    /// The answer ended so that the connection may be used again.
    reusable: bool,
    /// The answer has no head at all (HTTP/0.9).
    bare: bool,
}

/// Everything an exchange begins with.
pub struct Start {
    pub link: Result<PeerConnection, Connecting>,
    pub head: Bytes,
    pub upload: Upload,
    /// The request sent is a HEAD.
    pub head_request: bool,
    pub limits: Limits,
    pub client: Rc<Connection>,
    pub states: Rc<UpstreamStates>,
}

impl Exchange {
    pub fn new(start: Start) -> Self {
        let (link, reused) = match start.link {
            Ok(connection) => {
                let reused = connection.reused;
                (Link::Up(connection), reused)
            }
            Err(connecting) => (Link::Connecting(connecting), false),
        };
        let upload_done = matches!(start.upload, Upload::None);
        start.client.upstream_timer.set(start.limits.connect);
        Self {
            link,
            head: start.head,
            upload: start.upload,
            pending: BytesMut::new(),
            upload_done,
            input: BytesMut::new(),
            parser: AnswerState::default(),
            answer: None,
            framing: Framing::Unknown,
            head_request: start.head_request,
            limits: start.limits,
            client: start.client,
            states: start.states,
            started: Instant::now(),
            request_begun: false,
            reused,
            failure: None,
            sent: Cell::new(0),
            reusable: false,
            bare: false,
        }
    }

    /// The answer's head, once read.
    pub fn answer(&self) -> Option<Rc<AnswerHead>> {
        self.answer.clone()
    }

    /// What went wrong, if anything.
    pub fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// The whole request was sent.
    pub fn request_sent(&self) -> bool {
        self.head.is_empty() && self.upload_done
    }

    /// The answer's body is empty by its head.
    pub fn has_no_body(&self) -> bool {
        matches!(self.framing, Framing::None)
    }

    /// The answer's body comes in chunks.
    pub fn is_chunked(&self) -> bool {
        matches!(self.framing, Framing::Chunked(_))
    }

    /// Length of the answer's body as announced.
    pub fn announced(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(n) => Some(n),
            _ => None,
        }
    }

    /// Hands the connection back if it can serve another request.
    pub fn into_connection(&mut self) -> Option<PeerConnection> {
        let usable =
            self.reusable && self.request_sent() && self.input.is_empty() && self.failure.is_none();
        match std::mem::replace(&mut self.link, Link::Down) {
            Link::Up(mut connection) if usable => {
                connection.requests += 1;
                Some(connection)
            }
            _ => None,
        }
    }

    /// Closes the connection at once.
    pub fn abandon(&mut self) {
        self.link = Link::Down;
        self.client.upstream_timer.clear();
    }

    /// Connects, sends, and reads until the answer's head is there.
    pub fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ()>> {
        if self.answer.is_some() || self.bare {
            return Poll::Ready(Ok(()));
        }
        if self.failure.is_some() {
            return Poll::Ready(Err(()));
        }
        match self.try_head(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                let elapsed = self.started.elapsed();
                self.states.last(|s| s.header_time = Some(elapsed));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(failure)) => {
                self.fail(failure);
                Poll::Ready(Err(()))
            }
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure = Some(failure);
        self.abandon();
    }

    fn try_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        ready!(self.poll_connect(cx))?;
        let send = self.poll_send(cx);
        loop {
            match self.step_head()? {
                true => return Poll::Ready(Ok(())),
                false if self.input.len() >= self.limits.head => {
                    return Poll::Ready(Err(Failure::TooBig));
                }
                false => {}
            }
            let room = self.limits.head - self.input.len();
            match self.poll_read(cx, room, "reading response header from upstream") {
                Poll::Ready(Ok(0)) => {
                    // What broke the sending tells more than that nothing came back.
                    if let Poll::Ready(Err(failure)) = send {
                        return Poll::Ready(Err(failure));
                    }
                    return Poll::Ready(Err(Failure::Closed(
                        "reading response header from upstream",
                    )));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {
                    if let Poll::Ready(Err(failure)) = send {
                        return Poll::Ready(Err(failure));
                    }
                    let action = if self.request_sent() {
                        "reading response header from upstream"
                    } else {
                        "sending request to upstream"
                    };
                    return self.poll_timer(cx, action);
                }
            }
        }
    }

    fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        action: &'static str,
    ) -> Poll<Result<(), Failure>> {
        ready!(self.client.upstream_timer.poll_expired(cx));
        Poll::Ready(Err(Failure::TimedOut(action)))
    }

    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Link::Connecting(connecting) = &mut self.link else {
            return Poll::Ready(Ok(()));
        };
        match connecting.as_mut().poll(cx) {
            Poll::Pending => self.poll_timer(cx, "connecting to upstream"),
            Poll::Ready(Err(error)) => Poll::Ready(Err(Failure::Connect(error))),
            Poll::Ready(Ok(connection)) => {
                connection.stream.set_nodelay();
                self.link = Link::Up(connection);
                let elapsed = self.started.elapsed();
                self.states.last(|s| s.connect_time = Some(elapsed));
                self.client.upstream_timer.set(self.limits.send);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Sends what there is to send; ready when all was sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if self.request_sent() {
                return Poll::Ready(Ok(()));
            }
            let mut waits_for_client = false;
            match self.poll_refill(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => waits_for_client = true,
            }
            if self.request_sent() {
                self.after_request();
                return Poll::Ready(Ok(()));
            }
            if waits_for_client && self.head.is_empty() && self.pending.is_empty() {
                // The client sets the pace: no time-out of the upstream's runs.
                self.client.upstream_timer.clear();
                return Poll::Pending;
            }
            let n = match ready!(self.poll_write(cx)) {
                Ok(n) => n,
                Err(error) => {
                    let failure = Failure::Io {
                        call: "writev",
                        error,
                        action: "sending request to upstream",
                    };
                    return Poll::Ready(Err(failure));
                }
            };
            self.request_begun = true;
            self.sent.set(self.sent.get() + n as u64);
            let sent = self.sent.get();
            self.states.last(|s| s.bytes_sent = sent);
            self.written(n);
            self.client.upstream_timer.set(self.limits.send);
            if self.request_sent() {
                self.after_request();
            }
        }
    }

    fn after_request(&self) {
        self.client.upstream_timer.set(self.limits.read);
    }

    /// Brings more of the upload to where it can be sent from.
    fn poll_refill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.upload_done {
            return Poll::Ready(Ok(()));
        }
        match &mut self.upload {
            Upload::None => self.upload_done = true,
            Upload::Spool(spool) => {
                spool.load().map_err(|error| Failure::Io {
                    call: "pread",
                    error,
                    action: "sending request to upstream",
                })?;
                self.upload_done = spool.is_empty();
            }
            Upload::Live { body, chunked } => {
                if self.pending.len() >= 64 * 1024 {
                    return Poll::Ready(Ok(()));
                }
                match ready!(body.poll_next(cx)) {
                    None => {
                        if *chunked {
                            self.pending.extend_from_slice(b"0\r\n\r\n");
                        }
                        let rest = std::mem::take(&mut self.pending).freeze();
                        let mut last = Spool::new();
                        let _ = last.push_end(rest, std::path::Path::new("/"));
                        self.upload_done = last.is_empty();
                        self.upload = Upload::Spool(last);
                    }
                    Some(Ok(bytes)) if *chunked => {
                        write_chunk_head(&mut self.pending, bytes.len());
                        self.pending.extend_from_slice(&bytes);
                        self.pending.extend_from_slice(b"\r\n");
                    }
                    Some(Ok(bytes)) => self.pending.extend_from_slice(&bytes),
                    Some(Err(error)) => return Poll::Ready(Err(Failure::Upload(error))),
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Link::Up(connection) = &self.link else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let mut slices: [IoSlice<'_>; MAX_SLICES] = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        let spooled = match &self.upload {
            Upload::Spool(spool) => Some(spool.pieces()),
            _ => None,
        };
        let pieces = [&self.head[..], &self.pending[..]]
            .into_iter()
            .chain(spooled.into_iter().flatten().map(|b| &b[..]));
        for (slot, piece) in slices.iter_mut().zip(pieces.filter(|p| !p.is_empty())) {
            *slot = IoSlice::new(piece);
            count += 1;
        }
        connection.stream.poll_write(cx, &slices[..count])
    }

    /// Forgets the first `n` bytes of what waits to be sent.
    fn written(&mut self, mut n: usize) {
        let of_head = n.min(self.head.len());
        self.head.advance(of_head);
        n -= of_head;
        let of_pending = n.min(self.pending.len());
        self.pending.advance(of_pending);
        n -= of_pending;
        if let Upload::Spool(spool) = &mut self.upload {
            spool.advance(n);
            self.upload_done = spool.is_empty();
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        room: usize,
        action: &'static str,
    ) -> Poll<Result<usize, Failure>> {
        let Link::Up(connection) = &self.link else {
            return Poll::Ready(Ok(0));
        };
        match ready!(connection.stream.poll_read(cx, &mut self.input, room)) {
            Ok(n) => {
                self.states.last(|s| s.bytes_received += n as u64);
                if self.request_sent() {
                    self.client.upstream_timer.set(self.limits.read);
                }
                Poll::Ready(Ok(n))
            }
            Err(error) => Poll::Ready(Err(Failure::Io {
                call: "recv",
                error,
                action,
            })),
        }
    }

    /// Parses what arrived; true once the head is whole.
    fn step_head(&mut self) -> Result<bool, Failure> {
        if self.input.is_empty() {
            return Ok(false);
        }
        match parse_answer(&mut self.input, &mut self.parser) {
            AnswerStep::More => Ok(false),
            AnswerStep::Done(head) => {
                self.accept(head);
                Ok(true)
            }
            AnswerStep::NoStatusLine => {
                self.bare = true;
                self.framing = Framing::Close;
                self.states.last(|s| s.status = 200);
                Ok(true)
            }
            AnswerStep::Bad(error) => Err(Failure::Invalid(error.to_string())),
        }
    }

    /// Decides the framing by the head (RFC 9112, section 6.3, in nginx's reading).
    fn accept(&mut self, head: AnswerHead) {
        self.reusable = !head.connection_close && head.status != 101;
        self.framing = if matches!(head.status, 204 | 304) || self.head_request {
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
        if matches!(self.framing, Framing::Close) {
            self.reusable = false;
        }
        let status = head.status;
        self.states.last(|s| s.status = status);
        let head = Rc::new(head);
        *self.states.head.borrow_mut() = Some(head.clone());
        self.answer = Some(head);
    }

    /// Keeps an upload moving while nobody reads the answer.
    pub fn poll_pump(&mut self, cx: &mut Context<'_>) {
        if !self.request_sent() && self.failure.is_none() {
            let _ = self.poll_send(cx);
        }
    }

    /// The next bytes of the answer's body into `out`; 0 is its proper end.
    pub fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BodyBuffer<'_>,
    ) -> Poll<Result<usize, ()>> {
        if self.failure.is_some() {
            return Poll::Ready(Err(()));
        }
        self.poll_pump(cx);
        match self.try_body(cx, out) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(n)) => {
                self.states.last(|s| s.response_length += n as u64);
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

    /// The answer is complete (or its reading was given up): the clock stops.
    pub fn ended(&mut self) {
        self.client.upstream_timer.clear();
        let elapsed = self.started.elapsed();
        self.states.last(|s| {
            s.response_time.get_or_insert(elapsed);
        });
    }

    fn try_body(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BodyBuffer<'_>,
    ) -> Poll<Result<usize, Failure>> {
        loop {
            if let Some(taken) = self.take_buffered(out)? {
                return Poll::Ready(Ok(taken));
            }
            let direct = !matches!(self.framing, Framing::Chunked(_));
            let read = if direct {
                self.poll_read_into(cx, out)
            } else {
                self.poll_read(cx, 8 * 1024, "reading upstream")
            };
            match read {
                Poll::Ready(Ok(0)) => return Poll::Ready(self.at_end_of_stream()),
                Poll::Ready(Ok(n)) if direct => return Poll::Ready(Ok(n)),
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {
                    ready!(self.poll_timer(cx, "reading upstream"))?;
                    return Poll::Pending;
                }
            }
        }
    }

    fn at_end_of_stream(&mut self) -> Result<usize, Failure> {
        match self.framing {
            Framing::Close => {
                self.framing = Framing::Done;
                Ok(0)
            }
            _ => Err(Failure::Closed("reading upstream")),
        }
    }

    /// What lies in the input already; `None` where more must be read.
    fn take_buffered(&mut self, out: &mut BodyBuffer<'_>) -> Result<Option<usize>, Failure> {
        match &mut self.framing {
            Framing::Unknown | Framing::None | Framing::Done => Ok(Some(0)),
            Framing::Close => Ok(out.take(&mut self.input, usize::MAX)),
            Framing::Length(0) => {
                // More than was announced: the connection cannot be trusted any further.
                if !self.input.is_empty() {
                    self.reusable = false;
                    self.input.clear();
                }
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
                match decoder.next(&mut self.input).map_err(|_| Failure::Chunk)? {
                    Chunk::Data(bytes) => Ok(Some(out.put(bytes))),
                    Chunk::More => Ok(None),
                    Chunk::End => {
                        self.framing = Framing::Done;
                        Ok(Some(0))
                    }
                }
            }
        }
    }

    /// Reads from the socket to where the bytes are wanted.
    fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        out: &mut BodyBuffer<'_>,
    ) -> Poll<Result<usize, Failure>> {
        let Link::Up(connection) = &self.link else {
            return Poll::Ready(Ok(0));
        };
        let most = match self.framing {
            Framing::Length(rest) => usize::try_from(rest).unwrap_or(usize::MAX),
            _ => usize::MAX,
        };
        let n = match ready!(out.poll_fill(&connection.stream, cx, most)) {
            Ok(n) => n,
            Err(error) => {
                return Poll::Ready(Err(Failure::Io {
                    call: "readv",
                    error,
                    action: "reading upstream",
                }));
            }
        };
        if let Framing::Length(rest) = &mut self.framing {
            *rest -= n as u64;
        }
        self.states.last(|s| s.bytes_received += n as u64);
        if self.request_sent() {
            self.client.upstream_timer.set(self.limits.read);
        }
        Poll::Ready(Ok(n))
    }
}

/// Where body bytes go: awc's read buffer, with what did not fit waiting beside it.
pub struct BodyBuffer<'a> {
    pub slice: &'a mut [u8],
    /// A chunk's bytes that did not fit.
    pub rest: &'a mut Bytes,
}

impl BodyBuffer<'_> {
    fn take(&mut self, input: &mut BytesMut, most: usize) -> Option<usize> {
        let n = input.len().min(most).min(self.slice.len());
        if n == 0 {
            return None;
        }
        self.slice.get_mut(..n)?.copy_from_slice(input.get(..n)?);
        input.advance(n);
        Some(n)
    }

    fn take_rest(&mut self) -> Option<usize> {
        let n = self.rest.len().min(self.slice.len());
        if n == 0 {
            return None;
        }
        self.slice
            .get_mut(..n)?
            .copy_from_slice(self.rest.get(..n)?);
        self.rest.advance(n);
        Some(n)
    }

    fn put(&mut self, bytes: Bytes) -> usize {
        *self.rest = bytes;
        self.take_rest().unwrap_or(0)
    }

    fn poll_fill(
        &mut self,
        stream: &crate::wire::stream::Stream,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let n = self.slice.len().min(most);
        match self.slice.get_mut(..n) {
            Some(part) if n > 0 => stream.poll_read_slice(cx, part),
            _ => Poll::Ready(Ok(0)),
        }
    }
}
