//! How far a leader may believe its own pool when it says that somebody is gone.
//!
//! A server that was cut off has found everybody else dead. When it comes back it may be elected before the pool has told it otherwise, and would
//! hide every instance of the datacenter for an outage of its own. So bad news counts only once the pool can be believed and has been for a while.

use crate::gossip::{Member, MemberStatus};
use crate::model::{Instant, NodeId};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a pool of up to [`SETTLING_UP_TO`] members must have been whole under this leader before it is believed on its own. Tables are compared up
/// to a third of the interval between syncs after a change, 10 s; whoever was wrongly buried then hears of it and denies it.
pub const SETTLING: Duration = Duration::from_secs(15);

/// Syncs of larger pools are rarer, by the logarithm of their size.
const SETTLING_UP_TO: usize = 32;

/// How long the pool must have been whole before a death is believed that somebody else vouches for: suspicions from before are over by then.
pub const WITNESSED: Duration = Duration::from_secs(2);

/// Whether this server is careful with deaths it knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// As it must be.
    Kept,
    /// A planted fault: every death is believed at once.
    Dropped,
}

/// How long a pool of so many members takes to settle.
pub(super) fn settling(members: usize) -> Duration {
    let doublings = members.div_ceil(SETTLING_UP_TO).max(1).next_power_of_two().ilog2();
    SETTLING * (doublings + 1)
}

/// How far this server's own pool can be believed about who is missing from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credence {
    /// A majority of the voters is alive in it.
    Connected,
    /// It may be us who are cut off: absence proves nothing.
    CutOff,
}

impl Credence {
    /// The pool is believed if it knows a majority of `voters`, this server among them, alive.
    pub fn of_pool(members: &[Member], voters: &BTreeSet<NodeId>) -> Credence {
        let alive = members.iter().filter(|member| member.status == MemberStatus::Alive);
        let seen: BTreeSet<NodeId> = alive.filter_map(|member| member.profile.id()).filter(|id| voters.contains(id)).collect();
        if seen.len() * 2 > voters.len() { Credence::Connected } else { Credence::CutOff }
    }
}

/// Since when the pool has been believed without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is not.
    None,
    /// Since then.
    Since(Instant),
}

impl Trust {
    /// What a look at the pool makes of it.
    pub(super) fn look(self, now: Instant, credence: Credence) -> Trust {
        match (credence, self) {
            (Credence::CutOff, Trust::None | Trust::Since(_)) => Trust::None,
            (Credence::Connected, Trust::None) => Trust::Since(now),
            (Credence::Connected, Trust::Since(_)) => self,
        }
    }

    /// When it will have lasted for `long`, if nothing happens.
    pub(super) fn lasts(self, long: Duration) -> Option<Instant> {
        match self {
            Trust::None => None,
            Trust::Since(since) => Some(since + long),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SETTLING, settling};

    #[test]
    fn a_large_pool_takes_longer_to_settle() {
        let factors = [0, 1, 32, 33, 64, 65, 1_000].map(|members| settling(members).as_secs() / SETTLING.as_secs());
        assert_eq!(factors, [1, 1, 1, 2, 2, 3, 6]);
    }
}
