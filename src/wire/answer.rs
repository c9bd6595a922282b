//! What a handler hands to the connection loop: a head ready for the wire and where the body comes from.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

/// Told how sending ended.
pub type Done = Box<dyn FnOnce(&Outcome)>;

/// Makes the lines of trailers.
pub type Trailers = Box<dyn FnOnce() -> Bytes>;

/// An answer to one request.
pub struct Answer {
    /// Status line and fields with the empty line, as they are sent; empty for HTTP/0.9.
    pub head: Bytes,
    /// An interim answer (`100 Continue`) that goes out before the head.
    pub interim: Bytes,
    pub body: Body,
    /// The body is sent in chunks.
    pub chunked: bool,
    /// Fields behind the last chunk, made when it is reached.
    pub trailers: Option<Trailers>,
    /// There are trailers to be made.
    pub has_trailers: bool,
    /// The connection may serve another request afterwards.
    pub keep_alive: bool,
    pub policy: SendPolicy,
    /// Told once the answer was sent or given up.
    pub done: Option<Done>,
    /// What to do without sending anything: 444, 408, 499 and the like.
    pub silent: bool,
    /// And where nothing is sent, the client is told by a reset.
    pub reset: bool,
}

impl Answer {
    /// Nothing is sent and the connection ends.
    pub fn nothing() -> Self {
        let policy = SendPolicy {
            send_timeout: Duration::ZERO,
            postpone: 0,
            keepalive_timeout: Duration::ZERO,
            lingering: Lingering::Off,
            lingers_for_body: false,
            lingering_time: Duration::ZERO,
            lingering_timeout: Duration::ZERO,
            body_timeout: Duration::ZERO,
            sendfile: false,
            tcp_nopush: false,
            reset_timedout: false,
            rate: None,
        };
        Self {
            head: Bytes::new(),
            interim: Bytes::new(),
            body: Body::None,
            chunked: false,
            trailers: None,
            has_trailers: false,
            keep_alive: false,
            policy,
            done: None,
            silent: true,
            reset: false,
        }
    }
}

/// How the connection behaves while and after this answer is sent (from the location that answered).
#[derive(Debug, Clone, Copy)]
pub struct SendPolicy {
    pub send_timeout: Duration,
    /// `postpone_output`: nginx lets fewer bytes wait for more, where no flush and no buffer calls for them.
    pub postpone: usize,
    pub keepalive_timeout: Duration,
    /// The unread body may be waited for with lingering close.
    pub lingering: Lingering,
    /// The request came with a body, and that calls for lingering (nginx's `lingering_close` of a request).
    pub lingers_for_body: bool,
    pub lingering_time: Duration,
    pub lingering_timeout: Duration,
    pub body_timeout: Duration,
    pub sendfile: bool,
    pub tcp_nopush: bool,
    pub reset_timedout: bool,
    /// `limit_rate`; `None` is no limit.
    pub rate: Option<Rate>,
}

/// A bound on what a client gets: so many bytes for each second that began since the request's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Bytes a second.
    pub bytes: u64,
    /// So many first bytes do not count (`limit_rate_after`).
    pub after: u64,
    /// The second of the request's start, since 1970.
    pub since: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lingering {
    Off,
    On,
    Always,
}

/// A file whose bytes are sent, kept open by whatever opened it (actix-files' `NamedFile` does not give its file away).
pub type OpenFile = Rc<dyn Deref<Target = File>>;

/// Where the bytes of a body come from.
pub enum Body {
    None,
    Bytes(Bytes),
    /// Pieces of memory and of one file, in order.
    Pieces {
        file: Option<OpenFile>,
        pieces: Vec<PieceOf>,
    },
    /// Bytes that arrive with time (a proxied answer).
    Stream(Box<dyn BodyStream>),
}

/// A piece of a [`Body::Pieces`].
#[derive(Debug, Clone)]
pub enum PieceOf {
    Memory(Bytes),
    /// Offset and length in the file.
    File(u64, u64),
}

/// A body that arrives with time.
pub trait BodyStream {
    /// The next bytes; `None` is the proper end. An error cuts the answer short for the client too.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>>;
    /// Moves what must move while no bytes are taken: an upload that is still under way.
    fn poll_pump(&mut self, cx: &mut Context<'_>);
    /// How much may be taken ahead of the client.
    fn ahead(&self) -> ReadAhead;
    /// The head is sent at once, without waiting for bytes of the body.
    fn eager(&self) -> bool;
    /// Each of the bytes that [`BodyStream::poll_next`] gives is a chunk of its own.
    fn apart(&self) -> bool {
        false
    }
    /// Where, within the bytes that [`BodyStream::poll_next`] gave last, a filter must hold nothing back: told once.
    fn take_ends(&mut self) -> Vec<usize> {
        Vec::new()
    }
    /// Its source ended: what it gave last, and still gives, is the rest.
    fn is_over(&self) -> bool {
        false
    }
    /// The last bytes that it is made of are on their way: trailers are made before these are sent.
    fn is_at_last(&self) -> bool {
        false
    }
    /// A client that leaves ends the whole.
    fn watches_client(&self) -> bool;
    /// What was taken ahead needed its temporary file: told once.
    fn spilled(&mut self, _number: u64) {}
    /// The client left: stop the source.
    fn abandon(&mut self);
    /// Each of its pieces is a chunk of its own.
    fn is_framed(&self) -> bool {
        false
    }
}

/// How far a body may run ahead of its reader: nginx's `proxy_buffers` and `proxy_max_temp_file_size`.
#[derive(Debug, Clone)]
pub struct ReadAhead {
    /// Bytes kept in memory.
    pub memory: usize,
    /// Bytes kept in an unlinked temporary file after that.
    pub file: u64,
    /// Folder of that file.
    pub folder: Arc<Path>,
}

/// The source of a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamCut {
    /// What came is sent, then the connection ends.
    Closed,
    /// The framing is broken: nothing that still waits is sent.
    Invalid,
}

/// How sending an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// All bytes sent for this request, head included.
    pub sent: u64,
    pub end: End,
    /// The connection waits for the next request.
    pub kept: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was sent.
    Complete,
    /// The source of the body broke off.
    Cut,
    /// The client left or its socket failed.
    ClientLeft,
    /// The client took nothing for `send_timeout`.
    TimedOut,
}
