//! What a fault excuses.
//!
//! A promise about an instance is held when its agent and the network around it were left alone, and a majority of the servers was too. What
//! happens to a minority of servers, the leader included, excuses nothing but a few seconds of election where time is promised, and nothing at
//! all where something must not happen.

use super::observed::Seen;
use crate::checker::Nanos;
use crate::fault::{Fault, Struck};
use crate::world::Who;
use std::collections::BTreeSet;

const SECOND: Nanos = 1_000_000_000;

/// After a fault of an agent or of the network: members that were buried are dialled once in a while, so finding one another again may take
/// half a minute, and what an agent could not tell the servers it tells them a little later.
pub const RECOVERY: Nanos = 45 * SECOND;

/// After something happened to a minority of the servers: an election, and everyone finding the new leader.
pub const ELECTION: Nanos = 12 * SECOND;

/// How long servers may take to find their majority again is part of [`RECOVERY`].
pub struct Excuses<'a> {
    seen: &'a Seen,
    /// Times in which no majority of the servers may have been able to work together.
    headless: Vec<(Nanos, Nanos)>,
}

/// Whose troubles count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Elections are excused: a bound is held.
    Bound,
    /// Elections are not excused: something must not happen at all.
    Never,
}

impl<'a> Excuses<'a> {
    /// Those of a run.
    pub fn of(seen: &'a Seen) -> Excuses<'a> {
        Excuses { seen, headless: headless(seen) }
    }

    /// Whether a promise about `who`, as the servers see it, holds from `from` to `to`.
    pub fn none(&self, who: Who, from: Nanos, to: Nanos, strictness: Strictness) -> bool {
        let meets = |begin: Nanos, end: Nanos| begin <= to && end.saturating_add(RECOVERY) >= from;
        let struck = |struck: &Struck| {
            let end = struck.to.unwrap_or(Nanos::MAX);
            let its = concerns(struck, who) && meets(struck.from, end);
            its || (strictness == Strictness::Bound && self.elects(struck, from, to))
        };
        !self.headless.iter().any(|(begin, end)| meets(*begin, *end)) && !self.seen.struck.iter().any(struck)
    }

    /// Whether a fault may have led to an election shortly before or within.
    fn elects(&self, struck: &Struck, from: Nanos, to: Nanos) -> bool {
        let near = |at: Nanos| at <= to && at.saturating_add(ELECTION) >= from;
        let servers = struck.hosts.iter().any(|who| self.seen.servers.contains(who));
        servers && harms(&struck.fault) && (near(struck.from) || struck.to.is_some_and(near))
    }
}

/// Whether a fault is about this host: it struck it, or everybody.
fn concerns(struck: &Struck, who: Who) -> bool {
    harms(&struck.fault) && (struck.hosts.is_empty() || struck.hosts.contains(&who))
}

/// Clocks that are a little wrong, and datagrams that come twice or late, must be borne without any excuse.
fn harms(fault: &Fault) -> bool {
    match fault {
        Fault::Drift(..) | Fault::WallStep(..) | Fault::Duplicate(_) | Fault::Reorder(_) => false,
        Fault::Isolate(_)
        | Fault::Split(_)
        | Fault::Deafen(_)
        | Fault::Mute(_)
        | Fault::Unlink(..)
        | Fault::Loss(_)
        | Fault::Slow(_)
        | Fault::Crash(..)
        | Fault::Blackout(_)
        | Fault::Freeze(_)
        | Fault::FillDisk(..) => true,
    }
}

/// Times in which so many servers were struck at once, each counted for a while after its fault, that the others were no majority.
fn headless(seen: &Seen) -> Vec<(Nanos, Nanos)> {
    let hits = |struck: &&Struck| harms(&struck.fault) && struck.hosts.iter().any(|who| seen.servers.contains(who));
    let hits: Vec<(Nanos, Nanos, &Struck)> = seen
        .struck
        .iter()
        .filter(hits)
        .map(|struck| (struck.from, struck.to.map_or(Nanos::MAX, |to| to.saturating_add(ELECTION)), struck))
        .collect();
    let mut times = Vec::new();
    for (begin, _, _) in &hits {
        let at_once = hits.iter().filter(|(from, to, _)| from <= begin && begin <= to);
        let struck: BTreeSet<Who> = at_once.clone().flat_map(|(_, _, struck)| &struck.hosts).copied().collect();
        let struck = struck.intersection(&seen.servers).count();
        if struck * 2 >= seen.servers.len() {
            let end = at_once.map(|(_, to, _)| *to).max().unwrap_or(*begin);
            times.push((*begin, end));
        }
    }
    times
}
