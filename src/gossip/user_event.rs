//! User events: fired by anyone, told to everyone, taken at most once by each (Serf's user events).

use super::broadcasts::Queued;
use super::frame::{Frame, Lore, Told};
use super::lamport::MAX_LAMPORT;
use super::machine::{Gossip, StreamId};
use super::order::{Brief, MAX_AFTER, Overdue};
use super::packet::{Rumor, encode_rumor};
use super::recent::Place;
use super::words::Homecoming;
use crate::model::{Instant, NodeName, octets};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Most bytes of text and payload in one event or question: it has to travel in one datagram.
pub const MAX_SAID: usize = 1024;

/// Events heard this lately are offered in syncs to those who missed them, as far as they are remembered. Older ones are no news.
const OFFERED_FOR: Duration = Duration::from_secs(3600);

/// Whom something is for: regular expressions found in names; empty is everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Nodes with such names.
    pub node: String,
    /// Nodes with a service of such a name.
    pub service: String,
    /// With such a tag on that service.
    pub tag: String,
}

impl Scope {
    pub(super) fn len(&self) -> usize {
        self.node.len() + self.service.len() + self.tag.len()
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEvent {
    /// Chosen at random by whoever fired it (a version 4 UUID).
    pub id: u128,
    /// Its logical time: later than that of every event its origin had heard.
    pub at: u64,
    /// What happened.
    pub name: String,
    /// More about it.
    #[serde(with = "octets")]
    pub payload: Bytes,
    /// Whom it concerns. Everybody hears it and passes it on.
    pub scope: Scope,
    /// What its origin had been told of when it fired it, at most [`MAX_AFTER`], as far as one of them does not come after another: it is told
    /// after these.
    pub after: Vec<Brief>,
}

impl UserEvent {
    pub(super) fn place(&self) -> Place {
        (self.at, self.id)
    }

    /// How it is told from others of its time in few bytes.
    pub fn brief(&self) -> Brief {
        (self.at, (self.id >> 96) as u32)
    }

    fn is_fit(&self) -> bool {
        let ordered = self.after.len() <= MAX_AFTER && self.after.iter().all(|before| before.0 < self.at);
        ordered && (1..=MAX_LAMPORT).contains(&self.at) && self.name.len() + self.payload.len() + self.scope.len() <= MAX_SAID
    }
}

/// An event and when it was heard.
#[derive(Debug)]
pub(super) struct Heard {
    event: Arc<UserEvent>,
    when: Instant,
}

impl Heard {
    pub fn event(&self) -> &UserEvent {
        &self.event
    }
}

/// A key of the queue of what is to be told.
pub(super) fn queue_key(id: u128) -> u64 {
    super::hash::mix((id >> 64) as u64 ^ super::hash::mix(id as u64))
}

impl Gossip {
    /// Fires an event of ours. It is told by [`Output::Fired`] to us as to everybody else.
    ///
    /// # Panics
    /// If it is longer than [`MAX_SAID`]: whoever takes it from a client refuses that.
    pub(super) fn fire(&mut self, now: Instant, mut event: UserEvent) {
        event.at = self.event_clock.tick();
        event.after = self.order.before(event.at);
        assert!(event.is_fit(), "an event longer than {MAX_SAID} bytes was let in");
        self.order.fired(event.brief());
        self.hear_event(now, Arc::new(event), None);
    }

    /// An event, from wherever, or from the member at the address `teller`.
    pub(super) fn hear_event(&mut self, now: Instant, event: Arc<UserEvent>, teller: Option<SocketAddr>) {
        if !event.is_fit() {
            self.stats.refused += 1;
            return;
        }
        self.event_clock.witness(event.at);
        if !self.events.take(event.place(), Heard { event: event.clone(), when: now }) {
            return;
        }
        self.stats.events += 1;
        self.shout(now, event.id, &Rumor::Event(event.clone()));
        self.line_up(now, event, teller);
    }

    /// Queues what everybody should hear behind the news of members.
    pub(super) fn shout(&mut self, now: Instant, id: u128, rumor: &Rumor) {
        if self.shouts.push(queue_key(id), encode_rumor(rumor)) == Queued::DroppedAnother {
            self.stats.shouts_dropped += 1;
        }
        self.timers.spread.get_or_insert(self.timers.spread_again.max(now));
    }

    /// Whether we are new to the pool we are about to meet: what happened in it before is none of our business.
    pub(super) fn is_newcomer(&self) -> bool {
        self.table.len() == 1 && self.setup.homecoming == Homecoming::New
    }

    /// Whether we look for the pool of an earlier life, and have met nobody of it yet.
    pub(super) fn comes_back(&self) -> bool {
        self.table.len() == 1 && self.setup.homecoming == Homecoming::Back
    }

    /// What we know of events, in short.
    pub(super) fn lore(&self, now: Instant) -> Lore {
        let held = self.offered(now).map(|event| event.brief()).collect();
        Lore { events: self.event_clock.last(), questions: self.question_clock.last(), floor: self.events.floor(), held }
    }

    fn offered(&self, now: Instant) -> impl Iterator<Item = &Arc<UserEvent>> {
        self.events.iter().filter(move |(_, heard)| now.since(heard.when) <= OFFERED_FOR).map(|(_, heard)| &heard.event)
    }

    /// A peer that opened a sync: it is told what it missed; what we missed we fetch by a sync of our own.
    pub(super) fn hear_lore(&mut self, now: Instant, id: StreamId, from: &NodeName, lore: &Lore, newcomer: bool) {
        let (clock, questions) = (self.event_clock.last(), self.question_clock.last());
        self.event_clock.witness(lore.events);
        self.question_clock.witness(lore.questions);
        if newcomer {
            self.begin_at(now, lore.events);
        }
        let theirs: BTreeSet<Brief> = lore.held.iter().copied().collect();
        let missed = self.offered(now).filter(|event| event.at > lore.floor && !theirs.contains(&event.brief()));
        let events: Vec<Arc<UserEvent>> = missed.cloned().collect();
        if !events.is_empty() || clock > lore.events || questions > lore.questions {
            self.send_frame(id, &Frame::Told(Told { clock, questions, events }));
        }
        let lacking = lore.held.iter().any(|brief| brief.0 <= MAX_LAMPORT && self.misses(*brief));
        if lacking && self.courtesy.allows(now) {
            self.fetch_from(from);
        }
    }

    /// The answer to our lore. Whoever was a newcomer when it asked takes the time from it, and nothing of what was before.
    pub(super) fn hear_told(&mut self, now: Instant, told: Told, newcomer: bool) {
        self.event_clock.witness(told.clock);
        self.question_clock.witness(told.questions);
        if newcomer {
            return self.begin_at(now, told.clock);
        }
        for event in told.events {
            self.hear_event(now, event, None);
        }
    }

    /// A newcomer has learned what time it is: nothing of what was before is told to it, or waited for.
    fn begin_at(&mut self, now: Instant, time: u64) {
        self.events.raise_floor(time);
        self.tell_ready(now, Overdue::Waits);
    }
}
