//! Forming the first cluster, once: every server waits for `bootstrap_expect` of them, then one proposes the set and all must agree to it.
//!
//! Gossip alone cannot decide it: with more servers than expected, two of them may see different sets. So a set needs a claim from each of its servers, and a
//! server grants its claim to one set for ever. Two sets that could both win share no server, so they could not both have been seen as one cluster.

use super::Agent;
use super::directory::ServerEntry;
use super::requests::{Repeat, Step};
use super::wire::{Request, Response};
use crate::model::{NodeId, codec};
use crate::raft::{BootstrapError, Server};
use crate::runtime::{Disk, Runtime, replace_file, sleep};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Where a server keeps the claim it granted.
const CLAIM_FILE: &str = "raft/claim";
/// Version of that file.
const CLAIM_VERSION: u8 = 1;
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
        loop {
            match raft.is_bootstrapped().await {
                Ok(false) => {}
                Ok(true) => return,
                Err(e) => return tracing::error!(error = %e, "cannot form a cluster"),
            }
            if let Some(servers) = self.servers_to_form(expect).await
                && self.claim_all(&servers).await
            {
                match raft.bootstrap(servers.clone()).await {
                    Ok(()) => return tracing::info!(servers = servers.len(), "formed the cluster"),
                    Err(BootstrapError::AlreadyMember) => return,
                    Err(e) => tracing::error!(error = %e, "cannot form the cluster"),
                }
            }
            sleep::<R>(LOOK_AGAIN).await;
        }
    }

    /// The servers that the first cluster would have, if enough are here, they agree on how many are enough, and none belongs to a cluster.
    async fn servers_to_form(&self, expect: u32) -> Option<BTreeMap<NodeId, Server>> {
        let known = self.directory().all();
        let here: Vec<&ServerEntry> = known.iter().filter(|server| server.is_alive() && !server.read_replica).collect();
        if let Some(other) = here.iter().find(|server| server.expect != 0 && server.expect != expect) {
            tracing::error!(server = %other.name, theirs = other.expect, ours = expect, "servers disagree on bootstrap_expect: no cluster is formed");
            return None;
        }
        let candidates: BTreeMap<NodeId, &ServerEntry> = here.into_iter().filter(|s| s.expect == expect).map(|s| (s.id, s)).collect();
        let first = candidates.keys().next().copied();
        if candidates.len() < expect as usize || first != Some(self.node_id()) {
            return None;
        }
        for server in candidates.values().filter(|server| server.id != self.node_id()) {
            match self.ask(server.addr, &Request::Peers, Repeat::Always, ASK).await {
                Step::Done(Ok(Response::Peers(peers))) if peers.voters.is_empty() => {}
                Step::Done(Ok(Response::Peers(_))) => {
                    tracing::info!(server = %server.name, "belongs to a cluster: waiting to be added to it");
                    return None;
                }
                Step::Done(_) | Step::Again => return None,
            }
        }
        Some(candidates.into_iter().map(|(id, s)| (id, Server { name: s.name.clone(), addr: s.addr })).collect())
    }

    /// Whether every server of the set, this one first, grants its claim.
    async fn claim_all(&self, servers: &BTreeMap<NodeId, Server>) -> bool {
        let set: Vec<NodeId> = servers.keys().copied().collect();
        for (id, server) in servers {
            let granted = if *id == self.node_id() {
                self.grant_claim(self.node_id(), &set).await
            } else {
                let claim = Request::Claim { by: self.node_id(), servers: set.clone() };
                matches!(self.ask(server.addr, &claim, Repeat::Always, ASK).await, Step::Done(Ok(Response::Claimed(true))))
            };
            if !granted {
                tracing::warn!(server = %server.name, "did not agree to form the cluster");
                return false;
            }
        }
        true
    }

    /// Grants this server's claim to the set of `servers` that `by` wants to form, for ever and durably; refuses every other set.
    pub(super) async fn grant_claim(&self, by: NodeId, servers: &[NodeId]) -> bool {
        let Some(raft) = self.raft() else { return false };
        let sensible = servers.contains(&self.node_id()) && servers.first() == Some(&by);
        if !sensible || !matches!(raft.is_bootstrapped().await, Ok(false)) {
            return false;
        }
        // One at a time: two claims must not both find the file missing.
        let _turn = self.0.claims.lock().await;
        match read_claim(&self.0.disk) {
            Ok(Some(granted)) => granted == servers,
            Ok(None) => match replace_file(&self.0.disk, CLAIM_FILE, &codec::encode(CLAIM_VERSION, &servers)).await {
                Ok(()) => true,
                Err(e) => {
                    tracing::error!(error = %e, "cannot write {CLAIM_FILE}");
                    false
                }
            },
            Err(e) => {
                tracing::error!(error = %e, "cannot read {CLAIM_FILE}: remove it if this server never belonged to a cluster");
                false
            }
        }
    }
}

fn read_claim<D: Disk>(disk: &D) -> io::Result<Option<Vec<NodeId>>> {
    match disk.read(CLAIM_FILE) {
        Ok(bytes) => codec::decode("bootstrap claim", CLAIM_VERSION, &bytes).map(Some).map_err(io::Error::other),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
