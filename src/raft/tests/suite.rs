//! openraft's own suite for storage, on our state machine and any log.

use super::folder::TestFolder;
use super::memory_log::MemoryLog;
use crate::model::{NodeId, NodeName};
use crate::raft::snapshot::SnapshotStore;
use crate::raft::state_machine::StateMachine;
use crate::raft::types::{Server, Types};
use crate::raft::wal::{Options, Wal, WalStorage};
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use openraft::StorageError;
use openraft::storage::RaftLogStorage;
use openraft::testing::log::{StoreBuilder, Suite};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};

/// The suite makes its servers out of numbers.
impl From<u64> for NodeId {
    fn from(number: u64) -> NodeId {
        NodeId::from_u128(number.into())
    }
}

impl Default for Server {
    fn default() -> Server {
        Server { name: NodeName::parse("server").unwrap(), addr: SocketAddr::from(([127, 0, 0, 1], 8300)) }
    }
}

/// Builds stores for the suite. Two that live at the same time share the folder of the snapshots: the suite hands one's file to the other.
pub(in crate::raft) struct Stores<F> {
    log: F,
    folder: Mutex<Weak<TestFolder>>,
}

impl<L, F, Fut> StoreBuilder<Types<Tokio>, L, StateMachine<Tokio>, Arc<TestFolder>> for Stores<F>
where
    L: RaftLogStorage<Types<Tokio>>,
    F: Fn(Arc<TestFolder>) -> Fut + Send + Sync,
    Fut: Future<Output = L> + Send,
{
    async fn build(&self) -> Result<(Arc<TestFolder>, L, StateMachine<Tokio>), StorageError<Types<Tokio>>> {
        let folder = {
            let mut shared = self.folder.lock().unwrap();
            let folder = shared.upgrade().unwrap_or_else(|| Arc::new(TestFolder::new()));
            *shared = Arc::downgrade(&folder);
            folder
        };
        let (snapshots, recovery) = SnapshotStore::<Tokio>::open(folder.disk()).await.unwrap();
        let machine = StateMachine::restore(Arc::new(snapshots), recovery.newest, 8).0;
        Ok((folder.clone(), (self.log)(folder).await, machine))
    }
}

/// Runs the suite on the logs that `log` makes.
pub(in crate::raft) async fn run<L, F, Fut>(log: F)
where
    L: RaftLogStorage<Types<Tokio>>,
    F: Fn(Arc<TestFolder>) -> Fut + Send + Sync,
    Fut: Future<Output = L> + Send,
{
    let stores = Stores { log, folder: Mutex::default() };
    Suite::<Types<Tokio>, L, StateMachine<Tokio>, Stores<F>, Arc<TestFolder>>::test_all(stores).await.unwrap();
}

#[test]
fn openrafts_storage_suite_passes_on_the_state_machine() {
    Tokio::block_on(run(|_| async { MemoryLog::default() }));
}

#[test]
fn openrafts_storage_suite_passes_on_the_write_ahead_log() {
    // Two logs that live at the same time do not share a folder, as snapshots do.
    let opened = std::sync::atomic::AtomicU64::new(0);
    let log = |folder: Arc<TestFolder>| {
        let n = opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let disk = Tokio::disk(&folder.path().join(format!("log-{n}"))).unwrap();
        async { WalStorage::<Tokio>::new(Wal::open(disk, Options { segment_bytes: 4096 }).await.unwrap()) }
    };
    Tokio::block_on(run(log));
}
