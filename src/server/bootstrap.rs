//! Forming the first cluster, once: every server waits for `bootstrap_expect` of them, then one proposes the set and all must agree to it.
//!
//! Gossip alone cannot decide it: with more servers than expected, two of them may see different sets. So a set needs the claim of each of its servers
//! (`claim`). Two sets that could both win share no server, so they could not both have been seen as one cluster.

use super::Agent;
use super::directory::ServerEntry;
use super::requests::{Repeat, Step};
use super::wire::{Request, Response};
use crate::model::{NodeId, NodeName};
use crate::raft::{BootstrapError, Server};
use crate::runtime::{Runtime, sleep};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pause between looks at the pool while the servers gather.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// Patience with each server asked.
const ASK: Duration = Duration::from_secs(2);

impl<R: Runtime> Agent<R> {
    /// Waits for the expected servers and forms the cluster with them, unless this server belongs to one or is added to one meanwhile.
    pub(super) async fn form_cluster(&self) {
        let Some(raft) = self.raft() else { return };
        let expect = self.config().bootstrap_expect;
        if expect == 0 || self.config().read_replica {
            return;
        }
        let mut obstacle = None;
        loop {
            match raft.is_bootstrapped().await {
                Ok(false) => {}
                Ok(true) => return,
                Err(e) => return tracing::error!(error = %e, "cannot form a cluster"),
            }
            match self.gather(expect).await {
                Ok(servers) => match raft.bootstrap(servers.clone()).await {
                    Ok(()) => return tracing::info!(servers = servers.len(), "formed the cluster"),
                    Err(BootstrapError::AlreadyMember) => return,
                    Err(e) => return tracing::error!(error = %e, "cannot form the cluster"),
                },
                Err(found) => {
                    self.give_claim_up().await;
                    found.tell_unless(obstacle.as_ref());
                    obstacle = Some(found);
                }
            }
            sleep::<R>(LOOK_AGAIN).await;
        }
    }

    /// The servers that form the first cluster: all of them agree to it.
    async fn gather(&self, expect: u32) -> Result<BTreeMap<NodeId, Server>, Obstacle> {
        let servers = self.servers_to_form(expect).await?;
        self.claim_all(&servers).await?;
        Ok(servers)
    }

    /// The servers that the first cluster would have, if enough are here, they agree on how many are enough, and none belongs to a cluster.
    async fn servers_to_form(&self, expect: u32) -> Result<BTreeMap<NodeId, Server>, Obstacle> {
        let known = self.directory().all();
        let here: Vec<&ServerEntry> = known.iter().filter(|server| server.is_alive() && !server.read_replica).collect();
        if let Some(other) = here.iter().find(|server| server.expect != 0 && server.expect != expect) {
            return Err(Obstacle::Disagreement { server: other.name.clone(), theirs: other.expect, ours: expect });
        }
        let candidates: BTreeMap<NodeId, &ServerEntry> = here.into_iter().filter(|s| s.expect == expect).map(|s| (s.id, s)).collect();
        if candidates.len() < expect as usize {
            return Err(Obstacle::TooFew { here: candidates.len(), expect });
        }
        if candidates.keys().next() != Some(&self.node_id()) {
            return Err(Obstacle::NotOurs);
        }
        for server in candidates.values().filter(|server| server.id != self.node_id()) {
            match self.ask(server.addr, &Request::Peers, Repeat::Always, ASK).await {
                Step::Done(Ok(Response::Peers(peers))) if peers.voters.is_empty() => {}
                Step::Done(Ok(Response::Peers(_))) => return Err(Obstacle::ClusterExists { server: server.name.clone() }),
                Step::Done(_) | Step::Again => return Err(Obstacle::Silent { server: server.name.clone() }),
            }
        }
        Ok(candidates.into_iter().map(|(id, s)| (id, Server { name: s.name.clone(), addr: s.addr })).collect())
    }

    /// Has every server of the set, this one first, grant its claim.
    async fn claim_all(&self, servers: &BTreeMap<NodeId, Server>) -> Result<(), Obstacle> {
        let set: Vec<NodeId> = servers.keys().copied().collect();
        for (id, server) in servers {
            let granted = if *id == self.node_id() {
                self.grant_claim(self.node_id(), &set).await
            } else {
                let claim = Request::Claim { by: self.node_id(), servers: set.clone() };
                matches!(self.ask(server.addr, &claim, Repeat::Always, ASK).await, Step::Done(Ok(Response::Claimed(true))))
            };
            if !granted {
                return Err(Obstacle::NoClaim { server: server.name.clone() });
            }
        }
        Ok(())
    }
}

/// Why no cluster was formed at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    TooFew {
        here: usize,
        expect: u32,
    },
    /// Another server is the one to propose.
    NotOurs,
    Disagreement {
        server: NodeName,
        theirs: u32,
        ours: u32,
    },
    ClusterExists {
        server: NodeName,
    },
    Silent {
        server: NodeName,
    },
    NoClaim {
        server: NodeName,
    },
}

impl Obstacle {
    /// Says so, once for as long as it stays the same.
    fn tell_unless(&self, told: Option<&Obstacle>) {
        if told == Some(self) {
            return;
        }
        match self {
            Obstacle::TooFew { here, expect } => tracing::info!(here, expect, "waiting for servers to form a cluster with"),
            Obstacle::NotOurs => tracing::info!("enough servers are here: waiting for the first of them to form the cluster"),
            Obstacle::Disagreement { server, theirs, ours } => {
                tracing::error!(%server, theirs, ours, "servers disagree on bootstrap_expect: no cluster is formed until they agree");
            }
            Obstacle::ClusterExists { server } => tracing::info!(%server, "belongs to a cluster: waiting to be added to it"),
            Obstacle::Silent { server } => tracing::info!(%server, "does not answer yet: waiting to form a cluster with it"),
            Obstacle::NoClaim { server } => tracing::warn!(%server, "did not agree to form the cluster"),
        }
    }
}
