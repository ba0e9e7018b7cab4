//! Leaving in order: first the intent, so that a death on the way counts as having left; then the departure itself; then time for
//! both to reach everyone.

use super::machine::{Gossip, Output};
use super::member::EventKind;
use super::packet::{Claim, ClaimKind};
use super::table::{Intent, Life, SlotId};
use crate::model::Instant;
use std::time::Duration;

/// How long each piece of news may take to be sent often enough (Serf's broadcast timeout).
const BROADCAST_TIMEOUT: Duration = Duration::from_secs(5);

/// How far we have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Departure {
    /// Not at all.
    Member,
    /// The intent is being told.
    Announcing { until: Instant },
    /// The departure is being told.
    Going { until: Instant },
    /// It travels on.
    Settling { until: Instant },
    /// Done.
    Gone,
}

impl Departure {
    /// Whether we still probe, sync and speak up for ourselves.
    pub fn takes_part(self) -> bool {
        self == Departure::Member
    }

    pub fn deadline(self) -> Option<Instant> {
        match self {
            Departure::Member | Departure::Gone => None,
            Departure::Announcing { until } | Departure::Going { until } | Departure::Settling { until } => Some(until),
        }
    }

    pub fn postpone(&mut self, stall: Duration) {
        match self {
            Departure::Member | Departure::Gone => {}
            Departure::Announcing { until } | Departure::Going { until } | Departure::Settling { until } => *until += stall,
        }
    }
}

impl Gossip {
    pub(super) fn leave(&mut self, now: Instant) {
        match self.departure {
            Departure::Member => {}
            Departure::Announcing { .. } | Departure::Going { .. } | Departure::Settling { .. } => return,
            Departure::Gone => return self.output(Output::Departed),
        }
        self.abandon_probe(now);
        self.table.change(SlotId::SELF, |n| n, |slot| slot.intent = Intent::Leave);
        self.event(SlotId::SELF, EventKind::Leaving, Vec::new());
        self.departure = Departure::Announcing { until: now + BROADCAST_TIMEOUT };
        self.announce(now, ClaimKind::Leaving);
    }

    fn announce(&mut self, now: Instant, kind: ClaimKind) {
        let own = self.table.own();
        let (about, incarnation) = (own.profile.name.clone(), own.incarnation);
        self.broadcast_claim(now, Claim { kind, by: about.clone(), about, incarnation });
    }

    /// Moves on as far as the news is out or its time is over.
    pub(super) fn departure_due(&mut self, now: Instant) {
        while self.depart_further(now) == Moved::On {}
    }

    fn depart_further(&mut self, now: Instant) -> Moved {
        let told = !self.broadcasts.holds(self.table.own().name_hash);
        let alone = self.table.live().is_empty();
        match self.departure {
            Departure::Announcing { until } if told || alone || until <= now => {
                self.departure = Departure::Going { until: now + BROADCAST_TIMEOUT };
                self.table.change(SlotId::SELF, |n| n, |slot| slot.life = Life::Dead);
                self.event(SlotId::SELF, EventKind::Left, Vec::new());
                self.announce(now, ClaimKind::Left);
            }
            Departure::Going { .. } if alone => self.departure = Departure::Settling { until: now },
            Departure::Going { until } if told || until <= now => {
                self.departure = Departure::Settling { until: now + self.setup.leave_propagation };
            }
            Departure::Settling { until } if until <= now => {
                self.departure = Departure::Gone;
                self.output(Output::Departed);
            }
            Departure::Member | Departure::Announcing { .. } | Departure::Going { .. } | Departure::Settling { .. } | Departure::Gone => {
                return Moved::Not;
            }
        }
        Moved::On
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    On,
    Not,
}
