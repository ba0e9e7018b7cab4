//! The order in which events are told: each after those its origin had been told of when it fired it. That is causal order (Birman, Schiper and
//! Stephenson 1991), and so the order of logical time wherever one event can have led to another; of two that nobody could connect neither is first.
//!
//! An event that is here before one it comes after waits for it, for a bounded time, and meanwhile the missing one is asked for. It travels on at
//! once: only its telling waits.

use super::machine::{Gossip, Output};
use super::recent::Place;
use super::sync::Purpose;
use super::table::SlotId;
use super::user_event::UserEvent;
use crate::model::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

/// Events that one event says it comes after. At the bound the earliest are left out, but never the origin's own last: of those the order is not kept.
pub const MAX_AFTER: usize = 8;

/// Events that wait at once. At the bound the first in logical time is told before its turn.
const MAX_WAITING: usize = 256;

/// How long an event waits for those it comes after, in gossip intervals: 2 s on a LAN. What has not come by then, after that many attempts to
/// get it, is most likely lost with whoever knew it.
const PATIENCE_INTERVALS: u32 = 10;

/// An event in short: its logical time and the top of its id.
pub type Brief = (u64, u32);

/// An event that waits.
#[derive(Debug)]
struct Waiting {
    event: Arc<UserEvent>,
    until: Instant,
    /// Who told us of it, until asked for what it comes after.
    teller: Option<SocketAddr>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeMap<Place, Waiting>,
    /// What was told and no other that was told comes after: the next event of ours comes after these, and so after all that was told.
    heads: BTreeSet<Brief>,
    /// Our last event.
    own: Option<Brief>,
    /// Set while anything waits: when to ask for what is missing.
    ask_at: Option<Instant>,
}

impl Order {
    /// What an event of this time comes after.
    pub fn before(&self, at: u64) -> Vec<Brief> {
        self.heads.iter().copied().filter(|head| head.0 < at).collect()
    }

    /// An event of ours is on its way.
    pub fn fired(&mut self, own: Brief) {
        self.own = Some(own);
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|one| one.until).chain(self.ask_at).min()
    }

    /// This process stood still for a while: what has arrived meanwhile is heard before anybody's patience ends.
    pub fn postpone(&mut self, now: Instant, stall: Duration) {
        self.waiting.values_mut().for_each(|one| one.until += stall);
        self.ask_at = self.ask_at.map(|at| at.max(now));
    }

    fn is_waiting(&self, brief: Brief) -> bool {
        self.waiting.range((brief.0, 0)..=(brief.0, u128::MAX)).any(|(_, one)| one.event.brief() == brief)
    }

    fn told(&mut self, event: &UserEvent) {
        for before in &event.after {
            self.heads.remove(before);
        }
        self.heads.insert(event.brief());
        if self.heads.len() > MAX_AFTER {
            let earliest = self.heads.iter().find(|head| self.own != Some(**head)).copied();
            earliest.map(|head| self.heads.remove(&head));
        }
    }
}

/// Whether an event whose patience is over is told all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Waits,
    IsTold,
}

impl Gossip {
    /// An event was taken: it is told in its turn.
    pub(super) fn line_up(&mut self, now: Instant, event: Arc<UserEvent>, teller: Option<SocketAddr>) {
        let until = now + self.setup.tuning.gossip_interval * PATIENCE_INTERVALS;
        self.order.waiting.insert(event.place(), Waiting { event, until, teller });
        self.tell_ready(now, Overdue::Waits);
        if self.order.waiting.len() > MAX_WAITING
            && let Some(first) = self.order.waiting.first_key_value().map(|(place, _)| *place)
        {
            self.tell_early(first);
            self.tell_ready(now, Overdue::Waits);
        }
    }

    /// Tells whatever waits for nothing any more, in the order of logical time, so that each finds those it comes after told.
    pub(super) fn tell_ready(&mut self, now: Instant, overdue: Overdue) {
        let mut next = self.order.waiting.first_key_value().map(|(place, _)| *place);
        while let Some(place) = next {
            let one = &self.order.waiting[&place];
            let over = overdue == Overdue::IsTold && one.until <= now;
            match self.comes_too_soon(&one.event) {
                false => self.tell(place),
                true if over => self.tell_early(place),
                true => {}
            }
            let later = (Bound::Excluded(place), Bound::Unbounded);
            next = self.order.waiting.range(later).next().map(|(place, _)| *place);
        }
        let interval = self.setup.tuning.gossip_interval;
        self.order.ask_at = if self.order.waiting.is_empty() { None } else { Some(self.order.ask_at.unwrap_or(now + interval)) };
    }

    pub(super) fn order_due(&mut self, now: Instant) {
        if self.order.deadline().is_none_or(|at| at > now) {
            return;
        }
        self.tell_ready(now, Overdue::IsTold);
        if self.order.ask_at.is_some_and(|at| at <= now) {
            self.order.ask_at = Some(now + self.setup.tuning.gossip_interval);
            self.ask_for_missing();
        }
    }

    /// Whether something it comes after was not told: it waits itself, or has not come.
    fn comes_too_soon(&self, event: &UserEvent) -> bool {
        event.after.iter().any(|before| self.order.is_waiting(*before) || self.misses(*before))
    }

    /// Whether an event was never taken here, and may be.
    pub(super) fn misses(&self, brief: Brief) -> bool {
        brief.0 > self.events.floor() && !self.events.of_time(brief.0).any(|(_, heard)| heard.event().brief() == brief)
    }

    fn tell(&mut self, place: Place) {
        if let Some(Waiting { event, .. }) = self.order.waiting.remove(&place) {
            self.order.told(&event);
            self.output(Output::Fired(event));
        }
    }

    fn tell_early(&mut self, place: Place) {
        self.stats.events_early += 1;
        self.tell(place);
    }

    /// Syncs with whoever told us of the first that waits, as it is likely to know what that comes after; then with others.
    fn ask_for_missing(&mut self) {
        let teller = self.order.waiting.values_mut().next().and_then(|one| one.teller.take());
        if !self.departure.takes_part() {
            return;
        }
        // A datagram's source can be forged: none but members are dialled.
        let known = |addr: SocketAddr| self.table.live().iter().copied().find(|id| self.table[*id].profile.addr == addr);
        let peer: Option<SlotId> = teller.and_then(known).or_else(|| self.random_live(1, None).first().copied());
        if let Some(peer) = peer {
            self.stats.events_sought += 1;
            self.dial(self.table[peer].profile.addr, Purpose::Sync);
        }
    }

    pub(super) fn check_order(&self) {
        let order = &self.order;
        assert!(order.waiting.len() <= MAX_WAITING, "events that wait are bounded");
        assert!(order.heads.len() <= MAX_AFTER, "what an event comes after is bounded");
        assert_eq!(order.ask_at.is_some(), !order.waiting.is_empty(), "what is missing is asked for");
        assert!(order.waiting.values().all(|one| self.comes_too_soon(&one.event)), "what could be told does not wait");
    }
}
