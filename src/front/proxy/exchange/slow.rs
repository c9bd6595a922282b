//! `proxy_limit_rate`: how much of an answer's body may be read now (nginx's arithmetic: whole seconds, and a pause
//! after each read for as long as its bytes stand for).

use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::wire::pace::seconds;

use super::{Exchange, Slow};

impl Exchange {
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
                let most = total - self.behind_head;
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
