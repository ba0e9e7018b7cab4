//! Changing which servers take part. One change at a time: the next is refused until the last is committed.

use super::errors::{BootstrapError, ChangeError};
use super::handle::{Raft, hint};
use super::types::{Server, Types};
use crate::model::{Index, NodeId};
use crate::runtime::{Runtime, watch};
use openraft::ChangeMembers;
use openraft::errors::{ChangeMembershipError, ClientWriteError, ForwardReason, InitializeError, RaftError};
use openraft::metrics::RaftServerMetrics;
use openraft::raft::ClientWriteResponse;
use openraft::rt::watch::WatchReceiver as _;
use std::collections::{BTreeMap, BTreeSet};

type Written<R> = Result<ClientWriteResponse<Types<R>>, RaftError<Types<R>, ClientWriteError<Types<R>>>>;

impl<R: Runtime> Raft<R> {
    /// Forms a cluster of `servers`, all of them voters, this one among them. Every one of them may do it, with the same servers: the first to be
    /// elected makes it so.
    pub async fn bootstrap(&self, servers: BTreeMap<NodeId, Server>) -> Result<(), BootstrapError> {
        match self.0.core.initialize(servers).await {
            Ok(()) => {}
            Err(RaftError::APIError(InitializeError::NotAllowed(_))) => return Err(BootstrapError::AlreadyMember),
            Err(RaftError::APIError(InitializeError::NotInMembers(_))) => return Err(BootstrapError::NotIncluded { id: self.0.id }),
            Err(RaftError::Fatal(fatal)) => return Err(BootstrapError::Stopped(fatal.to_string())),
        }
        self.free_if_alone().await.map_err(|fatal| BootstrapError::Stopped(fatal.to_string()))
    }

    /// Whether this server belongs to a cluster: it has voted, or holds entries.
    pub async fn is_bootstrapped(&self) -> Result<bool, BootstrapError> {
        self.0.core.is_initialized().await.map_err(|fatal| BootstrapError::Stopped(fatal.to_string()))
    }

    /// Makes `server` take part without a vote, or corrects its name and address if it does take part. Returns the index of the change, or of the
    /// configuration that says so already. Does not wait until it has caught up.
    pub async fn add_server(&self, id: NodeId, server: Server) -> Result<Index, ChangeError> {
        let known = self.known(id);
        match known {
            Known::As(have) if have == server => Ok(self.configuration().index),
            Known::As(_) => self.change(ChangeMembers::SetNodes(BTreeMap::from([(id, server)]))).await,
            Known::Not => self.made(self.0.core.add_learner(id, server, false).await).await,
        }
    }

    /// Gives a server that takes part a vote.
    pub async fn promote(&self, id: NodeId) -> Result<Index, ChangeError> {
        self.must_know(id)?;
        self.change(ChangeMembers::AddVoterIds(BTreeSet::from([id]))).await
    }

    /// Takes a server's vote away; it goes on taking part.
    pub async fn demote(&self, id: NodeId) -> Result<Index, ChangeError> {
        self.must_know(id)?;
        self.change(ChangeMembers::RemoveVoters(BTreeSet::from([id]))).await
    }

    /// Removes a server, whether it has a vote or not. A leader that removes itself hands over once that is committed.
    ///
    /// It does not ask whether enough voters are left that work: autopilot's rules do.
    pub async fn remove_server(&self, id: NodeId) -> Result<Index, ChangeError> {
        self.must_know(id)?;
        let voter = self.voters().contains(&id);
        let ids = BTreeSet::from([id]);
        let removal = if voter { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
        self.made(self.0.core.change_membership(removal, false).await).await
    }

    pub(super) fn voters(&self) -> BTreeSet<NodeId> {
        let metrics = self.0.core.server_metrics();
        metrics.borrow_watched().membership_config.membership().voter_ids().collect()
    }

    async fn change(&self, change: ChangeMembers<NodeId, Server>) -> Result<Index, ChangeError> {
        self.made(self.0.core.change_membership(change, true).await).await
    }

    /// What came of a change; of one that was made once [`Raft::configuration`] tells it, which may be later than its being committed.
    async fn made(&self, written: Written<R>) -> Result<Index, ChangeError> {
        let index = settle::<R>(written)?;
        told::<R>(self.0.core.server_metrics(), index).await;
        Ok(index)
    }

    fn known(&self, id: NodeId) -> Known {
        let metrics = self.0.core.server_metrics();
        let known = metrics.borrow_watched().membership_config.membership().get_node(&id).cloned();
        known.map_or(Known::Not, Known::As)
    }

    fn must_know(&self, id: NodeId) -> Result<(), ChangeError> {
        match self.known(id) {
            Known::As(_) => Ok(()),
            Known::Not => Err(ChangeError::NoSuchServer { id }),
        }
    }
}

enum Known {
    As(Server),
    Not,
}

/// Waits until `metrics` know the configuration of `index` or a later one, or will never know any.
async fn told<R: Runtime>(mut metrics: watch::Receiver<RaftServerMetrics<Types<R>>>, index: Index) {
    while metrics.borrow_and_update().membership_config.log_id().as_ref().is_none_or(|id| id.index() < index) {
        if metrics.changed().await.is_err() {
            return;
        }
    }
}

fn settle<R: Runtime>(written: Written<R>) -> Result<Index, ChangeError> {
    let refused = match written {
        Ok(done) => return Ok(done.log_id.index()),
        Err(RaftError::Fatal(fatal)) => return Err(ChangeError::Stopped(fatal.to_string())),
        Err(RaftError::APIError(refused)) => refused,
    };
    Err(match refused {
        ClientWriteError::ForwardToLeader(forward) => match forward.reason {
            ForwardReason::NotLeader => ChangeError::NotLeader { leader: hint(&forward) },
            ForwardReason::LeadershipTransfer | ForwardReason::LeaseExpired => ChangeError::Unsettled,
        },
        ClientWriteError::LogEntryDiscarded(_) => ChangeError::Unknown,
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::InProgress(other)) => {
            ChangeError::InProgress { index: other.membership_log_id.map_or(0, |id| id.index()) }
        }
        ClientWriteError::ChangeMembershipError(ChangeMembershipError::LearnerNotFound(missing)) => {
            ChangeError::NoSuchServer { id: missing.node_id }
        }
        ClientWriteError::ChangeMembershipError(other) => ChangeError::Refused(other.to_string()),
        ClientWriteError::PreconditionFailed(other) => ChangeError::Refused(other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::model::{Index, NodeId};
    use crate::raft::types::{LogId, Membership, StoredMembership, Types, Vote};
    use crate::runtime::tokio::Tokio;
    use crate::runtime::{Runtime, watch};
    use futures_util::poll;
    use openraft::ServerState;
    use openraft::metrics::RaftServerMetrics;
    use std::pin::pin;
    use std::sync::Arc;

    /// What a server tells whose newest configuration is that of `index`.
    fn metrics(index: Option<Index>) -> RaftServerMetrics<Types<Tokio>> {
        let stored = StoredMembership::<Tokio>::new(index.map(|index| LogId::<Tokio>::new_term_index(1, index)), Membership::default());
        RaftServerMetrics {
            id: NodeId::from(1),
            vote: Vote::<Tokio>::new(1, NodeId::from(1)),
            state: ServerState::Leader,
            current_leader: None,
            membership_config: Arc::new(stored.clone()),
            committed_membership_config: Arc::new(stored),
        }
    }

    #[test]
    fn a_change_is_made_once_the_configuration_tells_it_or_the_server_has_stopped() {
        Tokio::block_on(async {
            for later in [7, 9] {
                let (tell, heard) = watch::channel(metrics(None));
                let mut waiting = pin!(told::<Tokio>(heard, 7));
                assert!(poll!(&mut waiting).is_pending());
                tell.send(metrics(Some(6)));
                assert!(poll!(&mut waiting).is_pending(), "the one before");
                tell.send(metrics(Some(later)));
                assert!(poll!(&mut waiting).is_ready());
            }
            let (tell, heard) = watch::channel(metrics(Some(6)));
            drop(tell);
            told::<Tokio>(heard, 7).await;
        });
    }
}
