//! What a seed decides about a run of locks.

use crate::draws::Draws;
use crate::plan::{Plan, Temper};
use crate::slant::Slant;
use std::time::Duration;

/// How long faults strike in the usual run.
const STORM: Duration = Duration::from_secs(45);
/// How long work goes on after the last fault.
const AFTERWARDS: Duration = Duration::from_secs(20);
/// How long sessions that nobody renews any more are watched: twice the longest TTL, and an election.
const WATCHED: Duration = Duration::from_secs(40);

/// A run, decided.
#[derive(Debug, Clone)]
pub struct LocksPlan {
    /// The cluster and its faults.
    pub base: Plan,
    /// Programs that want a lock.
    pub contenders: u64,
    /// Locks they want.
    pub locks: u64,
    /// Programs that write and read several keys at once.
    pub tuples: u64,
    /// Programs that keep a key with a TTL alive.
    pub beacons: u64,
    /// When work ends.
    pub until: Duration,
    /// When the run ends.
    pub end: Duration,
}

impl LocksPlan {
    /// The run of `seed`.
    pub fn draw(seed: u64, slant: Slant) -> LocksPlan {
        let mut draws = Draws::new(seed, "locks", 0);
        let base = Plan::draw(seed, Temper { storm: STORM, clients: 1, pause: 1_000..9_000, slant });
        let until = base.storm + AFTERWARDS;
        let locks = draws.within(1..3);
        let (contenders, tuples, beacons) = (draws.within(3..7), draws.within(2..5), draws.within(1..4));
        LocksPlan { contenders, locks, tuples, beacons, until, end: until + WATCHED, base }
    }
}
