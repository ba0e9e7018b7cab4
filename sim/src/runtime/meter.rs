//! What each machine costs: bytes it sent and received, and how often its tasks were polled. Off unless a scenario asks for it.
//!
//! Real time cannot be told apart by machines: whoever reads a clock here is told the world's time. Polls stand for work; the processor time of
//! all machines together is the process's own.

use crate::trace::Entry;
use crate::world::{self, Who};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;

/// What a machine cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
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
        Cost { polls: self.polls - earlier.polls, sent: self.sent - earlier.sent, received: self.received - earlier.received }
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
pub(super) async fn metered<F: Future>(task: F) -> F::Output {
    let mut task = pin!(task);
    poll_fn(|cx| {
        if ON.get() {
            COSTS.with_borrow_mut(|costs| costs.entry(world::me()).or_default().polls += 1);
        }
        task.as_mut().poll(cx)
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

/// Processor time of this process in seconds, from `/proc/self/stat` (fields 14 and 15, in ticks of 10 ms).
pub fn processor_seconds() -> Result<f64, String> {
    let stat = std::fs::read_to_string("/proc/self/stat").map_err(|e| format!("/proc/self/stat: {e}"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok());
    ticks(11).zip(ticks(12)).map(|(user, system)| (user + system) / 100.0).ok_or_else(|| "/proc/self/stat is not understood".to_owned())
}
