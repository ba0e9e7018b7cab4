//! Changing which servers take part. One change at a time: the next is refused until the last is committed.

use super::errors::{BootstrapError, ChangeError};
use super::handle::{Raft, hint};
use super::types::{Server, Types};
use crate::model::{Index, NodeId};
use crate::runtime::Runtime;
use openraft::ChangeMembers;
use openraft::errors::{ChangeMembershipError, ClientWriteError, ForwardReason, InitializeError, RaftError};
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
            Known::Not => settle::<R>(self.0.core.add_learner(id, server, false).await),
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
        let changed = self.0.core.change_membership(ChangeMembers::RemoveVoters(BTreeSet::from([id])), true).await;
        settle::<R>(changed)
    }

    /// Removes a server, whether it has a vote or not. A leader that removes itself hands over once that is committed.
    ///
    /// It does not ask whether enough voters are left that work: autopilot's rules do.
    pub async fn remove_server(&self, id: NodeId) -> Result<Index, ChangeError> {
        self.must_know(id)?;
        let voter = self.voters().contains(&id);
        let ids = BTreeSet::from([id]);
        let removal = if voter { ChangeMembers::RemoveVoters(ids) } else { ChangeMembers::RemoveNodes(ids) };
        settle::<R>(self.0.core.change_membership(removal, false).await)
    }

    pub(super) fn voters(&self) -> BTreeSet<NodeId> {
        let metrics = self.0.core.server_metrics();
        metrics.borrow_watched().membership_config.membership().voter_ids().collect()
    }

    async fn change(&self, change: ChangeMembers<NodeId, Server>) -> Result<Index, ChangeError> {
        settle::<R>(self.0.core.change_membership(change, true).await)
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
