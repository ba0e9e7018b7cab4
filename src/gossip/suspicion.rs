//! How long a suspected member has to refute: long at first, shorter with every independent accuser (Lifeguard section IV-B).

use crate::model::{Instant, NodeName};
use std::time::Duration;

/// A running suspicion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspicion {
    started: Instant,
    min: Duration,
    max: Duration,
    /// Confirmations after which the deadline is at its minimum.
    expected: usize,
    /// Who accused, the first one first. At most `expected` + 1: more would change nothing.
    accusers: Vec<NodeName>,
    /// When the member counts as failed.
    deadline: Instant,
}

/// Whether an accusation was news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confirmation {
    /// A further accuser: tell others, the deadline has moved.
    Fresh,
    /// Said before, or enough accusers already.
    Known,
}

impl Suspicion {
    /// `members` is the size of the pool: fewer than `expected` + 2 cannot confirm that often, so the minimum holds at once.
    pub fn new(now: Instant, accuser: NodeName, min: Duration, max: Duration, expected: usize, members: usize) -> Suspicion {
        assert!(min <= max, "the shortest suspicion is not longer than the longest");
        let expected = if members < expected + 2 { 0 } else { expected };
        let mut suspicion = Suspicion { started: now, min, max, expected, accusers: vec![accuser], deadline: now };
        suspicion.deadline = suspicion.due().max(now);
        suspicion
    }

    pub fn confirm(&mut self, now: Instant, accuser: &NodeName) -> Confirmation {
        if self.accusers.len() > self.expected || self.accusers.contains(accuser) {
            return Confirmation::Known;
        }
        self.accusers.push(accuser.clone());
        self.deadline = self.due().max(now);
        Confirmation::Fresh
    }

    /// When the member counts as failed; never before the moment that was decided.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn due(&self) -> Instant {
        if self.expected == 0 {
            return self.started + self.min;
        }
        let confirmations = (self.accusers.len() - 1) as f64;
        let share = (confirmations + 1.0).ln() / (self.expected as f64 + 1.0).ln();
        let shrunk = self.max.as_secs_f64() - share * (self.max - self.min).as_secs_f64();
        self.started + Duration::from_secs_f64(shrunk.max(0.0)).max(self.min)
    }

    pub fn accusers(&self) -> &[NodeName] {
        &self.accusers
    }

    /// We stood still for `stall`: the member could not be heard in that time, so it gets it back.
    pub fn postpone(&mut self, now: Instant, stall: Duration) {
        self.started += stall;
        self.deadline = self.due().max(now);
    }
}

/// Shortest suspicion in a pool of `members`: `mult` times log10 of it (at least 1) probe intervals.
pub(super) fn shortest(mult: u32, members: usize, probe_interval: Duration) -> Duration {
    let scale = (members.max(1) as f64).log10().max(1.0);
    probe_interval.mul_f64(f64::from(mult) * scale)
}

#[cfg(test)]
mod tests {
    use super::{Confirmation, Suspicion, shortest};
    use crate::model::{Instant, NodeName};
    use std::time::Duration;

    fn name(n: usize) -> NodeName {
        NodeName::parse(&format!("n{n}")).unwrap()
    }

    fn fresh(members: usize) -> Suspicion {
        Suspicion::new(Instant::ZERO, name(0), Duration::from_secs(4), Duration::from_secs(24), 2, members)
    }

    #[test]
    fn each_accuser_shrinks_the_deadline_until_the_minimum() {
        let mut suspicion = fresh(30);
        assert_eq!(suspicion.deadline().as_nanos(), 24_000_000_000);
        assert_eq!(suspicion.confirm(Instant::ZERO, &name(1)), Confirmation::Fresh);
        let once = suspicion.deadline();
        assert!(once > Instant::from_nanos(11_000_000_000) && once < Instant::from_nanos(12_000_000_000), "{once:?}");
        assert_eq!(suspicion.confirm(Instant::ZERO, &name(2)), Confirmation::Fresh);
        assert_eq!(suspicion.deadline().as_nanos(), 4_000_000_000);
        assert_eq!(suspicion.confirm(Instant::ZERO, &name(3)), Confirmation::Known);
    }

    #[test]
    fn one_accuser_counts_once() {
        let mut suspicion = fresh(30);
        assert_eq!(suspicion.confirm(Instant::ZERO, &name(0)), Confirmation::Known);
        suspicion.confirm(Instant::ZERO, &name(1));
        assert_eq!(suspicion.confirm(Instant::ZERO, &name(1)), Confirmation::Known);
    }

    #[test]
    fn a_deadline_is_never_moved_into_the_past() {
        let mut suspicion = fresh(30);
        let late = Instant::from_nanos(20_000_000_000);
        suspicion.confirm(late, &name(1));
        assert_eq!(suspicion.deadline(), late);
    }

    #[test]
    fn a_pool_too_small_to_confirm_starts_at_the_minimum() {
        assert_eq!(fresh(3).deadline().as_nanos(), 4_000_000_000);
        assert_eq!(fresh(4).deadline().as_nanos(), 24_000_000_000);
    }

    #[test]
    fn the_shortest_suspicion_grows_with_the_logarithm_of_the_pool() {
        let second = Duration::from_secs(1);
        assert_eq!(shortest(4, 1, second), Duration::from_secs(4));
        assert_eq!(shortest(4, 10, second), Duration::from_secs(4));
        assert_eq!(shortest(4, 1000, second), Duration::from_secs(12));
    }
}
