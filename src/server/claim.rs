//! Which set of servers may form the first cluster: each server grants its claim to one set at a time, durably, and a set needs the claims of all.
//!
//! A set is proposed by the first of its servers, and by nobody else. It may take a set back, as long as it has not formed the cluster; so whoever
//! holds a claim for a set that is not being formed asks its proposer, and is free when that has given it up. Without this, two sets proposed at
//! the same time could block each other for ever.

use super::Agent;
use super::requests::{Repeat, Step};
use super::surroundings::StartError;
use super::wire::{Request, Response};
use crate::model::{NodeId, codec};
use crate::runtime::{Disk, Runtime, replace_file};
use std::io;
use std::time::Duration;

/// Where a server keeps the claim it granted.
const CLAIM_FILE: &str = "raft/claim";
/// The same within the folder of the log.
pub(super) const CLAIM_NAME: &str = "claim";
/// Version of that file.
const CLAIM_VERSION: u8 = 1;
/// Patience with each server asked.
const ASK: Duration = Duration::from_secs(2);

/// What a server does that is asked for its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ruling {
    /// It grants it, and writes that down first.
    Grant,
    /// It has granted it already.
    Granted,
    /// It holds a claim for another set: its proposer must say that it has given it up.
    AskFirst(NodeId),
    /// It refuses.
    Refuse,
}

/// Judges the wish of `by` to form the cluster of `wanted`, asked of `us` who holds a claim for `held`; nothing if that is empty.
fn rule(us: NodeId, held: &[NodeId], by: NodeId, wanted: &[NodeId]) -> Ruling {
    if wanted.first() != Some(&by) || !wanted.contains(&us) {
        return Ruling::Refuse;
    }
    match held.first() {
        None => Ruling::Grant,
        Some(_) if held == wanted => Ruling::Granted,
        // It proposes one set at a time, so it has given the other one up.
        Some(proposer) if *proposer == by => Ruling::Grant,
        // We are proposing it.
        Some(proposer) if *proposer == us => Ruling::Refuse,
        Some(proposer) => Ruling::AskFirst(*proposer),
    }
}

impl<R: Runtime> Agent<R> {
    /// Grants this server's claim to the set of `servers` that `by` wants to form, durably, or refuses it.
    pub(super) async fn grant_claim(&self, by: NodeId, servers: &[NodeId]) -> bool {
        // One at a time: two wishes must not both find the claim free.
        let _turn = self.0.claims.lock().await;
        let Some(raft) = self.raft() else { return false };
        if !matches!(raft.is_bootstrapped().await, Ok(false)) {
            return false;
        }
        let Some(held) = self.held_claim() else { return false };
        match rule(self.node_id(), &held, by, servers) {
            Ruling::Granted => true,
            Ruling::Refuse => false,
            Ruling::Grant => self.write_claim(servers).await,
            Ruling::AskFirst(proposer) => self.is_given_up(proposer, held).await && self.write_claim(servers).await,
        }
    }

    /// Takes back what this server has proposed.
    pub(super) async fn give_claim_up(&self) {
        let _turn = self.0.claims.lock().await;
        if self.held_claim().is_some_and(|held| held.first() == Some(&self.node_id())) {
            self.write_claim(&[]).await;
        }
    }

    /// Whether this server is forming the cluster of `servers`, or may have formed one.
    pub(super) async fn claim_stands(&self, servers: &[NodeId]) -> bool {
        let Some(raft) = self.raft() else { return false };
        !matches!(raft.is_bootstrapped().await, Ok(false)) || self.held_claim().is_none_or(|held| held == servers)
    }

    async fn is_given_up(&self, proposer: NodeId, servers: Vec<NodeId>) -> bool {
        let Some(addr) = self.directory().find(proposer).map(|server| server.addr) else { return false };
        let asked = self.ask(addr, &Request::ClaimStands { servers }, Repeat::Always, ASK).await;
        matches!(asked, Step::Done(Ok(Response::Claimed(false))))
    }

    /// The set this server has granted its claim to, empty if none; `None` if that cannot be told.
    fn held_claim(&self) -> Option<Vec<NodeId>> {
        match read_claim(&self.0.disk) {
            Ok(held) => Some(held),
            Err(e) => {
                tracing::error!(error = %e, "cannot read {CLAIM_FILE}: remove it if this server never belonged to a cluster");
                None
            }
        }
    }

    async fn write_claim(&self, servers: &[NodeId]) -> bool {
        let written = replace_file(&self.0.disk, CLAIM_FILE, &codec::encode(CLAIM_VERSION, &servers)).await;
        if let Err(e) = &written {
            tracing::error!(error = %e, "cannot write {CLAIM_FILE}");
        }
        written.is_ok()
    }
}

/// Refuses a data directory whose claim cannot be read: what this server promised is unknown, and it must not promise anything else.
pub(super) fn check_claim<D: Disk>(disk: &D) -> Result<(), StartError> {
    read_claim(disk).map(drop).map_err(|source| StartError::Claim { source })
}

fn read_claim<D: Disk>(disk: &D) -> io::Result<Vec<NodeId>> {
    match disk.read(CLAIM_FILE) {
        Ok(bytes) => codec::decode("bootstrap claim", CLAIM_VERSION, &bytes).map_err(io::Error::other),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
