//! Waiting for hardware: on the world's time, not on a node's clock.

use crate::world::{self, Event, EventKey};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Completes after a span of the world's time, whatever the node's clock shows.
#[derive(Debug)]
pub struct KernelWait {
    until: u64,
    waiting: Option<EventKey>,
}

impl KernelWait {
    /// A wait of `wait` from now.
    pub fn after(wait: Duration) -> KernelWait {
        KernelWait { until: world::with(|w| w.now()) + wait.as_nanos() as u64, waiting: None }
    }
}

impl Future for KernelWait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let who = world::me();
        world::with(|w| {
            if w.now() >= self.until {
                return Poll::Ready(());
            }
            if !self.waiting.is_some_and(|key| w.rewake(key, cx.waker())) {
                self.waiting = Some(w.schedule(self.until, Event::Timer { who, waker: cx.waker().clone() }));
            }
            Poll::Pending
        })
    }
}

impl Drop for KernelWait {
    fn drop(&mut self) {
        if let Some(key) = self.waiting {
            world::try_with(|w| w.unschedule(key));
        }
    }
}
