//! What each machine costs: bytes it sent and received, and real processor time its tasks took. Off unless a scenario asks for it.
//!
//! The processor time is the real one of this process, spent in polls of the machine's tasks: it depends on where the run is made, and nothing
//! in a run depends on it.

use crate::trace::Entry;
use crate::world::{self, Who};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

/// What a machine cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Processor time of its tasks.
    pub busy: Duration,
    /// Times a task of it was polled.
    pub polls: u64,
    /// Bytes it sent, UDP and TCP.
    pub sent: u64,
    /// Bytes it received.
    pub received: u64,
}

impl Cost {
    /// What was added since `earlier`.
    pub fn since(self, earlier: Cost) -> Cost {
        Cost {
            busy: self.busy.saturating_sub(earlier.busy),
            polls: self.polls - earlier.polls,
            sent: self.sent - earlier.sent,
            received: self.received - earlier.received,
        }
    }
}

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
    static COSTS: RefCell<BTreeMap<Who, Cost>> = const { RefCell::new(BTreeMap::new()) };
}

/// Measures from now on, for the rest of this thread.
pub fn switch_on() {
    ON.set(true);
}

/// What a machine cost so far.
pub fn cost(who: Who) -> Cost {
    COSTS.with_borrow(|costs| costs.get(&who).copied().unwrap_or_default())
}

/// A task whose polls are measured.
#[expect(clippy::disallowed_methods, reason = "it is the processor's time that is measured; nothing of it reaches the run")]
pub(super) async fn metered<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    poll_fn(|cx| {
        let began = ON.get().then(Instant::now);
        let polled = task.as_mut().poll(cx);
        if let Some(began) = began {
            let who = world::me();
            COSTS.with_borrow_mut(|costs| {
                let cost = costs.entry(who).or_default();
                cost.busy += began.elapsed();
                cost.polls += 1;
            });
        }
        polled
    })
    .await
}

/// An event of a machine's sockets.
pub(crate) fn note(who: Who, entry: &Entry) {
    if !ON.get() {
        return;
    }
    let (sent, received) = match entry.kind {
        "tcp.write" | "udp.send" => (entry.len as u64, 0),
        "tcp.read" => (0, entry.numbers[1]),
        "udp.arrive" => (0, entry.len as u64),
        _ => return,
    };
    COSTS.with_borrow_mut(|costs| {
        let cost = costs.entry(who).or_default();
        cost.sent += sent;
        cost.received += received;
    });
}
