//! One accepted connection's conversation: requests in, handlers driven, replies out, all by one task.

use super::counters::{Counters, count};
use super::frame::{Frame, Kind};
use super::wire::Wire;
use super::{Limits, Method};
use crate::model::Instant;
use crate::runtime::Runtime;
use bytes::Bytes;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes of replies that may wait to be written. While more do, no handler is driven and nothing is read.
const REPLIES: usize = 1 << 20;

/// What came of one request.
type Outcome = (u64, Result<Bytes, String>);

/// A connection past its hello. `B` begins the handling of a request.
pub(super) struct Serving<'a, R: Runtime, S, B, F> {
    wire: Wire<S>,
    begin: B,
    limits: &'a Limits,
    counters: &'a Counters,
    running: FuturesUnordered<Abortable<F>>,
    in_flight: BTreeMap<u64, Request>,
    /// Of the requests in flight: those of long patience, and the bytes of all bodies.
    waits: usize,
    bytes: usize,
    /// A cancel was heard: the peer is owed a sign of life although nothing may be in flight.
    owes_sign: bool,
    /// Last time a frame was pushed, a frame was heard, and the stream took bytes.
    spoke: Instant,
    heard: Instant,
    written: Instant,
    clock: Pin<Box<R::Sleep>>,
    armed: Instant,
}

struct Request {
    until: Instant,
    bytes: usize,
    weight: Weight,
    abort: AbortHandle,
}

/// How a request counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// It will soon be done: it may hold up the reading of others.
    Short,
    /// It may wait for long: it must not.
    Wait,
}

impl<'a, R, S, B, F> Serving<'a, R, S, B, F>
where
    R: Runtime,
    S: AsyncRead + AsyncWrite + Unpin,
    B: Fn(u64, Method, Bytes) -> F,
    F: Future<Output = Outcome>,
{
    pub(super) fn new(wire: Wire<S>, begin: B, limits: &'a Limits, counters: &'a Counters) -> Self {
        let now = R::now();
        let armed = now + limits.idle * 2;
        Serving {
            wire,
            begin,
            limits,
            counters,
            running: FuturesUnordered::new(),
            in_flight: BTreeMap::new(),
            waits: 0,
            bytes: 0,
            owes_sign: false,
            spoke: now,
            heard: now,
            written: now,
            clock: Box::pin(R::sleep_until(armed)),
            armed,
        }
    }

    /// Requests begun and not done.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Ready with the reason why the conversation is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
        loop {
            let heard = match self.read(cx) {
                Ok(heard) => heard,
                Err(why) => return Poll::Ready(why),
            };
            let full = !self.has_room();
            self.drive_handlers(cx);
            let stuck = self.is_stuck();
            self.sign();
            if let Err(why) = self.write(cx) {
                return Poll::Ready(why);
            }
            if heard || (stuck && !self.is_stuck()) || (full && self.has_room()) {
                continue;
            }
            match self.poll_clock(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(why)) => return Poll::Ready(why),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Drives the handlers that were woken and queues their replies.
    fn drive_handlers(&mut self, cx: &mut Context<'_>) {
        while !self.is_stuck()
            && let Poll::Ready(Some(done)) = self.running.poll_next_unpin(cx)
        {
            // An aborted one was accounted for when it was given up.
            if let Ok((id, outcome)) = done {
                self.reply(id, outcome);
            }
        }
    }

    /// Whether the peer takes its replies too slowly for more of them to be made.
    fn is_stuck(&self) -> bool {
        self.wire.unwritten() >= REPLIES
    }

    fn reply(&mut self, id: u64, outcome: Result<Bytes, String>) {
        if self.forget(id).is_none() {
            return;
        }
        let frame = match outcome {
            Ok(body) if body.len() > self.limits.reply => {
                let text = format!("the reply of {} bytes is longer than {}", body.len(), self.limits.reply);
                Frame::plain(Kind::Refusal, id, text.into())
            }
            Ok(body) => Frame::plain(Kind::Reply, id, body),
            Err(mut text) => {
                text.truncate(text.floor_char_boundary(self.limits.frame));
                Frame::plain(Kind::Refusal, id, text.into())
            }
        };
        self.push(&frame);
    }

    fn push(&mut self, frame: &Frame) {
        self.spoke = R::now();
        if self.wire.unwritten() == 0 {
            self.written = self.spoke;
        }
        self.owes_sign = false;
        self.wire.push(frame);
    }

    /// Answers a cancel if nothing else is about to be said.
    fn sign(&mut self) {
        if self.owes_sign {
            self.push(&Frame::plain(Kind::Alive, 0, Bytes::new()));
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), String> {
        let before = self.wire.unwritten();
        let done = self.wire.poll_write(cx);
        if self.wire.unwritten() < before {
            self.written = R::now();
        }
        match done {
            Poll::Ready(Err(e)) => Err(e.to_string()),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Begins what was read, then reads once more if there is room; whether anything was read.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, String> {
        self.begin_requests()?;
        if !self.has_room() {
            return Ok(false);
        }
        match self.wire.poll_read(cx) {
            Poll::Ready(Ok(())) => {
                self.heard = R::now();
                self.begin_requests()?;
                Ok(true)
            }
            Poll::Ready(Err(e)) => Err(e.to_string()),
            Poll::Pending => Ok(false),
        }
    }

    /// The bound is soft by one body: a lone request of any legal size is always taken.
    fn has_room(&self) -> bool {
        self.in_flight.len() - self.waits < self.limits.in_flight && self.bytes < self.limits.in_flight_bytes && !self.is_stuck()
    }

    fn begin_requests(&mut self) -> Result<(), String> {
        while self.has_room() {
            match self.wire.next() {
                Ok(Some(frame)) => self.hear_frame(frame)?,
                Ok(None) => return Ok(()),
                Err(e) => return Err(self.malformed(e.to_string())),
            }
        }
        Ok(())
    }

    fn hear_frame(&mut self, frame: Frame) -> Result<(), String> {
        match frame.kind {
            Kind::Request => self.hear_request(frame),
            Kind::Cancel => {
                self.owes_sign = true;
                if self.forget(frame.id).is_some() {
                    count(&self.counters.abandoned);
                }
                Ok(())
            }
            Kind::Hello | Kind::Reply | Kind::Refusal | Kind::Alive | Kind::Busy => {
                Err(self.malformed(format!("a peer that asks sent a frame of kind {:?}", frame.kind)))
            }
        }
    }

    fn hear_request(&mut self, frame: Frame) -> Result<(), String> {
        let Frame { id, method, patience, body, .. } = frame;
        if self.in_flight.contains_key(&id) {
            return Err(self.malformed(format!("request id {id} is in use")));
        }
        count(&self.counters.requests);
        let patience = Duration::from_millis(patience.into());
        let weight = if patience > self.limits.long_wait { Weight::Wait } else { Weight::Short };
        if weight == Weight::Wait && self.waits >= self.limits.waiting {
            self.push(&Frame::plain(Kind::Busy, id, Bytes::new()));
            return Ok(());
        }
        let (abort, registration) = AbortHandle::new_pair();
        let bytes = body.len();
        self.waits += usize::from(weight == Weight::Wait);
        self.bytes += bytes;
        self.in_flight.insert(id, Request { until: self.heard + patience, bytes, weight, abort });
        self.running.push(Abortable::new((self.begin)(id, method, body), registration));
        Ok(())
    }

    /// Ends the account of a request and, if it still runs, the request.
    fn forget(&mut self, id: u64) -> Option<()> {
        let request = self.in_flight.remove(&id)?;
        self.waits -= usize::from(request.weight == Weight::Wait);
        self.bytes -= request.bytes;
        request.abort.abort();
        Some(())
    }

    fn malformed(&self, why: String) -> String {
        count(&self.counters.malformed);
        why
    }

    /// Sleeps until the next thing that is due by time alone, then does it or, as an error, says why to end. The timer is moved forward only
    /// when it fires, not by every request.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            let due = self.due();
            if self.armed > due {
                self.arm(due);
            }
            if self.clock.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = R::now();
            if now < due {
                self.arm(due);
                continue;
            }
            return Poll::Ready(self.fall_due(now));
        }
    }

    fn fall_due(&mut self, now: Instant) -> Result<(), String> {
        if self.wire.unwritten() > 0 {
            return Err("the peer reads nothing".to_owned());
        }
        if self.in_flight.is_empty() {
            return Err("idle".to_owned());
        }
        self.drop_expired(now);
        self.push(&Frame::plain(Kind::Alive, 0, Bytes::new()));
        Ok(())
    }

    fn due(&self) -> Instant {
        if self.wire.unwritten() > 0 {
            self.written + self.limits.stalled
        } else if self.in_flight.is_empty() {
            self.heard.max(self.spoke) + self.limits.idle * 2
        } else {
            self.spoke + self.limits.silence / 3
        }
    }

    /// Stops the requests whose callers have stopped waiting.
    fn drop_expired(&mut self, now: Instant) {
        let expired: Vec<u64> = self.in_flight.iter().filter(|(_, request)| request.until <= now).map(|(&id, _)| id).collect();
        for id in expired {
            count(&self.counters.abandoned);
            self.forget(id);
        }
    }

    fn arm(&mut self, at: Instant) {
        self.clock.set(R::sleep_until(at));
        self.armed = at;
    }
}
