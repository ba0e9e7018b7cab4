//! What an operator is shown.

use super::handle::Raft;
use super::leadership::Role;
use super::types::{LogId, Server};
use crate::model::{Index, NodeId};
use crate::runtime::Runtime;
use openraft::rt::watch::WatchReceiver as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// Whether a server's vote counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suffrage {
    /// It does.
    Voter,
    /// It takes part without.
    NonVoter,
}

/// A server of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredServer {
    /// Its name and address.
    pub server: Server,
    /// Whether its vote counts.
    pub suffrage: Suffrage,
}

/// The servers that take part, as of the newest entry that says so, committed or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    /// That entry; 0 before the first.
    pub index: Index,
    /// The servers by id.
    pub servers: BTreeMap<NodeId, ConfiguredServer>,
}

impl Configuration {
    /// How many votes count.
    pub fn voters(&self) -> usize {
        self.servers.values().filter(|server| server.suffrage == Suffrage::Voter).count()
    }
}

/// How far another server is, as its leader knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerProgress {
    /// The last entry it is known to hold.
    pub matched: Option<Index>,
    /// How long ago the request was sent that it answered last; `None` if none was.
    pub last_contact: Option<Duration>,
}

/// This server's log in numbers. Terms and indexes are 0 before the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaftStats {
    /// What this server is.
    pub role: Role,
    /// The newest term.
    pub term: u64,
    /// The last entry of the log.
    pub last_log_index: Index,
    /// Its term.
    pub last_log_term: u64,
    /// The last entry known to be committed.
    pub commit_index: Index,
    /// The last entry applied.
    pub applied_index: Index,
    /// The last entry that the newest snapshot holds.
    pub snapshot_index: Index,
    /// Its term.
    pub snapshot_term: u64,
    /// How long ago the leader was heard from: zero on the leader, `None` if never.
    pub last_contact: Option<Duration>,
    /// Who takes part.
    pub configuration: Configuration,
    /// On the leader, how far the others are.
    pub peers: BTreeMap<NodeId, PeerProgress>,
}

fn index<R: Runtime>(id: &Option<LogId<R>>) -> Index {
    id.as_ref().map_or(0, |id| id.index())
}

fn term<R: Runtime>(id: &Option<LogId<R>>) -> u64 {
    id.as_ref().map_or(0, |id| id.committed_leader_id().term)
}

impl<R: Runtime> Raft<R> {
    /// Who takes part.
    pub fn configuration(&self) -> Configuration {
        let metrics = self.0.core.server_metrics();
        let stored = metrics.borrow_watched().membership_config.clone();
        let membership = stored.membership();
        let voters: Vec<NodeId> = membership.voter_ids().collect();
        let suffrage = |id| if voters.contains(id) { Suffrage::Voter } else { Suffrage::NonVoter };
        let servers = membership.nodes().map(|(id, server)| (*id, ConfiguredServer { server: server.clone(), suffrage: suffrage(id) }));
        Configuration { index: index::<R>(stored.log_id()), servers: servers.collect() }
    }

    /// How far the other servers are; empty unless this one leads.
    pub fn peers(&self) -> BTreeMap<NodeId, PeerProgress> {
        let metrics = self.0.core.data_metrics();
        let metrics = metrics.borrow_watched();
        let Some(replication) = &metrics.replication else { return BTreeMap::new() };
        let now = R::now();
        let contact = |id: &NodeId| {
            let at = metrics.heartbeat.as_ref()?.get(id)?.as_ref()?.instant();
            Some(now.since(at))
        };
        let others = replication.iter().filter(|(id, _)| **id != self.0.id);
        others.map(|(id, at)| (*id, PeerProgress { matched: at.as_ref().map(|at| at.index()), last_contact: contact(id) })).collect()
    }

    /// This server's log in numbers.
    pub fn stats(&self) -> RaftStats {
        let leadership = self.leadership();
        let metrics = self.0.core.data_metrics();
        let metrics = metrics.borrow_watched().clone();
        RaftStats {
            role: leadership.role,
            term: leadership.term,
            last_log_index: index::<R>(&metrics.last_log),
            last_log_term: term::<R>(&metrics.last_log),
            commit_index: index::<R>(&metrics.local_committed),
            applied_index: self.view().log,
            snapshot_index: index::<R>(&metrics.snapshot),
            snapshot_term: term::<R>(&metrics.snapshot),
            last_contact: self.last_contact(),
            configuration: self.configuration(),
            peers: self.peers(),
        }
    }
}
