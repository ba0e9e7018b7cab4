//! The leader's duty to the servers: take new ones in, give them a vote when they have proved themselves, remove those that are gone, and
//! never by that lose the quorum. Behaves as Consul's autopilot, with a grace before a dead server is removed.
//!
//! One step at a time: whoever drives it looks, takes the step [`Autopilot::look`] returns, and looks again when that is committed.

mod report;
mod sight;
#[cfg(test)]
mod tests;

pub use report::{Report, ServerReport};
pub use sight::{Ballot, Calling, Pooled, Seat, Server, Sight, majority};

use crate::gossip::MemberStatus;
use crate::model::{Instant, NodeId, NodeName};
use crate::state::autopilot::AutopilotSettings;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Time between looks, beside those that news of the pool asks for.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How long a server must have been failed before it is removed: one that restarts is back before.
pub const DEAD_GRACE: Duration = Duration::from_secs(60);

/// How long a server of the configuration must have been unknown to the pool before it is removed.
pub const UNKNOWN_GRACE: Duration = Duration::from_secs(600);

/// A server that answered the leader within this counts as living, whatever its health.
const ANSWERS: Duration = Duration::from_secs(1);

/// The next thing to do to Raft's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Take the server in, without a vote.
    Add {
        /// Which.
        id: NodeId,
        /// Its name.
        name: NodeName,
        /// Where its RPC listens.
        addr: SocketAddr,
    },
    /// Correct the name or address of a server that takes part.
    Correct {
        /// Which.
        id: NodeId,
        /// Its name now.
        name: NodeName,
        /// Its address now.
        addr: SocketAddr,
    },
    /// Give it a vote.
    Promote {
        /// Which.
        id: NodeId,
    },
    /// Take its vote away: it is a read replica now.
    Demote {
        /// Which.
        id: NodeId,
    },
    /// Remove it.
    Remove {
        /// Which.
        id: NodeId,
        /// For what reason.
        why: Why,
    },
}

/// Why a server is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It left in order, or an operator declared it gone.
    Left,
    /// It failed and has not come back.
    Failed,
    /// The pool has not known it for long.
    Unknown,
    /// Another server, alive, has its address.
    Replaced,
}

/// How a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Alive, heard of lately, and not far behind.
    Healthy,
    /// Not so.
    Unhealthy,
}

/// Since when a server is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verdict {
    condition: Condition,
    since: Instant,
}

/// Watches the servers for as long as this server leads. One for each time it leads.
#[derive(Debug, Default)]
pub struct Autopilot {
    /// When it first looked.
    began: Option<Instant>,
    /// At most one for each server seen at the last look.
    verdicts: BTreeMap<NodeId, Verdict>,
    /// Servers of the configuration that are failed or unknown, and since when.
    missing: BTreeMap<NodeId, Instant>,
}

impl Autopilot {
    /// For a server that begins to lead.
    pub fn new() -> Autopilot {
        Autopilot::default()
    }

    /// Judges every server as of `now`, and says what to do next, if anything.
    pub fn look(&mut self, now: Instant, sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
        self.judge(now, sight, settings);
        let step = departure(sight, settings)
            .or_else(|| replacement(sight, settings))
            .or_else(|| arrival(sight))
            .or_else(|| correction(sight))
            .or_else(|| demotion(sight, settings))
            .or_else(|| self.promotion(now, sight, settings))
            .or_else(|| self.cleanup(now, sight, settings));
        if let Some(Step::Remove { id, .. } | Step::Demote { id }) = &step {
            assert!(*id != sight.ours, "the leader does not remove itself");
            assert!(can_spare(sight, *id, settings), "removing {id} would lose the quorum");
        }
        step
    }

    fn judge(&mut self, now: Instant, sight: &Sight, settings: &AutopilotSettings) {
        self.began.get_or_insert(now);
        self.verdicts.retain(|id, _| sight.servers.contains_key(id));
        self.missing.retain(|id, _| sight.servers.contains_key(id));
        for (id, server) in &sight.servers {
            let condition = condition(sight, *id, server, settings);
            let verdict = self.verdicts.entry(*id).or_insert(Verdict { condition, since: now });
            if verdict.condition != condition {
                *verdict = Verdict { condition, since: now };
            }
            if is_missing(server, settings) {
                self.missing.entry(*id).or_insert(now);
            } else {
                self.missing.remove(id);
            }
        }
    }

    /// A server without a vote that has been healthy for long enough. While the leader is new nobody can have been, and a cluster that is just
    /// forming should not wait: for the first 110 % of the time, as in Consul, health alone counts.
    fn promotion(&self, now: Instant, sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
        let needed = settings.server_stabilization_time;
        let forming = self.began.is_some_and(|began| now.since(began) <= needed * 11 / 10);
        let needed = if forming { Duration::ZERO } else { needed };
        let ready = |id: &NodeId| {
            let verdict = self.verdicts.get(id);
            verdict.is_some_and(|v| v.condition == Condition::Healthy && now.since(v.since) >= needed)
        };
        let called = |server: &Server| {
            let waits = server.seat.as_ref().is_some_and(|seat| seat.ballot == Ballot::NoVote);
            waits && server.pooled.as_ref().is_some_and(|pooled| pooled.calling == Calling::Voter)
        };
        let found = sight.servers.iter().find(|(id, server)| called(server) && ready(id))?;
        Some(Step::Promote { id: *found.0 })
    }

    /// The server that has been missing longest, if it has been for its grace and the others can spare it. Never more than a minority of the
    /// voters, nor below `min_quorum`: if so many are missing, an operator has to look.
    fn cleanup(&self, now: Instant, sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
        if !settings.cleanup_dead_servers {
            return None;
        }
        let voters = sight.voters().count();
        let missing_voters = sight.voters().filter(|(id, _)| self.missing.contains_key(id)).count();
        let minority = missing_voters * 2 < voters;
        let spared = |id: NodeId, server: &Server| {
            !server.votes() || (minority && voters > settings.min_quorum as usize && can_spare(sight, id, settings))
        };
        let overdue = self.missing.iter().filter_map(|(id, since)| {
            let server = sight.servers.get(id).filter(|server| *id != sight.ours && server.seat.is_some())?;
            let (grace, why) = match server.pooled {
                Some(_) => (DEAD_GRACE, Why::Failed),
                None => (UNKNOWN_GRACE, Why::Unknown),
            };
            (now.since(*since) >= grace && spared(*id, server)).then_some((*since, *id, why))
        });
        overdue.min_by_key(|(since, id, _)| (*since, *id)).map(|(_, id, why)| Step::Remove { id, why })
    }
}

/// Alive to gossip, heard of within the threshold, and at most so many entries behind. A follower that answers this leader's appends is in its
/// term, so terms need no look of their own.
fn condition(sight: &Sight, id: NodeId, server: &Server, settings: &AutopilotSettings) -> Condition {
    let ours = id == sight.ours;
    let heard = ours || server.contact().is_some_and(|contact| contact <= settings.last_contact_threshold);
    let matched = server.seat.as_ref().and_then(|seat| seat.matched);
    let follows = ours || matched.is_some_and(|at| sight.last_index.saturating_sub(at) <= settings.max_trailing_logs);
    if server.is_alive() && heard && follows { Condition::Healthy } else { Condition::Unhealthy }
}

/// Whether it answers the leader, so is not dead whatever gossip says.
fn answers(server: &Server, settings: &AutopilotSettings) -> bool {
    server.contact().is_some_and(|contact| contact <= settings.last_contact_threshold.max(ANSWERS))
}

/// In the configuration, but failed or unknown to the pool, and silent.
fn is_missing(server: &Server, settings: &AutopilotSettings) -> bool {
    let gone = match server.pooled.as_ref().map(|pooled| pooled.status) {
        None | Some(MemberStatus::None | MemberStatus::Failed) => true,
        Some(MemberStatus::Alive | MemberStatus::Leaving | MemberStatus::Left) => false,
    };
    server.seat.is_some() && gone && !answers(server, settings)
}

/// Whether those that live among the voters without `id` are a majority of them. The leader lives.
fn can_spare(sight: &Sight, id: NodeId, settings: &AutopilotSettings) -> bool {
    let others: Vec<(NodeId, &Server)> = sight.voters().filter(|(other, _)| *other != id).collect();
    let lives = |other: &(NodeId, &Server)| other.0 == sight.ours || (other.1.is_alive() && answers(other.1, settings));
    let living = others.iter().filter(|other| lives(other)).count();
    !sight.servers.get(&id).is_some_and(Server::votes) || living >= majority(others.len())
}

/// A server that left still has a seat. It said so itself, so `min_quorum` does not hold it.
fn departure(sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
    let left = |server: &Server| server.pooled.as_ref().is_some_and(|pooled| pooled.status == MemberStatus::Left) && server.seat.is_some();
    let mut found = sight.servers.iter().filter(|(id, server)| **id != sight.ours && left(server));
    found.find(|(id, _)| can_spare(sight, **id, settings)).map(|(id, _)| Step::Remove { id: *id, why: Why::Left })
}

/// A seat whose address now belongs to another server that is alive, while its own holder is not: the machine was set up anew.
fn replacement(sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
    let seated = sight.servers.iter().filter_map(|(id, server)| Some((*id, server, server.seat.as_ref()?)));
    let mut stale = seated.filter(|(id, server, seat)| {
        let taken = sight.servers.iter().any(|(other, by)| {
            other != id && by.is_alive() && by.seat.is_none() && by.pooled.as_ref().is_some_and(|pooled| pooled.addr == seat.addr)
        });
        *id != sight.ours && taken && !server.is_alive()
    });
    stale.find(|(id, _, _)| can_spare(sight, *id, settings)).map(|(id, _, _)| Step::Remove { id, why: Why::Replaced })
}

/// A server that is alive and has no seat, and whose address no other seat has.
fn arrival(sight: &Sight) -> Option<Step> {
    let free = |addr: SocketAddr| !sight.servers.values().any(|server| server.seat.as_ref().is_some_and(|seat| seat.addr == addr));
    let waiting = sight.servers.values().filter(|server| server.seat.is_none() && server.is_alive());
    let pooled = waiting.filter_map(|server| server.pooled.as_ref()).find(|pooled| free(pooled.addr))?;
    Some(Step::Add { id: pooled.id, name: pooled.name.clone(), addr: pooled.addr })
}

/// A server that is alive under another name or address than its seat says.
fn correction(sight: &Sight) -> Option<Step> {
    let alive = sight.servers.values().filter(|server| server.is_alive());
    let both = alive.filter_map(|server| Some((server.pooled.as_ref()?, server.seat.as_ref()?)));
    let (pooled, _) = both.into_iter().find(|(pooled, seat)| pooled.addr != seat.addr || pooled.name != seat.name)?;
    Some(Step::Correct { id: pooled.id, name: pooled.name.clone(), addr: pooled.addr })
}

/// A voter that came back as a read replica.
fn demotion(sight: &Sight, settings: &AutopilotSettings) -> Option<Step> {
    let replica = |server: &Server| server.pooled.as_ref().is_some_and(|pooled| pooled.calling == Calling::ReadReplica);
    let mut found = sight.voters().filter(|(id, server)| *id != sight.ours && server.is_alive() && replica(server));
    found.find(|(id, _)| can_spare(sight, *id, settings)).map(|(id, _)| Step::Demote { id })
}
