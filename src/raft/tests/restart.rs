//! How long a server takes to come back.

use super::cluster::{Network, server, tuning};
use super::folder::TestFolder;
use crate::model::{Key, NodeId, Timestamp};
use crate::raft::types::{Entry, LogId, Membership, Payload, Vote};
use crate::raft::wal::{Options, Wal, WalStorage};
use crate::raft::{Controls, Raft, RaftRuntime, Setup};
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use crate::state::{Command, Condition, KvCommand, Stamped};
use bytes::Bytes;
use openraft::async_runtime::{AsyncRuntime, Oneshot};
use openraft::storage::{IOFlushed, RaftLogStorage};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const PUTS: u64 = 100_000;

async fn storage(folder: &TestFolder) -> WalStorage<Tokio> {
    WalStorage::new(Wal::open(folder.disk(), Options::default()).await.unwrap())
}

fn put(index: u64) -> Payload<Tokio> {
    let (key, value) = (Key::new(format!("service/{index:08}").as_bytes()), Bytes::from(vec![b'x'; 100]));
    let put = KvCommand::Put { key, value, flags: 0, condition: Condition::Always };
    Payload::<Tokio>::Normal(Stamped { at: Timestamp::from_unix_nanos(index), command: Command::Kv(put) })
}

fn payload(index: u64) -> Payload<Tokio> {
    if index > 0 {
        return put(index);
    }
    let voters = BTreeSet::from([NodeId::from(1)]);
    Payload::<Tokio>::Membership(Membership::new(vec![voters], BTreeMap::from([(NodeId::from(1), server(1))])).unwrap())
}

/// Writes a log of that many puts, committed but for the last batch.
async fn write_log(folder: &TestFolder) {
    let mut storage = storage(folder).await;
    storage.save_vote(&Vote::<Tokio>::new_committed(1, NodeId::from(1))).await.unwrap();
    for first in (0..=PUTS).step_by(1000) {
        let id = |index| LogId::<Tokio>::new_term_index(1, index);
        let entries = (first..(first + 1000).min(PUTS + 1)).map(|index| Entry::<Tokio> { log_id: id(index), payload: payload(index) });
        let (flushed, durable) = <RaftRuntime<Tokio> as AsyncRuntime>::Oneshot::channel();
        storage.append(entries.collect::<Vec<_>>(), IOFlushed::signal(flushed)).await.unwrap();
        durable.await.unwrap().unwrap();
        storage.save_committed(Some(id(first))).await.unwrap();
    }
}

async fn open(folder: &TestFolder) -> Raft<Tokio> {
    let log = storage(folder).await;
    let setup = Setup {
        id: NodeId::from(1),
        tuning: tuning(),
        disk: folder.disk(),
        space: log.space_gauge(),
        log,
        peers: Network::default().wire(1),
        on_fatal: Arc::new(|_: &str| {}),
        controls: Controls::SAFE,
    };
    Raft::<Tokio>::open(setup).await.unwrap()
}

#[test]
#[ignore = "measures: run it alone, with optimizations"]
fn a_hundred_thousand_puts_are_replayed_within_two_seconds() {
    Tokio::block_on(async {
        let folder = TestFolder::new();
        write_log(&folder).await;
        let begun = Tokio::now();
        let raft = open(&folder).await;
        raft.applied(PUTS).await.unwrap();
        let took = Tokio::now().since(begun);
        println!("{PUTS} puts were replayed in {took:?}");
        assert!(took.as_secs() < 2, "{took:?}");
        raft.shutdown().await;
    });
}
