//! When everything is compared.

use super::words::Fetch;
use crate::model::Instant;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::time::Duration;

/// Time between full syncs in a pool of up to [`SCALE_FROM`] members; as much again is added at random.
pub const FULL_INTERVAL: Duration = Duration::from_secs(60);

/// Time before a full sync that failed is tried again; as much again is added at random.
pub const RETRY_INTERVAL: Duration = Duration::from_secs(15);

/// A full sync comes within this time of a server being found, at random: agents that lost it together do not come back together.
pub const FOUND_STAGGER: Duration = Duration::from_secs(3);

/// Members from which on full syncs become rarer.
const SCALE_FROM: usize = 128;

/// Time between full syncs in a pool of so many members: it grows with the logarithm of their number.
pub fn full_interval(members: usize) -> Duration {
    if members <= SCALE_FROM {
        return FULL_INTERVAL;
    }
    let doublings = members.next_power_of_two().ilog2() - SCALE_FROM.ilog2();
    FULL_INTERVAL * (doublings + 1)
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next full sync begins; while one is under way, only if another was asked for meanwhile.
    due: Option<Instant>,
    /// The full sync under way.
    fetching: Option<Fetch>,
    last_fetch: u64,
    members: usize,
}

impl Pace {
    /// The first full sync is due at once.
    pub fn new(now: Instant) -> Pace {
        Pace { due: Some(now), fetching: None, last_fetch: 0, members: 1 }
    }

    /// When the next full sync is due; none is while one is under way.
    pub fn due(&self) -> Option<Instant> {
        self.due.filter(|_| self.fetching.is_none())
    }

    pub fn fetching(&self) -> Option<Fetch> {
        self.fetching
    }

    /// Begins a full sync if one is due.
    pub fn begin(&mut self, now: Instant) -> Option<Fetch> {
        if self.due()? > now {
            return None;
        }
        self.due = None;
        self.last_fetch += 1;
        self.fetching = Some(Fetch(self.last_fetch));
        self.fetching
    }

    /// The full sync under way is over; `false` if it was not this one.
    pub fn end(&mut self, fetch: Fetch) -> bool {
        let ours = self.fetching == Some(fetch);
        if ours {
            self.fetching = None;
        }
        ours
    }

    pub fn set_members(&mut self, members: usize) {
        self.members = members;
    }

    /// The next full sync comes at its usual time, unless one comes earlier anyway.
    pub fn usual(&mut self, now: Instant, rng: &mut ChaCha8Rng) {
        let interval = full_interval(self.members);
        self.by(now + interval + part(interval, rng));
    }

    /// Something failed.
    pub fn retry(&mut self, now: Instant, rng: &mut ChaCha8Rng) {
        self.by(now + RETRY_INTERVAL + part(RETRY_INTERVAL, rng));
    }

    /// There is somebody again to ask.
    pub fn found(&mut self, now: Instant, rng: &mut ChaCha8Rng) {
        self.by(now + part(FOUND_STAGGER, rng));
    }

    /// A full sync begins at `at` at the latest.
    pub fn by(&mut self, at: Instant) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// A random part of `whole`.
pub(super) fn part(whole: Duration, rng: &mut ChaCha8Rng) -> Duration {
    whole.mul_f64(rng.random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use super::{FULL_INTERVAL, full_interval};

    #[test]
    fn full_syncs_become_rarer_as_the_pool_grows() {
        let times = |members| full_interval(members).as_secs() / FULL_INTERVAL.as_secs();
        let found: Vec<u64> = [0, 1, 128, 129, 256, 257, 512, 1000, 4096].into_iter().map(times).collect();
        assert_eq!(found, [1, 1, 1, 2, 2, 3, 3, 4, 6]);
    }
}
