//! Who leads, as this server sees it.

use super::config;
use super::errors::LeaderHint;
use super::handle::Raft;
use super::types::{StoredMembership, Types};
use crate::model::{Instant, NodeId};
use crate::runtime::{Runtime, watch};
use openraft::ServerState;
use openraft::metrics::RaftServerMetrics;
use openraft::rt::watch::WatchReceiver as _;
use openraft::vote::RaftLeaderId as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a server is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It leads, or believes so: only a read or a proposal proves it.
    Leader,
    /// It campaigns.
    Candidate,
    /// It follows and may be elected.
    Follower,
    /// It follows and does not vote, or belongs to no cluster yet.
    NonVoter,
    /// It has stopped.
    Stopped,
}

/// Who leads, as one server sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// The newest term it has heard of.
    pub term: u64,
    /// The leader of that term, if there is one and its address is known.
    pub leader: Option<LeaderHint>,
    /// What this server is.
    pub role: Role,
}

impl Leadership {
    /// Before anything is known.
    pub(super) const UNKNOWN: Leadership = Leadership { term: 0, leader: None, role: Role::NonVoter };

    /// Whether this server leads, or believes so.
    pub fn is_us(&self) -> bool {
        self.role == Role::Leader
    }

    pub(super) fn of<R: Runtime>(metrics: &RaftServerMetrics<Types<R>>) -> Leadership {
        let membership = metrics.membership_config.membership();
        let known = |id: NodeId| membership.get_node(&id).map(|server| LeaderHint { id, addr: server.addr });
        let role = match metrics.state {
            ServerState::Leader => Role::Leader,
            ServerState::Candidate => Role::Candidate,
            ServerState::Follower => Role::Follower,
            ServerState::Learner => Role::NonVoter,
            ServerState::Shutdown => Role::Stopped,
        };
        Leadership { term: metrics.vote.leader_id.term(), leader: metrics.current_leader.and_then(known), role }
    }
}

impl<R: Runtime> Raft<R> {
    /// Who leads.
    pub fn leadership(&self) -> Leadership {
        *self.0.leadership.borrow()
    }

    /// Follows who leads: changes of term, leader and role.
    pub fn watch_leadership(&self) -> watch::Receiver<Leadership> {
        self.0.leadership.clone()
    }

    /// How long ago the leader was heard from, `None` if never. Zero if this server leads and hears a quorum; if it does not, how long ago it did:
    /// others may lead by now.
    pub fn last_contact(&self) -> Option<Duration> {
        if self.leadership().is_us() {
            return Some(self.silence_of_quorum());
        }
        match self.0.heard.load(Ordering::Relaxed) {
            0 => None,
            at => Some(R::now().since(Instant::from_nanos(at))),
        }
    }

    /// For how long this leader has not heard a quorum; zero up to twice the lease, for that long silence means nothing.
    fn silence_of_quorum(&self) -> Duration {
        let alone = self.voters().into_iter().eq([self.0.id]);
        let metrics = self.0.core.data_metrics();
        let acked = metrics.borrow_watched().last_quorum_acked.as_ref().map(|at| at.instant());
        match acked {
            Some(at) if !alone => Some(R::now().since(at)).filter(|age| *age > config::lease(&self.0.tuning) * 2).unwrap_or_default(),
            Some(_) | None => Duration::ZERO,
        }
    }

    pub(super) fn heard_from_leader(&self) {
        self.0.heard.store(R::now().as_nanos().max(1), Ordering::Relaxed);
    }
}

/// Tells `out` who leads until openraft stops; then says why it stopped.
pub(super) async fn follow<R: Runtime>(core: super::handle::Core<R>, out: watch::Sender<Leadership>) -> String {
    let mut metrics = core.server_metrics();
    loop {
        let now = {
            let metrics = metrics.borrow_and_update();
            core.runtime_config().tick(!is_leader_of_nobody::<R>(&metrics));
            Leadership::of::<R>(&metrics)
        };
        out.send_if_modified(|last| std::mem::replace(last, now) != now);
        if metrics.changed().await.is_err() {
            break;
        }
    }
    out.send_if_modified(|last| {
        *last = Leadership { leader: None, role: Role::Stopped, ..*last };
        true
    });
    let why = core.metrics().borrow_watched().running_state.clone();
    why.err().map_or_else(|| "its task ended without a reason".to_owned(), |fatal| fatal.to_string())
}

/// Whether there is nobody to send heartbeats to, and nobody to be elected instead of this server: it needs no clock of openraft's then, which
/// is most of what an idle server costs.
fn is_leader_of_nobody<R: Runtime>(metrics: &RaftServerMetrics<Types<R>>) -> bool {
    let alone = |membership: &Arc<StoredMembership<R>>| membership.membership().nodes().map(|(id, _)| *id).eq([metrics.id]);
    metrics.state == ServerState::Leader && alone(&metrics.membership_config) && alone(&metrics.committed_membership_config)
}

#[cfg(test)]
mod tests {
    use super::is_leader_of_nobody;
    use crate::model::NodeId;
    use crate::raft::types::{LogId, Membership, Server, StoredMembership, Vote};
    use crate::runtime::tokio::Tokio;
    use openraft::ServerState;
    use openraft::metrics::RaftServerMetrics;
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    /// The first so many servers, of which the first `voters` vote.
    fn servers(count: u64, voters: u64) -> Arc<StoredMembership<Tokio>> {
        let ids = |upto| (1..=upto).map(NodeId::from);
        let nodes: BTreeMap<_, _> = ids(count).map(|id| (id, Server::default())).collect();
        let members = Membership::new(vec![ids(voters).collect::<BTreeSet<_>>()], nodes).unwrap();
        Arc::new(StoredMembership::<Tokio>::new(Some(LogId::<Tokio>::new_term_index(1, 1)), members))
    }

    fn is_idle(state: ServerState, effective: (u64, u64), committed: (u64, u64)) -> bool {
        is_leader_of_nobody::<Tokio>(&RaftServerMetrics {
            id: NodeId::from(1),
            vote: Vote::<Tokio>::new(1, NodeId::from(1)),
            state,
            current_leader: Some(NodeId::from(1)),
            membership_config: servers(effective.0, effective.1),
            committed_membership_config: servers(committed.0, committed.1),
        })
    }

    #[test]
    fn only_a_leader_who_has_nobody_beside_it_does_without_ticks() {
        assert!(is_idle(ServerState::Leader, (1, 1), (1, 1)));
        for state in [ServerState::Learner, ServerState::Follower, ServerState::Candidate, ServerState::Shutdown] {
            assert!(!is_idle(state, (1, 1), (1, 1)), "{state:?}");
        }
        assert!(!is_idle(ServerState::Leader, (2, 1), (1, 1)), "one that does not vote is told, too");
        assert!(!is_idle(ServerState::Leader, (2, 2), (1, 1)), "one is on its way in");
        assert!(!is_idle(ServerState::Leader, (1, 1), (2, 2)), "one is on its way out");
    }
}
