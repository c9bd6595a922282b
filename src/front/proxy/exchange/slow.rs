//! `proxy_limit_rate`: how much of an answer's body may be read now (nginx's arithmetic: whole seconds, no more than the
//! buffers take, and a pause after each read for as long as its bytes stand for).

use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::wire::pace::seconds;

use super::super::pieces::Pieces;
use super::{Exchange, Slow};

impl Exchange {
    /// A read will bring no more than its buffers take.
    pub fn make_room(&mut self, pieces: &mut Pieces) {
        if self.limits.rate > 0
            && let Some(end) = pieces.end_of_room(self.behind_head)
        {
            self.end_of_room = end;
        }
    }

    /// Ready with the number of bytes that may be read now; waits while there are none.
    pub(super) fn poll_allowance(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let rate = self.limits.rate;
        if rate == 0 {
            return Poll::Ready(usize::MAX);
        }
        if self.slow.is_none() {
            self.slow = Some(Slow {
                since: crate::front::variables::now(),
                delayed: false,
            });
            // What came with the head counts.
            self.pause(self.behind_head);
        }
        loop {
            let Some(slow) = &mut self.slow else {
                return Poll::Ready(usize::MAX);
            };
            if slow.delayed {
                ready!(self.client.upstream_timer.poll_expired(cx));
                slow.delayed = false;
                self.client.upstream_timer.set(self.limits.read);
            }
            let total = rate.saturating_mul(seconds(slow.since));
            if total > self.behind_head {
                let room = self.end_of_room.saturating_sub(self.behind_head);
                let most = match room {
                    // Framing filled the buffer, and nobody was asked for the next.
                    0 => total - self.behind_head,
                    _ => room.min(total - self.behind_head),
                };
                return Poll::Ready(usize::try_from(most).unwrap_or(usize::MAX));
            }
            self.wait((self.behind_head - total).saturating_mul(1000) / rate + 1);
        }
    }

    /// After so many bytes nothing is read for as long as they stand for.
    pub(super) fn pause(&mut self, read: u64) {
        if let Some(millis) = read.saturating_mul(1000).checked_div(self.limits.rate)
            && millis > 0
        {
            self.wait(millis);
        }
    }

    fn wait(&mut self, millis: u64) {
        if let Some(slow) = &mut self.slow {
            slow.delayed = true;
            self.client
                .upstream_timer
                .set(Duration::from_millis(millis));
        }
    }
}
