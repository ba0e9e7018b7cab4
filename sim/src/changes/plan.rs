//! What a seed decides about a run of changes.

use crate::draws::Draws;
use crate::plan::{Plan, Temper};
use crate::slant::Slant;
use std::sync::Arc;
use std::time::Duration;

/// Under what all keys of a run begin.
pub const PREFIX: &str = "s/";
/// Under what the keys begin that have a TTL: nobody but time deletes them, so no client's account of them is complete.
pub const BRIEF: &str = "s/brief/";

/// Under what the keys begin that are seldom written: who follows them is told mostly that somebody is there.
pub const RARE: &str = "s/rare/";

/// How long faults strike.
const STORM: Duration = Duration::from_secs(45);
/// How long work goes on after the last fault.
const AFTERWARDS: Duration = Duration::from_secs(8);
/// How long followers listen after the last write: all has reached them by then, and keys with a TTL are gone.
const LISTENING: Duration = Duration::from_secs(20);

/// A run, decided.
#[derive(Debug, Clone)]
pub struct ChangesPlan {
    /// The cluster and its faults.
    pub base: Plan,
    /// Programs that write.
    pub writers: u64,
    /// The keys that they share.
    pub keys: Vec<Arc<str>>,
    /// Programs that follow the changes, each with the prefix that it follows.
    pub followers: Vec<&'static str>,
    /// Programs that fetch archives.
    pub keepers: u64,
    /// When archives are restored, by the first of them.
    pub restores: Vec<Duration>,
    /// When work ends.
    pub until: Duration,
    /// When the run ends.
    pub end: Duration,
}

impl ChangesPlan {
    /// The run of `seed`. In half of the runs something is restored.
    pub fn draw(seed: u64, slant: Slant) -> ChangesPlan {
        let mut draws = Draws::new(seed, "changes", 0);
        let base = Plan::draw(seed, Temper { storm: STORM, clients: 0, pause: 1_000..8_000, slant });
        let until = base.storm + AFTERWARDS;
        let keys = (0..draws.within(3..8)).map(|n| format!("{PREFIX}{n}").into()).collect();
        let followers = (0..draws.within(4..7)).map(|_| *draws.pick(&[PREFIX, PREFIX, RARE, "s/1", ""])).collect();
        let restores = *draws.pick(&[0, 0, 1, 2]);
        let mut restores: Vec<Duration> = (0..restores).map(|_| Duration::from_millis(draws.within(10_000..44_000))).collect();
        restores.sort_unstable();
        let (writers, keepers) = (draws.within(3..6), draws.within(1..4));
        ChangesPlan { writers, keys, followers, keepers, restores, until, end: until + LISTENING, base }
    }
}
