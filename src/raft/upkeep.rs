//! What a server does for its log by itself: follows who leads, ends the vote fence, makes snapshots when they are due.

use super::handle::{Inner, Raft};
use super::leadership::{self, Leadership};
use super::setup::OnFatal;
use super::types::{LogId, Types};
use crate::runtime::{Runtime, sleep, watch};
use openraft::errors::Fatal;
use openraft::rt::watch::WatchReceiver as _;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

/// Starts the tasks. They end with openraft.
pub(super) async fn start<R: Runtime>(
    raft: &Raft<R>,
    leading: watch::Sender<Leadership>,
    on_fatal: OnFatal,
) -> Result<(), Fatal<Types<R>>> {
    raft.free_if_alone().await?;
    let (core, inner) = (raft.0.core.clone(), Arc::downgrade(&raft.0));
    drop(R::spawn(async move {
        let why = leadership::follow::<R>(core, leading).await;
        let asked = inner.upgrade().is_none_or(|inner| inner.closing.load(Ordering::Acquire));
        if !asked {
            on_fatal(&why);
        }
    }));
    if raft.0.fence.stands() {
        let (end, inner) = (raft.0.fence.end(), Arc::downgrade(&raft.0));
        drop(R::spawn(async move {
            R::sleep_until(end).await;
            if let Some(inner) = inner.upgrade() {
                inner.core.runtime_config().elect(true);
            }
        }));
    }
    drop(R::spawn(make_snapshots(Arc::downgrade(&raft.0))));
    Ok(())
}

impl<R: Runtime> Raft<R> {
    /// Ends the vote fence if this server is the only voter.
    pub(super) async fn free_if_alone(&self) -> Result<(), Fatal<Types<R>>> {
        let id = self.0.id;
        let alone = move |state: &openraft::RaftState<Types<R>>| state.membership_state.effective().voter_ids().eq([id]);
        if self.0.core.with_raft_state(alone).await? {
            self.0.fence.lift();
            self.0.core.runtime_config().elect(true);
        }
        Ok(())
    }
}

/// Looks at `snapshot_interval` (and up to as much again by chance, so that the servers of a cluster do not all write at once) whether
/// `snapshot_threshold` entries were applied since the last snapshot.
async fn make_snapshots<R: Runtime>(raft: Weak<Inner<R>>) {
    loop {
        let Some(interval) = raft.upgrade().map(|inner| inner.tuning.snapshot_interval) else { return };
        let spread = interval.as_nanos().max(1) as u64;
        sleep::<R>(interval + std::time::Duration::from_nanos(R::random() % spread)).await;
        let Some(inner) = raft.upgrade() else { return };
        let (applied, snapshot) = {
            let metrics = inner.core.metrics();
            let metrics = metrics.borrow_watched();
            (index::<R>(&metrics.last_applied), index::<R>(&metrics.snapshot))
        };
        if applied.saturating_sub(snapshot) >= inner.tuning.snapshot_threshold && inner.core.trigger().snapshot().await.is_err() {
            return;
        }
    }
}

fn index<R: Runtime>(id: &Option<LogId<R>>) -> u64 {
    id.as_ref().map_or(0, |id| id.index())
}
