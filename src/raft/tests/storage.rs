//! What happens when the disk gives back something else, or nothing.

use super::cluster::{Cluster, SOON, tuning, value, write};
use super::folder::TestFolder;
use super::memory_log::MemoryLog;
use crate::config::RaftTuning;
use crate::model::NodeId;
use crate::raft::{Controls, OpenError, ProposeError, Raft, Setup, Space};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Disk, DiskFile, Runtime, timeout};
use std::sync::Arc;

/// Flips one bit in the middle of a file.
fn corrupt(folder: &TestFolder, name: &str) {
    let file = folder.disk().open(name).unwrap();
    let middle = file.size().unwrap() / 2;
    let mut byte = [0];
    file.read_at(middle, &mut byte).unwrap();
    file.write_at(middle, &[byte[0] ^ 1]).unwrap();
}

/// The snapshot files of server 1, oldest first.
fn snapshots(folder: &TestFolder) -> Vec<String> {
    folder.disk().list("snapshots").unwrap().into_iter().map(|name| format!("snapshots/{name}")).collect()
}

async fn snapshot(raft: &Raft<Tokio>) {
    use openraft::rt::watch::WatchReceiver as _;
    let index = raft.view().index;
    raft.trigger_snapshot().await.unwrap();
    let mut metrics = raft.0.core.data_metrics();
    timeout::<Tokio, _>(SOON, metrics.wait_until(|now| now.snapshot.is_some_and(|id| id.index() >= index))).await.unwrap().unwrap();
}

#[test]
fn a_corrupt_snapshot_is_set_aside_and_the_one_before_is_used_while_the_log_reaches_it() {
    Tokio::block_on(async {
        let mut cluster = Cluster::tuned(1, RaftTuning { trailing_logs: 1000, ..tuning() }).await;
        for round in 0..2 {
            write(cluster.raft(1), "a", &round.to_string()).await.unwrap();
            snapshot(cluster.raft(1)).await;
        }
        let (folder, log) = cluster.stop(1).await;
        let newest = snapshots(&folder).pop().unwrap();
        corrupt(&folder, &newest);
        cluster.resume(1, (folder, log)).await;
        cluster.settle().await;
        assert_eq!(value(cluster.raft(1), "a").as_deref(), Some("1"));
        assert!(snapshots(&cluster.nodes[&1].folder).contains(&format!("{newest}.corrupt")));
    });
}

#[test]
fn a_log_whose_beginning_is_in_no_readable_snapshot_refuses_to_open_and_names_the_file() {
    Tokio::block_on(async {
        let mut cluster = Cluster::tuned(1, RaftTuning { trailing_logs: 0, ..tuning() }).await;
        write(cluster.raft(1), "a", "1").await.unwrap();
        snapshot(cluster.raft(1)).await;
        let mut metrics = cluster.raft(1).0.core.data_metrics();
        {
            use openraft::rt::watch::WatchReceiver as _;
            timeout::<Tokio, _>(SOON, metrics.wait_until(|now| now.purged.is_some())).await.unwrap().unwrap();
        }
        let (folder, log) = cluster.stop(1).await;
        let newest = snapshots(&folder).pop().unwrap();
        corrupt(&folder, &newest);
        let Err(refused) = open(&folder, log).await else { panic!("it opened") };
        assert!(matches!(refused, OpenError::SnapshotMissing { .. }));
        let text = refused.to_string();
        assert!(text.contains(&newest) && text.contains("checksum") && text.contains("backup"), "{text}");
    });
}

async fn open(folder: &TestFolder, log: MemoryLog) -> Result<Raft<Tokio>, OpenError> {
    let setup = Setup {
        id: NodeId::from(1),
        tuning: tuning(),
        disk: folder.disk(),
        log,
        peers: super::cluster::Network::default().wire(1),
        space: Arc::new(|| Space::Enough),
        on_fatal: Arc::new(|_: &str| {}),
        controls: Controls::SAFE,
    };
    Raft::<Tokio>::open(setup).await
}

#[test]
fn what_was_left_half_written_is_cleared_away() {
    Tokio::block_on(async {
        let folder = TestFolder::new();
        folder.disk().create_dir("snapshots").unwrap();
        folder.disk().create("snapshots/incoming.tmp").unwrap();
        folder.disk().create("snapshots/00000000000000000007-00000000000000000001.snapshot.tmp").unwrap();
        let raft = open(&folder, MemoryLog::default()).await.unwrap();
        assert!(folder.path().exists());
        assert_eq!(snapshots(&folder), Vec::<String>::new());
        raft.shutdown().await;
    });
}

#[test]
fn a_disk_that_fails_stops_the_log_and_is_reported_once() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        write(cluster.raft(1), "a", "1").await.unwrap();
        cluster.nodes[&1].log.content().fault = Some(std::io::ErrorKind::Other);
        let refused = cluster.raft(1).propose(super::cluster::put("a", "2")).await.unwrap_err();
        assert!(matches!(refused, ProposeError::Stopped(_)), "{refused:?}");
        let mut leadership = cluster.raft(1).watch_leadership();
        timeout::<Tokio, _>(SOON, async { while leadership.changed().await.is_ok() {} }).await.unwrap();
        let reported = async {
            while cluster.nodes[&1].fatal.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout::<Tokio, _>(SOON, reported).await.unwrap();
        let fatal = cluster.nodes[&1].fatal.lock().unwrap().clone();
        assert_eq!(fatal.len(), 1);
        assert!(fatal[0].contains("planted"), "{fatal:?}");
    });
}

#[test]
fn a_stop_that_was_asked_for_is_not_fatal() {
    Tokio::block_on(async {
        let cluster = Cluster::of(1).await;
        let mut leadership = cluster.raft(1).watch_leadership();
        cluster.raft(1).shutdown().await;
        timeout::<Tokio, _>(SOON, async { while leadership.changed().await.is_ok() {} }).await.unwrap();
        assert!(cluster.nodes[&1].fatal.lock().unwrap().is_empty());
        assert!(matches!(cluster.raft(1).propose(super::cluster::put("a", "2")).await, Err(ProposeError::Stopped(_))));
    });
}
