//! awc over an [`Exchange`]: awc is the client of every upstream request, the exchange is its connection.
//!
//! awc cannot write nginx's head, nor tell a cut body from a whole one. So its connector hands it an `Io` that swallows
//! the head awc writes, makes the exchange send its own, and shows awc one of two plain heads and then the body's bytes.
//! One frozen request serves every exchange of a worker; the exchange reaches the connector by a thread-local that is
//! set around every poll of awc's future (awc may connect at any of them).

use std::cell::RefCell;
use std::fmt;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_rt::net::{ActixStream, Ready as Readiness};
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::error::SendRequestError;
use awc::http::Uri;
use awc::{Client, ClientResponse, Connector, FrozenClientRequest};
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::exchange::{BodyBuffer, Exchange};

/// An exchange as awc's side and ours share it.
pub type Shared = Rc<RefCell<Exchange>>;

thread_local! {
    /// The exchange whose request is being polled.
    static CURRENT: RefCell<Option<Shared>> = const { RefCell::new(None) };
}

/// awc could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be prepared: {0}")]
pub struct ClientError(String);

/// The HTTP client of a worker.
pub struct UpstreamClient {
    request: FrozenClientRequest,
}

impl UpstreamClient {
    /// Prepares awc: no time-outs, redirects or fields of its own; the exchange has nginx's.
    ///
    /// # Errors
    /// awc refused its own frozen request.
    pub fn new() -> Result<Self, ClientError> {
        const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
        let connector = Connector::new().connector(Dial).limit(0).timeout(NEVER);
        let client = Client::builder()
            .connector(connector)
            .disable_timeout()
            .disable_redirects()
            .no_default_headers()
            .finish();
        let request = client
            .get("http://upstream/")
            .insert_header(("host", "upstream"))
            .force_close()
            .no_decompress()
            .freeze()
            .map_err(|error| ClientError(error.to_string()))?;
        Ok(Self { request })
    }

    /// Has awc run an exchange whose answer's head is there; what the answer is tells the exchange, its body comes by the
    /// response.
    ///
    /// awc is asked no earlier, because each of its requests has a clock of its own, which wakes the reactor unless the
    /// request is over (or its body flows) by the time that the clock's task would run.
    ///
    /// # Errors
    /// The exchange failed; it knows why.
    pub async fn send(&self, exchange: &Shared) -> Result<ClientResponse, SendRequestError> {
        let mut sending = self.request.send();
        std::future::poll_fn(|cx| {
            CURRENT.with_borrow_mut(|current| *current = Some(exchange.clone()));
            let polled = Pin::new(&mut sending).poll(cx);
            CURRENT.with_borrow_mut(|current| *current = None);
            polled
        })
        .await
    }
}

/// awc's connector: the connection is the current exchange.
#[derive(Clone, Copy)]
struct Dial;

impl Service<ConnectInfo<Uri>> for Dial {
    type Response = Connection<Uri, Io>;
    type Error = ConnectError;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, info: ConnectInfo<Uri>) -> Self::Future {
        let exchange = CURRENT.with_borrow(Clone::clone);
        ready(match exchange {
            Some(exchange) => Ok(Connection::new(
                info.request().clone(),
                Io {
                    exchange,
                    shown: Bytes::new(),
                    stage: Stage::Head,
                    rest: Bytes::new(),
                },
            )),
            None => Err(ConnectError::Unresolved),
        })
    }
}

/// What awc takes for a socket.
struct Io {
    exchange: Shared,
    /// What is left to show of the plain head.
    shown: Bytes,
    stage: Stage,
    /// A chunk's bytes that did not fit awc's buffer.
    rest: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The answer's head is waited for.
    Head,
    /// The plain head is shown, then the body.
    Body,
}

/// A body follows, up to the end of the stream.
const WITH_BODY: &[u8] = b"HTTP/1.0 200 OK\r\n\r\n";
/// No body follows.
const WITHOUT_BODY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut exchange = this.exchange.borrow_mut();
        if this.stage == Stage::Head {
            match std::task::ready!(exchange.poll_head(cx)) {
                Ok(()) if exchange.has_no_body() => this.shown = Bytes::from_static(WITHOUT_BODY),
                Ok(()) => this.shown = Bytes::from_static(WITH_BODY),
                Err(()) => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            }
            this.stage = Stage::Body;
        }
        let n = this.shown.len().min(buf.remaining());
        buf.put_slice(&this.shown.split_to(n));
        if n > 0 && (exchange.has_no_body() || buf.remaining() == 0) {
            return Poll::Ready(Ok(()));
        }
        // What is there of the body goes along with the head; how it ends is told the next time, as often as it is asked.
        let mut out = BodyBuffer {
            room: buf,
            rest: &mut this.rest,
        };
        match exchange.poll_body(cx, &mut out) {
            Poll::Ready(Err(())) if n == 0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Pending if n == 0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// awc's own head is swallowed: the exchange has sent, or will send, the true one.
impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl ActixStream for Io {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        Poll::Ready(Ok(Readiness::ALL))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Readiness>> {
        Poll::Ready(Ok(Readiness::ALL))
    }
}
