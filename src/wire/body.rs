//! The body of a request, read from its connection on demand: the reader sets the pace.

mod expect;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;

use super::chunked::{Chunk, ChunkDecoder, ChunkError, Side};
use super::connection::{Connection, LARGE_READ, ReadError, SMALL_READ};
use super::head::RequestHead;
use super::request_parser::{Behind, BodyEnd};
pub use expect::CONTINUE;
use expect::Expect;

/// Why a body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// 413
    #[error("client intended to send too large chunked body: {received}+{chunk} bytes")]
    TooLarge { received: u64, chunk: u64 },
    /// 400
    #[error("client sent invalid chunked body")]
    Chunk(#[from] ChunkError),
    /// 400 in the log, nothing is sent.
    #[error("client prematurely closed connection")]
    Closed,
    /// 408, nothing is sent.
    #[error("client timed out")]
    TimedOut,
}

/// The body of the request under way.
pub struct RequestBody {
    connection: Rc<Connection>,
    framing: RefCell<Framing>,
    chunked: bool,
    behind: Cell<Behind>,
    expect: Cell<Expect>,
    timeout: Cell<Duration>,
    /// Largest chunked body in bytes; 0 does not check.
    limit: Cell<u64>,
    /// Bytes of body received so far, framing left out.
    received: Cell<u64>,
    /// Bytes of body thrown away before anybody read them, framing left out.
    discarded: Cell<u64>,
    /// Bytes taken from the connection, framing included: of them all,
    taken: Cell<u64>,
    /// and for a reader: `$request_length` adds them.
    consumed: Cell<u64>,
    /// Those of the read under way: nginx counts a read's bytes only when all of them were in order.
    consuming: Cell<u64>,
    /// Anybody asked for the body.
    wanted: Cell<bool>,
    /// The least number of bytes that were to come of a chunked body when all that came of it was thrown away.
    awaited: Cell<Option<u64>>,
    /// It is thrown away.
    discards: Cell<bool>,
    /// Bytes of the next request that nginx read along with the last chunk, where the chunks were thrown away.
    read_along: Cell<usize>,
    /// The body goes on to somebody as it comes (nginx's `reading_body`).
    live: Cell<bool>,
    /// More was read than came with the head.
    asked: Cell<bool>,
    failed: Cell<bool>,
}

enum Framing {
    Done,
    /// Bytes still to come.
    Length(u64),
    Chunked(Box<ChunkDecoder>),
}

impl RequestBody {
    pub fn new(connection: Rc<Connection>, head: &RequestHead) -> Self {
        let framing = match head.content_length {
            _ if head.chunked => Framing::Chunked(Box::new(ChunkDecoder::new(Side::Request))),
            None | Some(0) => Framing::Done,
            Some(n) => Framing::Length(n),
        };
        Self {
            connection,
            framing: RefCell::new(framing),
            chunked: head.chunked,
            behind: Cell::new(head.behind),
            expect: Cell::new(Expect::of(head)),
            timeout: Cell::new(Duration::from_secs(60)),
            limit: Cell::new(0),
            received: Cell::new(0),
            discarded: Cell::new(0),
            taken: Cell::new(0),
            consumed: Cell::new(0),
            consuming: Cell::new(0),
            wanted: Cell::new(false),
            awaited: Cell::new(None),
            discards: Cell::new(false),
            read_along: Cell::new(0),
            live: Cell::new(false),
            asked: Cell::new(false),
            failed: Cell::new(false),
        }
    }

    /// `client_body_timeout` and `client_max_body_size` of the location that reads.
    pub fn set_rules(&self, timeout: Duration, limit: u64) {
        self.timeout.set(timeout);
        self.limit.set(limit);
    }

    /// The least number of bytes that were to come of a chunked body whose bytes are thrown away.
    pub fn awaited(&self) -> Option<u64> {
        self.awaited.get()
    }

    /// Everything was read (or there is no body).
    pub fn is_done(&self) -> bool {
        matches!(*self.framing.borrow(), Framing::Done)
    }

    /// Reading failed: the connection cannot be used any more.
    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// The rest of it is thrown away as it comes (nginx's `discard_body`).
    pub fn is_discarded(&self) -> bool {
        self.discards.get() && !self.is_done()
    }

    /// Bytes of body that no reader will see.
    pub fn discarded(&self) -> u64 {
        self.discarded.get()
    }

    /// Where it ended, once it is done.
    pub fn end(&self) -> BodyEnd {
        self.end_before(self.connection.input.borrow().len())
    }

    fn end_before(&self, waiting: usize) -> BodyEnd {
        BodyEnd::new(self.taken.get(), self.chunked, self.behind.get(), waiting)
    }

    /// Bytes taken from the connection for a reader, framing included.
    fn consumed(&self) -> u64 {
        match self.is_done() && !self.failed.get() {
            true => self.consumed.get() + self.consuming.get(),
            false => self.consumed.get(),
        }
    }

    /// `$request_length` with a head of `head` bytes. nginx takes off what it has read of the next requests with the
    /// end of a chunked body, also where the body was thrown away and thus never counted.
    pub fn length_with(&self, head: u64) -> i64 {
        let counted = head.saturating_add(self.consumed());
        counted.cast_signed() - self.read_along.get() as i64
    }

    /// Bytes of a chunked body so far; none where nobody wants it, and while it goes on as it comes.
    pub fn length_so_far(&self) -> Option<u64> {
        let known = self.wanted.get() && !self.discards.get() && !self.is_half_read();
        known.then(|| self.received.get())
    }

    /// The next bytes; `None` is the end.
    pub fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        ready!(self.poll_begin(cx));
        if self.is_done() {
            return Poll::Ready(None);
        }
        loop {
            match self.take() {
                Ok(Taken::Bytes(bytes)) => {
                    self.connection.timer.clear();
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Ok(Taken::End) => {
                    self.count_read();
                    self.connection.timer.clear();
                    return Poll::Ready(None);
                }
                Ok(Taken::More) => {
                    self.count_read();
                    self.begin_read();
                }
                Err(error) => {
                    self.count_wrong();
                    return Poll::Ready(Some(Err(self.fail(error))));
                }
            }
            if !self.connection.timer.is_set() {
                self.connection.timer.set(self.timeout.get());
            }
            match ready!(self.connection.poll_fill(cx, self.room())) {
                Ok(_) => {
                    self.asked.set(true);
                    self.connection.timer.set(self.timeout.get());
                }
                Err(ReadError::TimedOut) => {
                    return Poll::Ready(Some(Err(self.fail(BodyError::TimedOut))));
                }
                Err(ReadError::Closed | ReadError::Io(_)) => {
                    return Poll::Ready(Some(Err(self.fail(BodyError::Closed))));
                }
            }
        }
    }

    /// What comes of the body from now on is for nobody: no variable counts it.
    pub fn throw_away(&self) {
        self.discards.set(true);
    }

    /// Throws away what already arrived of the body, as nginx does before it answers without reading it.
    ///
    /// # Errors
    /// Its chunks are malformed.
    pub fn discard_arrived(&self) -> Result<(), BodyError> {
        self.limit.set(0);
        self.throw_away();
        loop {
            match self.take() {
                Ok(Taken::Bytes(bytes)) => {
                    let discarded = self.discarded.get() + bytes.len() as u64;
                    self.discarded.set(discarded);
                }
                Ok(Taken::More | Taken::End) => return Ok(()),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// From now on what is left of the body goes on as it comes; an answer before its end leaves the connection unusable.
    pub fn set_live(&self) {
        self.live.set(!self.is_done());
    }

    /// It goes on as it comes.
    pub fn is_live(&self) -> bool {
        self.live.get()
    }

    /// Somebody was reading it and has not come to its end.
    pub fn is_half_read(&self) -> bool {
        self.live.get() && !self.is_done()
    }

    /// The bytes of a read were in order.
    fn count_read(&self) {
        self.consumed
            .set(self.consumed.get() + self.consuming.take());
    }

    /// They were not; those that were asked for count all the same.
    fn count_wrong(&self) {
        if self.asked.get() && !self.discards.get() {
            self.count_read();
            let rest = self.connection.input.borrow().len() as u64;
            self.consumed.set(self.consumed.get() + rest);
        }
    }

    fn fail(&self, error: BodyError) -> BodyError {
        self.failed.set(true);
        self.connection.timer.clear();
        error
    }

    /// nginx reads on from here: its portions are counted anew.
    fn begin_read(&self) {
        let mut behind = self.behind.get();
        let taken = usize::try_from(self.taken.get()).unwrap_or(usize::MAX);
        behind.held = behind.held.max(taken);
        self.behind.set(behind);
    }

    fn room(&self) -> usize {
        match &*self.framing.borrow() {
            Framing::Length(rest) if *rest < SMALL_READ as u64 => SMALL_READ,
            _ => LARGE_READ,
        }
    }

    /// What already lies in the connection's buffer.
    fn take(&self) -> Result<Taken, BodyError> {
        self.wanted.set(true);
        let mut input = self.connection.input.borrow_mut();
        let mut framing = self.framing.borrow_mut();
        let before = input.len();
        let taken = match &mut *framing {
            Framing::Done => Taken::End,
            Framing::Length(_) if input.is_empty() => Taken::More,
            Framing::Length(rest) => {
                let n = usize::try_from(*rest)
                    .unwrap_or(usize::MAX)
                    .min(input.len());
                *rest -= n as u64;
                if *rest == 0 {
                    *framing = Framing::Done;
                }
                Taken::Bytes(input.split_to(n).freeze())
            }
            Framing::Chunked(decoder) => match decoder.next(&mut input)? {
                Chunk::Data(bytes) => Taken::Bytes(bytes),
                Chunk::More => Taken::More,
                Chunk::End => {
                    *framing = Framing::Done;
                    Taken::End
                }
            },
        };
        let fresh = (before - input.len()) as u64;
        self.taken.set(self.taken.get() + fresh);
        if self.discards.get() {
            // Variables know only of what was read for somebody.
            match (&taken, &*framing) {
                (Taken::End, _) => {
                    if let BodyEnd::ReadAlong(len) = self.end_before(input.len()) {
                        self.read_along.set(len);
                    }
                }
                (Taken::More, Framing::Chunked(decoder)) => {
                    self.awaited.set(Some(decoder.wanted()));
                }
                _ => {}
            }
            return Ok(taken);
        }
        self.consuming.set(self.consuming.get() + fresh);
        if let Framing::Chunked(decoder) = &*framing {
            let here = match &taken {
                Taken::Bytes(bytes) => bytes.len() as u64,
                Taken::More | Taken::End => 0,
            };
            let (received, chunk) = (self.received.get(), here + decoder.rest());
            // A chunk is measured when its first byte comes.
            let limit = self.limit.get();
            if here > 0 && limit > 0 && received + chunk > limit {
                return Err(BodyError::TooLarge { received, chunk });
            }
        }
        if let Taken::Bytes(bytes) = &taken {
            self.received.set(self.received.get() + bytes.len() as u64);
        }
        Ok(taken)
    }
}

enum Taken {
    Bytes(Bytes),
    More,
    End,
}
