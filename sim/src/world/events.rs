//! What waits for a time: deliveries, retransmissions, sleeping tasks. One madsim timer serves them all.
//!
//! madsim's timers cannot be taken back and last a millisecond at least. These can be taken back, and last as long as they were set for: its
//! `Sleep::reset` takes any time.

use super::{Who, World, with};
use crate::runtime::tcp::{self, ConnectionId, Segment, SideOf};
use crate::runtime::udp;
use crate::trace::Entry;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Time and order of an event.
pub type EventKey = (u64, u64);

/// Something that happens at a time.
pub enum Event {
    /// A sleep of `who` is over.
    Timer {
        /// Whose sleep.
        who: Who,
        /// The sleeping task.
        waker: Waker,
    },
    /// A datagram arrives at its host.
    Datagram {
        /// The host.
        to: Who,
        /// The address it was sent to.
        addr: SocketAddr,
        /// The sender's address.
        from: SocketAddr,
        /// The content.
        content: Bytes,
    },
    /// A host is told that nobody listens where it has sent a datagram.
    Refusal {
        /// The host.
        to: Who,
        /// The address it was sent from.
        addr: SocketAddr,
        /// The address it was sent to.
        peer: SocketAddr,
    },
    /// A segment arrives at one side of a connection.
    Segment {
        /// The connection.
        id: ConnectionId,
        /// The side it arrives at.
        side: SideOf,
        /// What arrives.
        segment: Segment,
    },
    /// One side of a connection tries again to send what did not get through.
    Retransmission {
        /// The connection.
        id: ConnectionId,
        /// The sending side.
        side: SideOf,
    },
}

/// All events to come, in order.
#[derive(Default)]
pub(super) struct Events {
    queue: BTreeMap<EventKey, Event>,
    next: u64,
    driver: Option<Waker>,
    /// The earliest time for which a madsim timer is set.
    armed: Option<u64>,
}

/// Lets events happen when their time has come, for ever.
pub async fn drive() {
    std::future::poll_fn(|cx| {
        with(|w| {
            let now = w.now();
            let old = w.events.driver.replace(cx.waker().clone());
            w.discard(old);
            if w.events.armed.is_some_and(|at| at <= now) {
                w.events.armed = None;
            }
            while let Some(first) = w.events.queue.first_entry().filter(|first| first.key().0 <= now) {
                let event = first.remove();
                w.happen(event);
            }
            w.arm();
        });
        Poll::<()>::Pending
    })
    .await;
}

impl World {
    /// Lets `event` happen at time `at`, or as soon as possible if that is past.
    pub fn schedule(&mut self, at: u64, event: Event) -> EventKey {
        let key = (at, self.events.next);
        self.events.next += 1;
        self.events.queue.insert(key, event);
        self.arm();
        key
    }

    /// Lets `event` happen `after` some time.
    pub fn schedule_after(&mut self, after: Duration, event: Event) -> EventKey {
        self.schedule(self.now() + after.as_nanos() as u64, event)
    }

    /// Takes back an event that has not happened; no effect if it has.
    pub fn unschedule(&mut self, key: EventKey) {
        if let Some(Event::Timer { waker, .. }) = self.events.queue.remove(&key) {
            self.discard(Some(waker));
        }
    }

    /// Has the sleep behind `key` wake `waker`. `false` if it is over already.
    pub fn rewake(&mut self, key: EventKey, waker: &Waker) -> bool {
        let Some(Event::Timer { waker: present, .. }) = self.events.queue.get_mut(&key) else { return false };
        if !present.will_wake(waker) {
            let old = std::mem::replace(present, waker.clone());
            self.discard(Some(old));
        }
        true
    }

    /// Wakes all sleeps of `who`: its clock has changed its rate, so they look again when they are over.
    pub fn wake_sleepers(&mut self, who: Who) {
        let mine = |event: &Event| matches!(event, Event::Timer { who: sleeper, .. } if *sleeper == who);
        let sleepers: Vec<EventKey> = self.events.queue.iter().filter(|(_, e)| mine(e)).map(|(key, _)| *key).collect();
        for key in sleepers {
            if let Some(Event::Timer { waker, .. }) = self.events.queue.remove(&key) {
                self.wake(waker);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Timer { who, waker } => {
                self.record(who, Entry::plain("timer", 0, 0));
                self.wake(waker);
            }
            Event::Datagram { to, addr, from, content } => udp::arrive(self, to, addr, from, content),
            Event::Refusal { to, addr, peer } => udp::refusal(self, to, addr, peer),
            Event::Segment { id, side, segment } => tcp::arrive(self, id, side, segment),
            Event::Retransmission { id, side } => tcp::retransmit(self, id, side),
        }
    }

    /// Sets a madsim timer for the first event, unless one is set for then or before.
    fn arm(&mut self) {
        let Some(at) = self.events.queue.first_key_value().map(|(key, _)| key.0) else { return };
        let Some(driver) = &self.events.driver else { return };
        if self.events.armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.events.armed = Some(at);
        let wait = Duration::from_nanos(at.saturating_sub(self.now()));
        let mut timer = pin!(self.time.sleep(wait));
        timer.as_mut().reset(self.time.now_instant() + wait);
        if timer.as_mut().poll(&mut Context::from_waker(driver)).is_ready() {
            driver.wake_by_ref();
        }
    }
}
