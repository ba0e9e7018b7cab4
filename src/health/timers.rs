//! What falls due when: ordered, so that nothing is ever searched for.

use crate::model::Instant;
use std::collections::BTreeSet;

/// The number of a check in the machine. Grows; none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordinal(pub u64);

/// What of a check falls due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The next run of the leaf with this number.
    Run(usize),
    /// A look at a TTL that may have run out.
    Expiry,
    /// A look at a service that may have been critical for too long.
    GiveUp,
}

impl Part {
    fn reason(self) -> &'static str {
        match self {
            Part::Run(_) => "run",
            Part::Expiry => "ttl",
            Part::GiveUp => "give up",
        }
    }
}

/// All that is due some time.
#[derive(Debug, Default)]
pub(super) struct Timers {
    set: BTreeSet<(Instant, Ordinal, Part)>,
}

impl Timers {
    pub fn add(&mut self, at: Instant, of: Ordinal, part: Part) {
        let fresh = self.set.insert((at, of, part));
        assert!(fresh, "{part:?} of {of:?} is due once");
    }

    pub fn remove(&mut self, at: Instant, of: Ordinal, part: Part) {
        let there = self.set.remove(&(at, of, part));
        assert!(there, "{part:?} of {of:?} is due at {at:?}");
    }

    /// Takes out the first of what is due by `now`.
    pub fn pop(&mut self, now: Instant) -> Option<(Ordinal, Part)> {
        if self.first()?.0 > now {
            return None;
        }
        self.set.pop_first().map(|(_, of, part)| (of, part))
    }

    /// When the first falls due, and what.
    pub fn first(&self) -> Option<(Instant, &'static str)> {
        self.set.first().map(|(at, _, part)| (*at, part.reason()))
    }

    pub fn iter(&self) -> impl Iterator<Item = &(Instant, Ordinal, Part)> {
        self.set.iter()
    }
}
