//! Snapshots: made, sent, resumed, read back, set aside.

use super::cluster::{Cluster, SOON, server, tuning, value, write};
use crate::config::RaftTuning;
use crate::model::{Index, NodeId};
use crate::raft::{Raft, method};
use crate::runtime::tokio::Tokio;
use crate::runtime::{Disk, Runtime, timeout};
use openraft::rt::watch::WatchReceiver as _;

/// Keeps nothing behind a snapshot.
fn short_log() -> RaftTuning {
    RaftTuning { trailing_logs: 0, ..tuning() }
}

/// Makes a snapshot of everything up to now and waits until the log before it is gone.
async fn compact(raft: &Raft<Tokio>) -> Index {
    let index = raft.view().index;
    raft.trigger_snapshot().await.unwrap();
    let mut metrics = raft.0.core.data_metrics();
    let purged = metrics.wait_until(|now| now.purged.is_some_and(|id| id.index() >= index));
    timeout::<Tokio, _>(SOON, purged).await.unwrap().unwrap();
    index
}

/// Writes values that no compression would shorten.
async fn fill(raft: &Raft<Tokio>, keys: u64, bytes: usize) {
    for n in 0..keys {
        write(raft, &format!("k{n}"), &"x".repeat(bytes)).await.unwrap();
    }
}

#[test]
fn a_restarted_server_reads_its_snapshot_and_what_follows() {
    Tokio::block_on(async {
        let mut cluster = Cluster::tuned(1, short_log()).await;
        fill(cluster.raft(1), 20, 100).await;
        let compacted = compact(cluster.raft(1)).await;
        write(cluster.raft(1), "after", "1").await.unwrap();
        assert!(cluster.nodes[&1].log.content().entries.keys().all(|index| *index > compacted));
        let before = cluster.raft(1).view();
        cluster.restart(1).await;
        assert!(cluster.raft(1).view().index >= compacted, "the snapshot is there before anyone leads");
        cluster.settle().await;
        assert_eq!(cluster.raft(1).view().state, before.state);
    });
}

#[test]
fn a_new_server_gets_the_snapshot_and_goes_on_where_it_stopped() {
    Tokio::block_on(async {
        let mut cluster = Cluster::tuned(1, short_log()).await;
        fill(cluster.raft(1), 16, 100_000).await;
        let compacted = compact(cluster.raft(1)).await;
        cluster.start(2).await;
        // The question and two parts of seven get through.
        cluster.network.allow(method::SNAPSHOT, 3);
        cluster.raft(1).add_server(NodeId::from(2), server(2)).await.unwrap();
        let have = async {
            while cluster.network.count(method::SNAPSHOT) < 3 || cluster.raft(2).0.incoming.lock().await.is_none() {
                tokio::task::yield_now().await;
            }
        };
        timeout::<Tokio, _>(SOON, have).await.unwrap();
        assert_eq!(cluster.raft(2).view().index, 0);
        cluster.network.heal();
        timeout::<Tokio, _>(SOON, cluster.raft(2).applied(compacted)).await.unwrap().unwrap();
        assert_eq!(cluster.raft(2).view().state, cluster.raft(1).view().state);
        let parts = 1_600_000_usize.div_ceil(256 * 1024);
        let calls = cluster.network.count(method::SNAPSHOT);
        assert!(calls <= parts + 3, "{calls} calls for {parts} parts: no part was sent twice");
    });
}

#[test]
fn a_server_that_lags_behind_the_log_catches_up_and_votes_on() {
    Tokio::block_on(async {
        let mut cluster = Cluster::tuned(3, short_log()).await;
        let (leader, late) = (cluster.leader().await, cluster.follower().await);
        cluster.settle().await;
        let disk = cluster.stop(late).await;
        fill(cluster.raft(leader), 50, 100).await;
        compact(cluster.raft(leader)).await;
        write(cluster.raft(leader), "after", "1").await.unwrap();
        cluster.resume(late, disk).await;
        cluster.settle().await;
        assert_eq!(value(cluster.raft(late), "after").as_deref(), Some("1"));
        assert_eq!(cluster.raft(late).view().state, cluster.raft(leader).view().state);
        // The snapshot that arrived is the one it starts from.
        cluster.restart(late).await;
        assert!(cluster.raft(late).view().index >= 50);
        assert!(cluster.network.count(method::SNAPSHOT) > 0);
    });
}

#[test]
fn snapshots_are_made_once_enough_was_applied() {
    Tokio::block_on(async {
        let tuning = RaftTuning { snapshot_threshold: 10, snapshot_interval: std::time::Duration::from_millis(50), ..short_log() };
        let cluster = Cluster::tuned(1, tuning).await;
        fill(cluster.raft(1), 20, 10).await;
        let mut metrics = cluster.raft(1).0.core.data_metrics();
        let made = metrics.wait_until(|now| now.snapshot.is_some());
        timeout::<Tokio, _>(SOON, made).await.unwrap().unwrap();
    });
}

#[test]
fn only_the_newest_snapshot_and_the_one_before_are_kept() {
    Tokio::block_on(async {
        let cluster = Cluster::tuned(1, short_log()).await;
        let mut last = 0;
        for round in 0..4 {
            write(cluster.raft(1), "a", &round.to_string()).await.unwrap();
            last = compact(cluster.raft(1)).await;
        }
        let names = cluster.nodes[&1].folder.disk().list("snapshots").unwrap();
        assert_eq!(names.len(), 2, "{names:?}");
        assert!(names[1].contains(&format!("{last:020}")), "{names:?}");
    });
}
