//! One exchange with a peer: the exact head out, the body behind it, the answer's head back and its body framed.
//!
//! Knows nothing of awc: [`super::transport`] shows it to awc as a connection. Poll-driven, so that the upload goes
//! on while the answer is read.

mod buffer;
mod doing;
mod failure;
mod layout;
mod receive;
mod send;
mod slow;

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::wire::answer_parser::AnswerState;
use crate::wire::body::RequestBody;
use crate::wire::chunked::ChunkDecoder;
use crate::wire::connection::Connection;
use crate::wire::head::AnswerHead;
use crate::wire::spool::Spool;

use super::pool::PeerConnection;
use super::states::UpstreamStates;
pub use buffer::BodyBuffer;
use doing::Reading;
pub use failure::Failure;
use failure::READING_HEAD;
pub use layout::Layout;

/// Largest buffer that an idle connection keeps.
const SMALL_BUFFER: usize = 8 * 1024;

/// What to send behind the head.
pub enum Upload {
    None,
    /// Read as a whole before.
    Spool(Box<Spool>),
    /// Passed on as it comes.
    Live(Box<Live>),
}

/// A body that is passed on as it comes.
pub struct Live {
    pub body: Rc<RequestBody>,
    pub chunked: bool,
    /// What came with the request's head.
    pub first: VecDeque<Bytes>,
}

/// Time-outs and sizes of one exchange.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub connect: Duration,
    pub send: Duration,
    pub read: Duration,
    /// `proxy_buffer_size`: the answer's head must fit.
    pub head: usize,
    /// `proxy_limit_rate`, bytes a second; 0 is no limit.
    pub rate: u64,
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
pub type Connecting = Pin<Box<dyn Future<Output = Result<PeerConnection, Failure>>>>;

enum Link {
    Connecting(Connecting),
    Up(PeerConnection),
    Down,
}

/// An exchange under way.
pub struct Exchange {
    link: Link,
    keeps: bool,
    head: Bytes,
    upload: Upload,
    /// Framed bytes of a live upload that wait to be sent.
    pending: BytesMut,
    upload_done: bool,
    input: BytesMut,
    parser: AnswerState,
    answer: Option<Rc<AnswerHead>>,
    framing: Framing,
    /// Of a chunked body (as the head says it, whatever was read since).
    layout: Option<Box<Layout>>,
    announced: Option<u64>,
    /// What came behind the answer's end, as nginx calls it.
    excess: Option<&'static str>,
    head_request: bool,
    upgrade: bool,
    limits: Limits,
    client: Rc<Connection>,
    states: Rc<UpstreamStates>,
    started: Instant,
    /// When the answer was complete.
    over: Option<Instant>,
    /// Any byte of the request left.
    pub request_begun: bool,
    pub reused: bool,
    failure: Option<Failure>,
    sent: Cell<u64>,
    /// The answer ended so that the connection may be used again.
    reusable: bool,
    /// The answer has no head at all (HTTP/0.9).
    bare: bool,
    /// Its body is being passed on.
    body_begun: bool,
    /// `proxy_buffering on`.
    buffered: bool,
    /// How far reading the body has come.
    reading: Reading,
    /// Bytes read behind the head.
    behind_head: u64,
    /// `proxy_limit_rate`, once the body is read.
    slow: Option<Slow>,
    /// Some of the body came with the head.
    begun_with_head: bool,
    /// The place behind the head that a read under `proxy_limit_rate` may reach.
    end_of_room: u64,
}

/// How reading goes under `proxy_limit_rate`.
struct Slow {
    /// The second in which it began, since 1970.
    since: i64,
    /// Nothing is read before the timer expires.
    delayed: bool,
}

/// Everything an exchange begins with.
pub struct Start {
    /// The connection may serve other requests after this one.
    pub keeps: bool,
    pub link: Result<PeerConnection, Connecting>,
    pub head: Bytes,
    pub upload: Upload,
    /// The request sent is a HEAD.
    pub head_request: bool,
    pub limits: Limits,
    pub client: Rc<Connection>,
    pub states: Rc<UpstreamStates>,
    pub now: Instant,
    /// The client asked for another protocol: a 101 is no answer with a body then.
    pub upgrade: bool,
}

impl Exchange {
    pub fn new(start: Start) -> Self {
        let (link, reused, input) = match start.link {
            Ok(mut connection) => {
                let (reused, input) = (connection.reused, std::mem::take(&mut connection.buffer));
                (Link::Up(connection), reused, input)
            }
            Err(connecting) => (Link::Connecting(connecting), false, BytesMut::new()),
        };
        let upload_done = matches!(start.upload, Upload::None);
        start.client.upstream_timer.set(start.limits.connect);
        Self {
            link,
            keeps: start.keeps,
            head: start.head,
            upload: start.upload,
            pending: BytesMut::new(),
            upload_done,
            input,
            parser: AnswerState::default(),
            answer: None,
            framing: Framing::Unknown,
            layout: None,
            announced: None,
            excess: None,
            head_request: start.head_request,
            upgrade: start.upgrade,
            limits: start.limits,
            client: start.client,
            states: start.states,
            started: start.now,
            over: None,
            request_begun: false,
            reused,
            failure: None,
            sent: Cell::new(0),
            reusable: false,
            bare: false,
            body_begun: false,
            buffered: true,
            begun_with_head: false,
            reading: Reading::WithHead,
            behind_head: 0,
            slow: None,
            end_of_room: u64::MAX,
        }
    }

    /// The answer's head, once read.
    pub fn answer(&self) -> Option<Rc<AnswerHead>> {
        self.answer.clone()
    }

    /// What went wrong, if anything.
    pub fn take_failure(&mut self) -> Option<Failure> {
        // Whether the body is buffered may have been said since.
        let doing = self.doing();
        self.failure.take().map(|failure| match failure {
            Failure::Chunk(_) => Failure::Chunk(doing),
            other => other,
        })
    }

    /// The answer's framing is broken.
    pub fn is_invalid(&self) -> bool {
        matches!(self.failure, Some(Failure::Chunk(_)))
    }

    /// What the exchange is at until the answer's head is whole, in the words of nginx's log.
    pub fn stage(&self) -> &'static str {
        match self.link {
            Link::Connecting(_) => "connecting to upstream",
            // nginx counts waiting for the first byte as part of sending.
            _ if self.input.is_empty() => "sending request to upstream",
            _ => READING_HEAD,
        }
    }

    /// The whole request was sent.
    pub fn request_sent(&self) -> bool {
        self.head.is_empty() && self.upload_done
    }

    /// The answer's body is empty by its head.
    pub fn has_no_body(&self) -> bool {
        matches!(self.framing, Framing::None)
    }

    /// Where the content of a chunked body lies in what was read so far.
    pub fn layout(&mut self) -> Option<&mut Layout> {
        let layout = self.layout.as_deref_mut()?;
        layout.read = self.behind_head;
        layout.decoded = self.behind_head.saturating_sub(self.input.len() as u64);
        Some(layout)
    }

    /// Bytes read behind the head so far, framing included.
    pub fn read_behind_head(&self) -> u64 {
        self.behind_head
    }

    /// Length of the answer's body as announced.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Hands the connection back if it can serve another request.
    pub fn take_connection(&mut self) -> Option<PeerConnection> {
        let usable =
            self.reusable && self.request_sent() && self.input.is_empty() && self.failure.is_none();
        match std::mem::replace(&mut self.link, Link::Down) {
            Link::Up(mut connection) if usable => {
                connection.requests += 1;
                if self.input.capacity() <= SMALL_BUFFER {
                    connection.buffer = std::mem::take(&mut self.input);
                }
                Some(connection)
            }
            _ => None,
        }
    }

    /// The connection with what arrived behind the head, for a tunnel.
    pub fn take_raw(&mut self) -> Option<(PeerConnection, Bytes)> {
        self.client.upstream_timer.set(self.limits.read);
        match std::mem::replace(&mut self.link, Link::Down) {
            Link::Up(connection) => Some((connection, std::mem::take(&mut self.input).freeze())),
            _ => None,
        }
    }

    /// The body goes on as it comes; `proxy_limit_rate` is for buffered answers only.
    pub fn unbuffered(&mut self) {
        self.buffered = false;
        self.begun_with_head = self.behind_head > 0;
        if self.limits.rate > 0 {
            self.limits.rate = 0;
            self.client.upstream_timer.set(self.limits.read);
        }
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// A tunnel passed on so many bytes of the upstream's, …
    pub fn received_more(&self, n: usize) {
        self.states.last(|s| s.bytes_received += n as u64);
    }

    /// … and so many of the client's.
    pub fn sent_more(&self, n: usize) {
        self.states.last(|s| s.bytes_sent += n as u64);
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

    fn poll_timer(
        &mut self,
        cx: &mut Context<'_>,
        action: &'static str,
    ) -> Poll<Result<(), Failure>> {
        ready!(self.client.upstream_timer.poll_expired(cx));
        Poll::Ready(Err(Failure::TimedOut(action)))
    }

    /// The answer is complete (or its reading was given up): the clock stops.
    ///
    /// Gives the moment, which stays the one of the first call.
    pub fn ended(&mut self) -> Instant {
        self.client.upstream_timer.clear();
        let now = *self.over.get_or_insert_with(Instant::now);
        let elapsed = now.saturating_duration_since(self.started);
        self.states.last(|s| {
            s.response_time.get_or_insert(elapsed);
        });
        now
    }
}
