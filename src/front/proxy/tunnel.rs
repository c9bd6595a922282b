//! A connection that was switched to another protocol (101): bytes both ways until either side ends or is late.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};

use crate::config::model::LogLevel;
use crate::front::log;
use crate::wire::answer::{BodyStream, ReadAhead, StreamCut};
use crate::wire::connection::Connection;

use super::exchange::Limits;
use super::pool::PeerConnection;
use super::transport::Shared;

/// Both directions of a tunnel; the client's writing side is driven by whoever reads this stream.
pub struct Tunnel {
    pub upstream: PeerConnection,
    pub client: Rc<Connection>,
    /// Arrived with the answer's head.
    pub early: Bytes,
    /// Of the client's, waiting to be sent on.
    pub from_client: BytesMut,
    pub limits: Limits,
    /// For the counts of `$upstream_…`.
    pub exchange: Shared,
    pub context: log::Context,
    /// As error lines name the upstream.
    pub url: String,
}

/// How the client's direction stands.
enum Upward {
    Waits,
    /// The client ended, and all that it sent was passed on; or the upstream takes nothing more.
    Over,
}

impl Tunnel {
    /// Passes the client's bytes on; the upstream's clock starts anew when any moved.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Upward {
        loop {
            if self.from_client.is_empty() {
                self.from_client = std::mem::take(&mut *self.client.input.borrow_mut());
            }
            while !self.from_client.is_empty() {
                let slices = [std::io::IoSlice::new(&self.from_client)];
                match self.upstream.stream.poll_write(cx, &slices) {
                    Poll::Ready(Ok(n)) => {
                        self.from_client.advance(n);
                        self.exchange.borrow().sent_more(n);
                        self.client.upstream_timer.set(self.limits.read);
                    }
                    Poll::Ready(Err(_)) => return Upward::Over,
                    Poll::Pending => return Upward::Waits,
                }
            }
            if self.client.eof.get() {
                return Upward::Over;
            }
            let room = self.limits.head;
            match self
                .client
                .stream
                .poll_read(cx, &mut self.from_client, room)
            {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => self.client.eof.set(true),
                Poll::Ready(Ok(_)) => self.client.upstream_timer.set(self.limits.read),
                Poll::Pending => return Upward::Waits,
            }
        }
    }
}

impl BodyStream for Tunnel {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamCut>>> {
        let upward = self.poll_up(cx);
        if !self.early.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.early))));
        }
        if matches!(upward, Upward::Over) {
            self.exchange.borrow_mut().ended();
            return Poll::Ready(None);
        }
        let mut bytes = BytesMut::new();
        match self
            .upstream
            .stream
            .poll_read(cx, &mut bytes, self.limits.head)
        {
            Poll::Ready(Ok(0)) => {
                self.exchange.borrow_mut().ended();
                Poll::Ready(None)
            }
            Poll::Ready(Ok(n)) => {
                self.exchange.borrow().received_more(n);
                self.client.upstream_timer.set(self.limits.read);
                Poll::Ready(Some(Ok(bytes.freeze())))
            }
            Poll::Ready(Err(error)) => {
                let error = log::os_error(&error);
                let message = format!("recv() failed ({error}) while proxying upgraded connection");
                self.context
                    .error_at(LogLevel::Error, &message, Some(&self.url));
                self.exchange.borrow_mut().ended();
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.client.upstream_timer.poll_expired(cx));
                let message = "upstream timed out (110: Connection timed out) while proxying upgraded connection";
                self.context
                    .error_at(LogLevel::Info, message, Some(&self.url));
                self.exchange.borrow_mut().ended();
                Poll::Ready(None)
            }
        }
    }

    fn poll_pump(&mut self, cx: &mut Context<'_>) {
        self.poll_up(cx);
    }

    fn ahead(&self) -> ReadAhead {
        ReadAhead {
            memory: self.limits.head,
            file: 0,
            folder: std::path::Path::new("").into(),
        }
    }

    fn eager(&self) -> bool {
        true
    }

    /// The client is read here.
    fn watches_client(&self) -> bool {
        false
    }

    fn abandon(&mut self) {
        self.exchange.borrow_mut().ended();
    }
}
