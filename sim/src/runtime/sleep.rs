//! Sleeping on a clock that drifts.

use crate::world::{self, Event, EventKey, Who};
use muster::model::Instant;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Completes when the node's monotonic clock shows the deadline. It holds one event of the world's queue, taken back when it is dropped.
#[derive(Debug)]
pub struct Sleep {
    deadline: Instant,
    waiting: Option<EventKey>,
}

impl Sleep {
    /// A sleep until `deadline` on the clock of whoever polls it.
    pub fn until(deadline: Instant) -> Sleep {
        Sleep { deadline, waiting: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let id = madsim::plugin::node();
        let deadline = self.deadline.as_nanos();
        world::with(|w| {
            let who: Who = w.who(id);
            let now = w.now();
            let clock = &w.host(who).clock;
            if clock.monotonic(now) >= deadline {
                return Poll::Ready(());
            }
            let at = clock.world_time_of(deadline, now);
            if !self.waiting.is_some_and(|key| w.rewake(key, cx.waker())) {
                self.waiting = Some(w.schedule(at, Event::Timer { who, waker: cx.waker().clone() }));
            }
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.waiting {
            world::try_with(|w| w.unschedule(key));
        }
    }
}
