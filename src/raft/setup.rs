//! Opening a server's log.

use super::config::{self, Controls, Guard};
use super::errors::OpenError;
use super::fence::Fence;
use super::handle::{Core, Inner, Raft};
use super::leadership::Leadership;
use super::network::{Network, Peers};
use super::observe::Observer;
use super::snapshot::{Recovery, SnapshotStore};
use super::state_machine::StateMachine;
use super::types::Types;
use super::upkeep;
use crate::config::RaftTuning;
use crate::model::NodeId;
use crate::runtime::{Runtime, watch};
use openraft::storage::RaftLogStorage;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use tokio::sync::Semaphore;

/// Proposals under way. The next is refused as busy.
pub const PROPOSALS: usize = 4096;
/// Requests waiting for a change. The next is refused.
pub const WAITERS: usize = 65_536;

/// Whether the disk of the log has room for more entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// It has.
    Enough,
    /// It has not: proposals are refused until it has again.
    Short,
}

/// Looks at the disk of the log. Called for every proposal, so it only reads what somebody else keeps up to date.
pub type SpaceGauge = Arc<dyn Fn() -> Space + Send + Sync>;

/// Called once if the log stops although nobody asked it to: a disk that failed, or a bug. The server must not go on; an agent ends its process.
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// What it takes to open a server's log.
pub struct Setup<R: Runtime, L, P> {
    /// This server.
    pub id: NodeId,
    /// Timing and bounds.
    pub tuning: RaftTuning,
    /// The folder of the log; snapshots lie below it in `snapshots`.
    pub disk: R::Disk,
    /// The log on it.
    pub log: L,
    /// The way to other servers.
    pub peers: P,
    /// Whether there is room for more entries.
    pub space: SpaceGauge,
    /// Where the news of an unasked end goes.
    pub on_fatal: OnFatal,
    /// Safety measures: [`Controls::SAFE`] except where a test plants a fault.
    pub controls: Controls,
}

impl<R: Runtime> Raft<R> {
    /// Opens the log: reads the newest snapshot and what follows it, then takes part in the cluster it knows, if any.
    pub async fn open<L, P>(setup: Setup<R, L, P>) -> Result<Raft<R>, OpenError>
    where
        L: RaftLogStorage<Types<R>>,
        P: Peers,
    {
        Raft::open_observed(setup, None).await
    }

    /// [`open`](Raft::open), with somebody in the observer's seat.
    pub async fn open_observed<L, P>(mut setup: Setup<R, L, P>, observer: Option<Arc<dyn Observer>>) -> Result<Raft<R>, OpenError>
    where
        L: RaftLogStorage<Types<R>>,
        P: Peers,
    {
        let disk_failed = |what: &str| {
            let what = what.to_owned();
            move |source| OpenError::Disk { what, source }
        };
        let (snapshots, recovery) = SnapshotStore::<R>::open(setup.disk.clone()).await.map_err(disk_failed("reading the snapshots"))?;
        let log = setup.log.get_log_state().await.map_err(disk_failed("reading the log"))?;
        let purged = log.last_purged_log_id.map_or(0, |id| id.index());
        reaches(purged, &recovery)?;
        let snapshots = Arc::new(snapshots);
        let (machine, published) = StateMachine::restore(snapshots.clone(), recovery.newest, WAITERS);
        let machine = machine.observed_by(observer.clone());
        let refused = |e: &dyn std::fmt::Display| OpenError::Refused(e.to_string());
        let openraft = config::openraft_config(&setup.tuning, &setup.controls).map_err(|e| refused(&e))?;
        let network = Network::<R, P>::new(setup.peers, setup.disk);
        let core = Core::<R>::new(setup.id, Arc::new(openraft), network, setup.log, machine).await.map_err(|e| refused(&e))?;
        let (leading, leadership) = watch::channel(Leadership::UNKNOWN);
        let fence = match setup.controls.vote_fence {
            Guard::On => Fence::until(R::now() + config::lease(&setup.tuning)),
            Guard::Off => Fence::none(),
        };
        let raft = Raft(Arc::new(Inner {
            core,
            id: setup.id,
            tuning: setup.tuning,
            controls: setup.controls,
            published,
            proposals: Arc::new(Semaphore::new(PROPOSALS)),
            default_reads: Arc::default(),
            consistent_reads: Arc::default(),
            fence,
            space: setup.space,
            snapshots,
            incoming: Arc::default(),
            leadership,
            heard: AtomicU64::new(0),
            offered: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            observer,
        }));
        upkeep::start(&raft, leading, setup.on_fatal).await.map_err(|e| refused(&e))?;
        Ok(raft)
    }
}

/// Whether snapshot and log meet; what could not be read is named either way.
fn reaches<R: Runtime>(purged: u64, recovery: &Recovery<R>) -> Result<(), OpenError> {
    let snapshot = recovery.newest.as_ref().and_then(|(meta, _)| meta.last_log_id.as_ref()).map_or(0, |id| id.index());
    for (name, damage) in &recovery.broken {
        tracing::warn!(file = name, error = %damage, "set a snapshot aside that cannot be read");
    }
    if snapshot >= purged {
        return Ok(());
    }
    let named: Vec<String> = recovery.broken.iter().map(|(name, damage)| format!("{name}: {damage}")).collect();
    let broken = if named.is_empty() { "there is no other".to_owned() } else { named.join("; ") };
    Err(OpenError::SnapshotMissing { dir: "snapshots".to_owned(), purged, snapshot, broken })
}
