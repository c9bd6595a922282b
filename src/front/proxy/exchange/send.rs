//! The sending side of an exchange: connect, head, body.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use bytes::Buf;

use crate::wire::chunked::write_chunk_head;
use crate::wire::spool::Spool;

use super::{Exchange, Failure, Link, Upload};

/// Most slices of one write.
const MAX_SLICES: usize = 32;
/// Most bytes of a live upload that wait to be sent.
const MAX_PENDING: usize = 64 * 1024;

impl Exchange {
    pub(super) fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let Link::Connecting(connecting) = &mut self.link else {
            return Poll::Ready(Ok(()));
        };
        match connecting.as_mut().poll(cx) {
            Poll::Pending => self.poll_timer(cx, "connecting to upstream"),
            Poll::Ready(Err(failure)) => Poll::Ready(Err(failure)),
            Poll::Ready(Ok(connection)) => {
                // One write and no more to come has nothing to be delayed by.
                if self.keeps || !self.upload_done {
                    connection.stream.set_nodelay();
                }
                self.link = Link::Up(connection);
                let elapsed = self.started.elapsed();
                self.states.last(|s| s.connect_time = Some(elapsed));
                self.client.upstream_timer.set(self.limits.send);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Sends what there is to send; ready when all was sent.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
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

    pub(super) fn after_request(&self) {
        self.client.upstream_timer.set(self.limits.read);
    }

    /// Brings more of the upload to where it can be sent from.
    pub(super) fn poll_refill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
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
            Upload::Live(live) => {
                if self.pending.len() >= MAX_PENDING {
                    return Poll::Ready(Ok(()));
                }
                let next = match live.first.pop_front() {
                    Some(bytes) => Some(Ok(bytes)),
                    None => ready!(live.body.poll_next(cx)),
                };
                match next {
                    None => {
                        if live.chunked {
                            self.pending.extend_from_slice(b"0\r\n\r\n");
                        }
                        let rest = std::mem::take(&mut self.pending).freeze();
                        let mut last = Box::new(Spool::new());
                        let _ = last.push_end(rest, std::path::Path::new("/"));
                        self.upload_done = last.is_empty();
                        self.upload = Upload::Spool(last);
                    }
                    Some(Ok(bytes)) if live.chunked => {
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

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
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
    pub(super) fn written(&mut self, mut n: usize) {
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

    /// Keeps an upload moving while nobody reads the answer.
    pub fn poll_pump(&mut self, cx: &mut Context<'_>) {
        if !self.request_sent() && self.failure.is_none() {
            let _ = self.poll_send(cx);
        }
    }
}
