//! [`Raft`], the one handle to this server's part of the replicated log.

use super::config::{self, Controls, Guard};
use super::errors::{LeaderHint, ReadError};
use super::fence::Fence;
use super::leadership::{Leadership, Role};
use super::observe::Observer;
use super::read::{Proof, Rounds};
use super::setup::{Space, SpaceGauge};
use super::snapshot::{Incoming, SnapshotStore};
use super::state_machine::StateMachine;
use super::types::Types;
use super::view::{Published, TooManyWaiters, View};
use crate::config::RaftTuning;
use crate::model::{Index, NodeId, Topic};
use crate::runtime::{Runtime, watch};
use futures_util::FutureExt;
use openraft::LinearizerOption;
use openraft::errors::{ForwardReason, ForwardToLeader, LinearizableReadError, RaftError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// openraft with our types.
pub(super) type Core<R> = openraft::Raft<Types<R>, StateMachine<R>>;

/// How current a read must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    /// Linearizable, on the leader's word while its lease holds (a margin for clocks that differ in rate by up to 5 % is taken off), on a fresh
    /// round to a quorum otherwise. Consul's `default`, which there may be stale for a moment after a leader was cut off.
    Default,
    /// Linearizable without any clock: always a fresh round to a quorum (ReadIndex; Ongaro's dissertation, section 6.4).
    Consistent,
}

/// This server's part of the replicated log: proposes, reads, waits, changes the configuration. Cheap to clone.
pub struct Raft<R: Runtime>(pub(super) Arc<Inner<R>>);

impl<R: Runtime> Clone for Raft<R> {
    fn clone(&self) -> Raft<R> {
        Raft(self.0.clone())
    }
}

pub(super) struct Inner<R: Runtime> {
    pub(super) core: Core<R>,
    pub(super) id: NodeId,
    pub(super) tuning: RaftTuning,
    pub(super) controls: Controls,
    pub(super) published: Arc<Published>,
    pub(super) proposals: Arc<Semaphore>,
    pub(super) default_reads: Arc<Rounds>,
    pub(super) consistent_reads: Arc<Rounds>,
    pub(super) fence: Fence<R>,
    pub(super) space: SpaceGauge,
    pub(super) snapshots: Arc<SnapshotStore<R>>,
    pub(super) incoming: Arc<tokio::sync::Mutex<Option<Incoming<R>>>>,
    pub(super) leadership: watch::Receiver<Leadership>,
    /// When the leader was last heard from, in nanoseconds of this node's clock; 0 is never.
    pub(super) heard: AtomicU64,
    /// When this leader last offered its place for want of disk space, likewise.
    pub(super) offered: AtomicU64,
    /// Set before openraft is asked to stop.
    pub(super) closing: AtomicBool,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl<R: Runtime> Raft<R> {
    /// The safety measures in force.
    pub fn controls(&self) -> Controls {
        self.0.controls
    }

    /// This server's id.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// The newest applied state on this server, which may lag behind the leader's.
    pub fn view(&self) -> Arc<View> {
        self.0.published.view()
    }

    /// Waits until an entry after `after`, the [`View::index`] the caller has looked at, touches one of `topics`. May return early; the caller looks
    /// at the view again and decides. Waiters of one change wake in the order in which they began to wait. Dropping the future gives the place up.
    pub async fn changed(&self, topics: Vec<Topic>, after: Index) -> Result<(), TooManyWaiters> {
        self.0.published.changed(topics, after).await
    }

    /// Waits until this server has applied the entry that stands at `index` in the log; [`ReadError::Stopped`] if its log stops before that.
    pub async fn applied(&self, index: Index) -> Result<(), ReadError> {
        let (mut applied, mut leadership) = (self.0.published.applied(), self.watch_leadership());
        tokio::select! {
            biased;
            // Never closed: this handle keeps the sending end.
            _ = applied.wait_for(|applied| *applied >= index) => Ok(()),
            _ = leadership.wait_for(|now| now.role == Role::Stopped) => Err(ReadError::Stopped("it was shut down, or its disk failed".to_owned())),
        }
    }

    /// The view of this server that holds the change at `index`, as soon as there is one.
    pub async fn caught_up(&self, index: Index) -> Result<Arc<View>, ReadError> {
        let mut applied = self.0.published.applied();
        loop {
            let at = *applied.borrow_and_update();
            let view = self.view();
            if view.state.last_change() >= index {
                return Ok(view);
            }
            self.applied(at.max(view.log) + 1).await?;
        }
    }

    /// A view that holds everything acknowledged before this call, if this server leads.
    ///
    /// Reads share a proof of leadership if it begins after they arrived; under a valid lease it takes one message to openraft and back.
    pub async fn read_view(&self, consistency: Consistency) -> Result<Arc<View>, ReadError> {
        let (rounds, age) = match consistency {
            Consistency::Default => (&self.0.default_reads, config::read_lease(&self.0.tuning)),
            Consistency::Consistent => (&self.0.consistent_reads, Duration::ZERO),
        };
        if self.0.controls.read_proof == Guard::Off {
            return Ok(self.view());
        }
        let index = rounds.join(|| prove(self.0.core.clone(), age).boxed()).await?;
        let view = self.view();
        if view.log >= index {
            return Ok(view);
        }
        self.applied(index).await?;
        Ok(self.view())
    }

    /// Whether the log's disk has room for more.
    pub fn space(&self) -> Space {
        (self.0.space)()
    }

    /// Makes a snapshot of what is applied now, in the background.
    pub async fn trigger_snapshot(&self) -> Result<(), ReadError> {
        self.0.core.trigger().snapshot().await.map_err(|fatal| ReadError::Stopped(fatal.to_string()))
    }

    /// Stops: nothing is applied, answered or voted for after this returns.
    pub async fn shutdown(&self) {
        self.0.closing.store(true, Ordering::Release);
        if let Err(e) = self.0.core.shutdown().await {
            tracing::warn!(error = %e, "the log did not stop cleanly");
        }
    }
}

/// Asks openraft, which alone knows when a quorum was heard, for the index that a linearizable read must have reached.
async fn prove<R: Runtime>(core: Core<R>, age: Duration) -> Proof {
    match core.get_read_linearizer(LinearizerOption::new(Some(age), true)).await {
        Ok(linearizer) => Ok(linearizer.read_log_id().index()),
        Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadError::Unsettled),
        Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => Err(match forward.reason {
            ForwardReason::NotLeader => ReadError::NotLeader { leader: hint(&forward) },
            ForwardReason::LeadershipTransfer | ForwardReason::LeaseExpired => ReadError::Unsettled,
        }),
        Err(RaftError::Fatal(fatal)) => Err(ReadError::Stopped(fatal.to_string())),
    }
}

/// Whom openraft names as leader, if it knows the address.
pub(super) fn hint<R: Runtime>(forward: &ForwardToLeader<Types<R>>) -> Option<LeaderHint> {
    let (id, server) = (forward.leader_id?, forward.leader_node.as_ref()?);
    Some(LeaderHint { id, addr: server.addr })
}
