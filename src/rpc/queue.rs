//! Where callers and the connection's task meet: calls waiting to be sent, calls waiting for a reply.

use super::frame::{Frame, Kind, millis};
use super::{CallError, Cause, Limits, Method};
use crate::model::Instant;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};
use tokio::sync::oneshot;

/// From this many calls under way on, the task lets every caller that is ready to run queue its call before it writes: one write for all.
/// Below, a lone call is not delayed.
const GATHER_FROM: usize = 4;

/// The calls of one connection.
pub(super) struct Queue(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    last_id: u64,
    /// Every call without a reply.
    waiting: BTreeMap<u64, Waiter>,
    /// Those of them that are not on the wire yet, oldest first; those given up meanwhile are still in here.
    unsent: VecDeque<Unsent>,
    unsent_bytes: usize,
    /// Sent, then given up: the peer is to be told.
    given_up: Vec<u64>,
    task: Option<Waker>,
    gathering: bool,
    ended: Option<Cause>,
}

struct Waiter {
    reply: oneshot::Sender<Result<Bytes, CallError>>,
    sent: bool,
}

struct Unsent {
    id: u64,
    method: Method,
    body: Bytes,
    until: Instant,
}

/// What [`Queue::take`] found.
pub(super) enum Taken {
    /// Frames were handed over; among them this many requests.
    Frames {
        /// How many were requests.
        requests: usize,
    },
    /// Nothing waits to be sent.
    Nothing,
    /// The connection is to end.
    End(Cause),
}

impl Queue {
    pub(super) fn new() -> Queue {
        Queue(Mutex::default())
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().expect("no panic while held")
    }

    /// Queues a call. `Ok(None)`: this connection has ended, use another.
    pub(super) fn begin(
        self: &Arc<Queue>,
        limits: &Limits,
        method: Method,
        body: Bytes,
        until: Instant,
    ) -> Result<Option<Call>, CallError> {
        let (reply, answer) = oneshot::channel();
        let mut calls = self.calls();
        if calls.ended.is_some() {
            return Ok(None);
        }
        let full = !calls.unsent.is_empty() && calls.unsent_bytes + body.len() > limits.queue_bytes;
        if full || calls.waiting.len() >= limits.calls {
            return Err(CallError::NotSent(Cause::QueueFull));
        }
        calls.last_id += 1;
        let id = calls.last_id;
        calls.waiting.insert(id, Waiter { reply, sent: false });
        calls.unsent_bytes += body.len();
        calls.unsent.push_back(Unsent { id, method, body, until });
        let task = calls.task.take();
        drop(calls);
        task.inspect(Waker::wake_by_ref);
        Ok(Some(Call { queue: self.clone(), id, answer, over: false }))
    }

    /// Hands frames to `send`, which takes their sizes into account and answers whether it has room for more.
    pub(super) fn take(&self, cx: &mut Context<'_>, now: Instant, mut send: impl FnMut(&Frame) -> bool) -> Taken {
        let mut calls = self.calls();
        if let Some(cause) = &calls.ended {
            return Taken::End(cause.clone());
        }
        if !calls.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            calls.task = Some(cx.waker().clone());
        }
        if calls.waits_to_gather() {
            cx.waker().wake_by_ref();
            return Taken::Nothing;
        }
        let mut requests = 0;
        let cancelled = std::mem::take(&mut calls.given_up);
        let mut room = true;
        for &id in &cancelled {
            room = send(&Frame::plain(Kind::Cancel, id, Bytes::new()));
        }
        while room && let Some(Unsent { id, method, body, until }) = calls.unsent.pop_front() {
            calls.unsent_bytes -= body.len();
            if let Some(waiter) = calls.waiting.get_mut(&id) {
                waiter.sent = true;
                requests += 1;
                room = send(&Frame { kind: Kind::Request, method, id, patience: millis(until.since(now)), body });
            }
        }
        if requests + cancelled.len() == 0 { Taken::Nothing } else { Taken::Frames { requests } }
    }

    /// Hands a reply to its caller. A reply nobody waits for is dropped: the caller gave up while it was on its way.
    pub(super) fn answer(&self, id: u64, reply: Result<Bytes, CallError>) {
        let waiter = self.calls().waiting.remove(&id);
        if let Some(waiter) = waiter {
            let _ = waiter.reply.send(reply);
        }
    }

    /// Whether a call is without a reply.
    pub(super) fn is_owed(&self) -> bool {
        !self.calls().waiting.is_empty()
    }

    /// Whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.calls().ended.is_some()
    }

    /// Ends the connection if no call is under way.
    pub(super) fn end_if_unused(&self, cause: Cause) -> bool {
        let mut calls = self.calls();
        if calls.waiting.is_empty() && calls.ended.is_none() {
            calls.ended = Some(cause);
        }
        calls.ended.is_some()
    }

    /// Ends the connection: every caller hears why, and the task stops. The first cause stays. Returns how many calls were under way.
    pub(super) fn end(&self, cause: &Cause) -> usize {
        let mut calls = self.calls();
        calls.ended.get_or_insert_with(|| cause.clone());
        calls.unsent.clear();
        calls.unsent_bytes = 0;
        let waiting = std::mem::take(&mut calls.waiting);
        let task = calls.task.take();
        drop(calls);
        task.inspect(Waker::wake_by_ref);
        let lost = waiting.len();
        for waiter in waiting.into_values() {
            let error = if waiter.sent { CallError::Unknown(cause.clone()) } else { CallError::NotSent(cause.clone()) };
            let _ = waiter.reply.send(Err(error));
        }
        lost
    }

    /// Forgets call `id`; whether it had been sent, or `None` if it is over.
    fn give_up(&self, id: u64) -> Option<bool> {
        let mut calls = self.calls();
        let waiter = calls.waiting.remove(&id)?;
        if waiter.sent && calls.ended.is_none() {
            calls.given_up.push(id);
            let task = calls.task.take();
            drop(calls);
            task.inspect(Waker::wake_by_ref);
        }
        Some(waiter.sent)
    }
}

impl Calls {
    /// Every other time while many calls are under way and one of them is unsent.
    fn waits_to_gather(&mut self) -> bool {
        self.gathering = !self.gathering && !self.unsent.is_empty() && self.waiting.len() >= GATHER_FROM;
        self.gathering
    }
}

/// A call under way. Dropping it gives the call up: unsent it never leaves, sent the peer is told.
pub(super) struct Call {
    queue: Arc<Queue>,
    id: u64,
    answer: oneshot::Receiver<Result<Bytes, CallError>>,
    over: bool,
}

impl Call {
    /// Waits for the reply.
    pub(super) async fn reply(&mut self) -> Result<Bytes, CallError> {
        let reply = (&mut self.answer).await;
        self.over = true;
        reply.unwrap_or(Err(CallError::Unknown(Cause::Closed)))
    }

    /// The caller's time is over.
    pub(super) fn expire(mut self) -> CallError {
        self.over = true;
        match self.queue.give_up(self.id) {
            Some(false) => CallError::NotSent(Cause::Patience),
            Some(true) | None => CallError::Unknown(Cause::Patience),
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.over {
            self.queue.give_up(self.id);
        }
    }
}
