//! When to ask again: after a failure, and when asking is bounded.

use crate::model::Instant;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// The first pause after a failure; it doubles with each further one. Half of each is drawn: the agents of a lost server do not come to the others together.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);

/// The pause after the `failures`-th failure in a row, counted from 1.
pub(super) fn pause(failures: u32, rng: &mut ChaCha8Rng) -> Duration {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    whole.mul_f64(rng.random_range(0.5..1.0))
}

/// A bound on how often something is done: at once as long as the burst lasts, then at the interval (the generic cell rate algorithm, ITU-T I.371).
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// How far ahead of its time an event may come.
    ahead: Duration,
    /// When the next event would come if all came evenly.
    due: Instant,
}

impl Pace {
    /// `interval` zero is no bound.
    pub(super) fn new(interval: Duration, burst: u32) -> Pace {
        Pace { interval, ahead: interval.saturating_mul(burst.saturating_sub(1)), due: Instant::ZERO }
    }

    /// When the next event may come; at once is `now`.
    pub(super) fn next(&self, now: Instant) -> Instant {
        now.max(self.due - self.ahead)
    }

    /// An event comes.
    pub(super) fn spend(&mut self, now: Instant) {
        self.due = self.due.max(now) + self.interval;
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Pace, pause};
    use crate::model::Instant;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::time::Duration;

    #[test]
    fn pauses_double_up_to_the_longest_and_half_of_each_is_drawn() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for (failures, whole) in [(1, 50), (2, 100), (5, 800), (9, 10_000), (4_000_000, 10_000)] {
            let whole = Duration::from_millis(whole);
            let drawn = pause(failures, &mut rng);
            assert!(drawn >= whole / 2 && drawn < whole.min(LONGEST), "{failures}: {drawn:?}");
        }
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_interval() {
        let second = Duration::from_secs(1);
        let (mut pace, start) = (Pace::new(second, 3), Instant::ZERO + second * 100);
        let mut now = start;
        let mut times = Vec::new();
        for _ in 0..5 {
            now = pace.next(now);
            pace.spend(now);
            times.push(now.since(start));
        }
        assert_eq!(times, [0, 0, 0, 1, 2].map(|s| second * s));
        let mut free = Pace::new(Duration::ZERO, 1);
        (0..10).for_each(|_| free.spend(now));
        assert_eq!(free.next(now), now);
    }
}
