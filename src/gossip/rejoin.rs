//! Finding one another: joins asked for, members of an earlier life, and the failed, who may only have been cut off. The last two are
//! dialled for ever, so that a pool that fell apart in whatever way grows together again by itself.

use super::frame::Mark;
use super::machine::{Gossip, Output};
use super::sync::Purpose;
use super::table::SlotId;
use crate::model::Instant;
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// Addresses one join may name; further ones are answered as failed.
const MAX_JOIN_ADDRS: usize = 256;

/// Joins under way at once; further ones are answered as failed.
const MAX_JOINS: usize = 64;

/// Addresses of an earlier life kept; further ones are ignored: any one of them leads to the rest.
const MAX_REMEMBERED: usize = 1024;

/// Dials an interval while nobody at all is reached.
const LONELY_DIALS: usize = 3;

/// Contact that is sought.
#[derive(Debug, Default)]
pub(super) struct Rejoin {
    /// Members of an earlier life not seen in this one, and until when they are sought.
    remembered: BTreeMap<SocketAddr, Instant>,
    joins: BTreeMap<u64, Join>,
    outdone: Option<Instant>,
}

#[derive(Debug, Default)]
struct Join {
    pending: BTreeSet<SocketAddr>,
    contacted: usize,
    failures: Vec<(SocketAddr, String)>,
}

impl Rejoin {
    /// Whether another bearer of our name and id may be outbid: not twice within `pause`.
    pub fn may_outdo(&mut self, now: Instant, pause: Duration) -> bool {
        let allowed = self.outdone.is_none_or(|last| now.since(last) >= pause);
        if allowed {
            self.outdone = Some(now);
        }
        allowed
    }
}

impl Rejoin {
    pub fn check_invariants(&self) {
        assert!(self.joins.len() <= MAX_JOINS, "joins are bounded");
        assert!(self.remembered.len() <= MAX_REMEMBERED, "remembered addresses are bounded");
    }
}

impl Gossip {
    pub(super) fn join(&mut self, ticket: u64, addrs: Vec<SocketAddr>) {
        let mut join = Join::default();
        let own = self.setup.addr;
        let wanted: BTreeSet<SocketAddr> = addrs.iter().copied().filter(|addr| *addr != own).collect();
        for (n, addr) in wanted.iter().enumerate() {
            let refused = if !self.departure.takes_part() {
                "this agent is leaving".to_owned()
            } else if self.rejoin.joins.len() >= MAX_JOINS {
                format!("{MAX_JOINS} joins are under way: try again later")
            } else if n >= MAX_JOIN_ADDRS {
                format!("more than {MAX_JOIN_ADDRS} addresses in one join")
            } else {
                join.pending.insert(*addr);
                continue;
            };
            join.failures.push((*addr, refused));
        }
        // Whoever asks for nobody but us has us.
        join.contacted = if wanted.is_empty() { addrs.len().min(1) } else { 0 };
        let pending = join.pending.clone();
        self.rejoin.joins.insert(ticket, join);
        for addr in pending {
            self.dial(addr, Purpose::Join { ticket, addr });
        }
        self.settle_join(ticket);
    }

    /// One address of a join is done.
    pub(super) fn join_outcome(&mut self, ticket: u64, addr: SocketAddr, outcome: Result<(), String>) {
        let Some(join) = self.rejoin.joins.get_mut(&ticket) else { return };
        if join.pending.remove(&addr) {
            match outcome {
                Ok(()) => join.contacted += 1,
                Err(reason) => join.failures.push((addr, reason)),
            }
        }
        self.settle_join(ticket);
    }

    fn settle_join(&mut self, ticket: u64) {
        if self.rejoin.joins.get(&ticket).is_some_and(|join| join.pending.is_empty())
            && let Some(join) = self.rejoin.joins.remove(&ticket)
        {
            let mut failures = join.failures;
            failures.sort_by_key(|(addr, _)| *addr);
            self.output(Output::Joined { ticket, contacted: join.contacted, failures });
        }
    }

    pub(super) fn remember(&mut self, now: Instant, addrs: &[SocketAddr]) {
        let until = now + self.setup.reconnect_timeout;
        let own = self.setup.addr;
        let strangers = addrs.iter().filter(|addr| **addr != own);
        self.rejoin.remembered.extend(strangers.take(MAX_REMEMBERED).map(|addr| (*addr, until)));
        while self.rejoin.remembered.len() > MAX_REMEMBERED {
            self.rejoin.remembered.pop_last();
        }
    }

    /// Dials one of the missing, more likely the more are missing: all together the pool makes about one attempt an interval for each
    /// of them, however large it is.
    pub(super) fn reconnect(&mut self, now: Instant) {
        if !self.departure.takes_part() {
            return;
        }
        self.forget_remembered(now);
        let missing = self.table.failed_count() + self.rejoin.remembered.len();
        if missing == 0 {
            return;
        }
        let alive = self.table.live().len();
        let dials = if alive == 0 { LONELY_DIALS } else { 1 };
        if self.rng.random_ratio(missing as u32, (missing + alive) as u32) {
            for _ in 0..dials {
                let addr = self.random_missing();
                if let Some(addr) = addr {
                    self.dial(addr, Purpose::Rejoin);
                }
            }
        }
    }

    /// Those we have met again, in whatever condition, are looked after by the table.
    fn forget_remembered(&mut self, now: Instant) {
        if self.rejoin.remembered.is_empty() {
            return;
        }
        let met: BTreeSet<SocketAddr> = self.table.iter().map(|slot| slot.profile.addr).collect();
        self.rejoin.remembered.retain(|addr, until| *until > now && !met.contains(addr));
    }

    fn random_missing(&mut self) -> Option<SocketAddr> {
        let (failed, remembered) = (self.table.failed_count(), self.rejoin.remembered.len());
        if failed + remembered == 0 {
            return None;
        }
        let pick = self.rng.random_range(0..failed + remembered);
        if pick < remembered {
            return self.rejoin.remembered.keys().nth(pick).copied();
        }
        let is_failed = |id: &&SlotId| self.table[**id].mark() == Mark::Failed;
        let failed = self.table.gone().iter().filter(is_failed).nth(pick - remembered)?;
        Some(self.table[*failed].profile.addr)
    }

    /// Forgets the dead whose time is over.
    pub(super) fn reap(&mut self, now: Instant) {
        let expired: Vec<SlotId> = self.table.gone().iter().copied().filter(|id| self.table[*id].expires <= now).collect();
        for id in expired {
            self.forget(now, id, Vec::new());
        }
    }
}
