//! How far a leader may believe its own pool when it says that somebody is gone.
//!
//! A server that was cut off has found everybody else dead. When it comes back it may be elected before the pool has told it otherwise, and would
//! hide every instance of the datacenter for an outage of its own. So bad news counts only once the pool can be believed and has been for a while.

use crate::gossip::{Member, MemberStatus};
use crate::model::{Instant, NodeId};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the pool must have been whole under this leader before a death is believed: the wrongly buried hear of it by the first comparison of
/// tables, deny it, and the denial reaches everyone within a few rounds of gossip.
pub const SETTLING: Duration = Duration::from_secs(5);

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

    /// From when on a death is believed, if nothing happens and the pool settles within `settling`.
    pub(super) fn settles(self, settling: Duration) -> Option<Instant> {
        match self {
            Trust::None => None,
            Trust::Since(since) => Some(since + settling),
        }
    }
}
