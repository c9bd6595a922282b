//! Serves one connection: heads in, answers out, in order, until one side has enough.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use super::answer::{Answer, End, Lingering, Outcome, SendPolicy};
use super::body::RequestBody;
use super::connection::{Connection, LARGE_READ, ReadError, SMALL_READ};
use super::counts::OneMore;
use super::head::RequestHead;
use super::request_parser::{HeadLimits, HeadReader, Step};
use super::send::send;
use super::tcp_info;
use super::turn::UnderWay;

/// A request as it reaches the application.
pub struct Incoming {
    pub connection: Rc<Connection>,
    pub head: Rc<RequestHead>,
    pub body: Rc<RequestBody>,
    /// When its first byte was seen.
    pub started: Instant,
    /// The client is gone or silent: there is nobody to answer, only something to log.
    pub gone: Option<Gone>,
}

/// How a client left before its head was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// 408
    TimedOut,
    /// 400
    Closed,
    /// 400: reading failed with this code of the system's.
    Failed(i32),
}

/// Rules for reading heads on a connection.
#[derive(Debug, Clone)]
pub struct HeadRules {
    pub limits: HeadLimits,
    /// Time for a whole head.
    pub timeout: Duration,
}

/// How a connection ended that waited for a request, where the client did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    Closed,
    TimedOut,
    /// With the error's number.
    Failed(i32),
}

/// Who answers requests.
pub trait Handler {
    /// The connection ends, and no request is under way.
    fn unasked(&self, connection: &Connection, end: Unasked);
    /// The rules of the server that `host` names, where they are not the connection's.
    fn limits(&self, host: &[u8]) -> Option<HeadLimits>;
    fn handle(&self, incoming: Incoming) -> impl Future<Output = Answer>;
}

/// The connections of a worker, so that idle ones can be told to end.
#[derive(Debug, Default)]
pub struct Registry {
    connections: RefCell<Vec<Weak<Connection>>>,
    draining: Cell<bool>,
}

impl Registry {
    fn add(&self, connection: &Rc<Connection>) {
        let mut connections = self.connections.borrow_mut();
        if connections.len() == connections.capacity() {
            connections.retain(|c| c.strong_count() > 0);
        }
        connections.push(Rc::downgrade(connection));
        if self.draining.get() {
            // It came at the last moment: what it has sent is answered, and nobody waits for more.
            connection.stream.shutdown_read();
        }
    }

    /// Ends the connections that idle or linger, the oldest first: an eighth of them, one at least, 32 at most (as nginx where
    /// connections are few). Gives their number.
    pub fn end_idle(&self) -> usize {
        let connections = self.connections.borrow();
        let alive = connections.iter().filter_map(Weak::upgrade);
        let idle: Vec<_> = alive
            .filter(|c| c.idle.get() || c.lingering.get())
            .collect();
        let count = (idle.len() / 8).clamp(1, 32).min(idle.len());
        for connection in idle.iter().take(count) {
            connection.idle.set(false);
            connection.lingering.set(false);
            connection.stream.shutdown_read();
        }
        count
    }

    /// No connection serves another request: idle ones end at once, the others after their answer.
    pub fn drain(&self) {
        self.draining.set(true);
        for connection in self.connections.borrow().iter().filter_map(Weak::upgrade) {
            if connection.idle.replace(false) {
                connection.stream.shutdown_read();
            }
        }
    }
}

/// Serves `connection` to its end.
pub async fn serve(
    connection: Rc<Connection>,
    rules: &HeadRules,
    registry: &Registry,
    handler: &impl Handler,
) {
    registry.add(&connection);
    let mut idle_timeout = rules.timeout;
    let mut reader = HeadReader::new();
    loop {
        let started = match wait_for_request(&connection, idle_timeout).await {
            Ok(started) => started,
            Err(None) => return,
            Err(Some(end)) => return handler.unasked(&connection, end),
        };
        // A first head has what is left of its connection's time; a later one has a time of its own.
        if connection.requests.get() > 0 {
            connection.timer.clear();
        }
        connection.requests.set(connection.requests.get() + 1);
        let counted = connection.counted.request();
        connection.sent.set(0);
        let (head, gone) = match read_head(&connection, rules, &mut reader, handler).await {
            Read::Head(head) => {
                if head.bad.is_none() {
                    counted.is_read();
                }
                (head, None)
            }
            Read::Gone(head, gone) => (head, Some(gone)),
            Read::Nothing => return,
        };
        let under_way = UnderWay::begin();
        let head = Rc::new(head);
        let body = Rc::new(RequestBody::new(connection.clone(), &head));
        let incoming = Incoming {
            connection: connection.clone(),
            head: head.clone(),
            body: body.clone(),
            started,
            gone,
        };
        let mut answer = handler.handle(incoming).await;
        let policy = answer.policy;
        let (next, mut outcome) = answer_one(&connection, &mut answer, &body).await;
        drop(under_way);
        let keep = next == Next::KeepAlive
            && !registry.draining.get()
            && !connection.eof.get()
            && !policy.keepalive_timeout.is_zero();
        let _waiting = match !keep && next != Next::Close {
            true => close(&connection, &policy, &body).await,
            false => None,
        };
        // nginx writes the log's line when nothing of the request is left to do: it lingers first.
        if let Some(done) = answer.done.take() {
            counted.is_answered();
            outcome.kept = keep;
            done(&outcome);
        }
        if !keep {
            return;
        }
        connection.pipelined.set(reader.begin_next(body.end()));
        idle_timeout = policy.keepalive_timeout;
    }
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    KeepAlive,
    /// Close; linger if the policy and the circumstances ask for it.
    End,
    /// Close at once.
    Close,
}

/// Waits for the first byte of a request.
///
/// # Errors
/// The connection ends instead: `None` where it was told to.
async fn wait_for_request(
    connection: &Connection,
    timeout: Duration,
) -> Result<Instant, Option<Unasked>> {
    if connection.input.borrow().is_empty() {
        let _waiting = connection.counted.waiting();
        connection.idle.set(true);
        connection.timer.set(timeout);
        let filled = connection.fill(SMALL_READ).await;
        let told = !connection.idle.replace(false);
        filled.map_err(|error| match error {
            _ if told => None,
            ReadError::TimedOut => Some(Unasked::TimedOut),
            ReadError::Closed => Some(Unasked::Closed),
            ReadError::Io(error) => error.raw_os_error().map(Unasked::Failed),
        })?;
    }
    Ok(Instant::now())
}

enum Read {
    Head(RequestHead),
    Gone(RequestHead, Gone),
    /// The client sent nothing that counts as a request.
    Nothing,
}

async fn read_head(
    connection: &Connection,
    rules: &HeadRules,
    reader: &mut HeadReader,
    handler: &impl Handler,
) -> Read {
    let mut limits = |host: &[u8]| handler.limits(host);
    loop {
        let step = reader.advance_with(
            &mut connection.input.borrow_mut(),
            &rules.limits,
            &mut limits,
        );
        if let Step::Done(head) = step {
            connection.timer.clear();
            return Read::Head(head);
        }
        if !connection.timer.is_set() {
            connection.timer.set(rules.timeout);
        }
        let gone = match connection.fill(SMALL_READ).await {
            Ok(_) => continue,
            Err(ReadError::TimedOut) => Gone::TimedOut,
            Err(ReadError::Closed) => Gone::Closed,
            Err(ReadError::Io(error)) => error.raw_os_error().map_or(Gone::Closed, Gone::Failed),
        };
        let input = connection.input.borrow();
        if !reader.started() {
            return Read::Nothing;
        }
        return Read::Gone(reader.partial(&input), gone);
    }
}

/// Sends the answer, and deals with what was not read of the request's body. `answer.done` is left to the caller.
async fn answer_one(
    connection: &Rc<Connection>,
    answer: &mut Answer,
    body: &RequestBody,
) -> (Next, Outcome) {
    if answer.silent {
        if answer.reset {
            connection.stream.reset_on_close();
        }
        let outcome = match answer.interim.is_empty() {
            true => Outcome {
                // A `100 Continue` may have gone before.
                sent: connection.sent.get(),
                end: End::Complete,
                kept: false,
            },
            false => send(connection, answer).await,
        };
        return (Next::Close, outcome);
    }
    let outcome = send(connection, answer).await;
    let next = match outcome.end {
        End::Complete if !connection.broken.get() => behind(connection, answer, body).await,
        _ => Next::Close,
    };
    (next, outcome)
}

/// What becomes of the connection behind an answer that was sent; the rest of the request's body is thrown away first.
async fn behind(connection: &Connection, answer: &Answer, body: &RequestBody) -> Next {
    if body.is_half_read() {
        return Next::End;
    }
    let is_left = !body.is_done() && !body.has_failed();
    if is_left && !discard(connection, &answer.policy, body).await {
        return Next::Close;
    }
    if answer.keep_alive && !body.has_failed() {
        Next::KeepAlive
    } else {
        Next::End
    }
}

/// How long bytes are read that nobody wants: `lingering_time` altogether, `lingering_timeout` without any.
struct Patience {
    until: Instant,
    each: Duration,
}

impl Patience {
    fn begin(policy: &SendPolicy) -> Self {
        Self {
            until: Instant::now() + policy.lingering_time,
            each: policy.lingering_timeout,
        }
    }

    /// Time for the next bytes, now that some came; none where it is over altogether.
    fn left(&self) -> Option<Duration> {
        let rest = self.until.saturating_duration_since(Instant::now());
        (!rest.is_zero()).then(|| rest.min(self.each))
    }
}

/// Reads the rest of the body and forgets it, as long as lingering allows; true if it came to its end.
async fn discard(connection: &Connection, policy: &SendPolicy, body: &RequestBody) -> bool {
    let patience = Patience::begin(policy);
    body.set_rules(policy.lingering_timeout, 0);
    body.forget_expect();
    body.throw_away();
    connection.timer.clear();
    loop {
        match std::future::poll_fn(|cx| body.poll_next(cx)).await {
            None => return true,
            Some(Ok(_)) => match patience.left() {
                Some(time) => body.set_rules(time, 0),
                None => return false,
            },
            Some(Err(_)) => return false,
        }
    }
}

/// Ends the connection; lingers where closing at once could reset it and lose the answer (RFC 9112, 9.6). One that
/// lingered counts among those that wait, until its request is logged.
async fn close<'a>(
    connection: &'a Connection,
    policy: &SendPolicy,
    body: &RequestBody,
) -> Option<OneMore<'a>> {
    let more = !connection.input.borrow().is_empty() || policy.lingers_for_body || !body.is_done();
    let linger = match policy.lingering {
        Lingering::Always => true,
        Lingering::On => more || connection.pending_input(),
        Lingering::Off => false,
    };
    if !linger || connection.eof.get() {
        return None;
    }
    connection
        .last_tcp_info
        .set(tcp_info::of(&connection.stream));
    connection.stream.shutdown_write();
    connection.lingering.set(true);
    let waiting = connection.counted.waiting();
    let patience = Patience::begin(policy);
    connection.timer.set(policy.lingering_timeout);
    loop {
        connection.input.borrow_mut().clear();
        if connection.fill(LARGE_READ).await.is_err() {
            return Some(waiting);
        }
        match patience.left() {
            Some(time) => connection.timer.set(time),
            None => return Some(waiting),
        }
    }
}
