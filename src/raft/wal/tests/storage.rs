//! The log through openraft's eyes.

use super::disk::{Draws, ModelDisk};
use super::{OPTIONS, TestWal};
use crate::model::{NodeId, Timestamp};
use crate::raft::async_runtime::RaftRuntime;
use crate::raft::types::{Entry, LogId, Payload, Vote};
use crate::raft::wal::WalStorage;
use crate::runtime::tokio::Tokio;
use crate::state::{Command, Stamped};
use futures_util::TryStreamExt;
use openraft::RaftLogReader;
use openraft::async_runtime::{AsyncRuntime, Oneshot};
use openraft::storage::{IOFlushed, RaftLogStorage};

type Storage = WalStorage<Tokio, ModelDisk>;

fn log_id(index: u64, term: u64) -> LogId<Tokio> {
    LogId::<Tokio>::new_term_index(term, index)
}

fn entry(index: u64, term: u64) -> Entry<Tokio> {
    let stamped = Stamped { at: Timestamp::from_unix_nanos(index), command: Command::Nothing };
    let payload = if index == 0 { Payload::<Tokio>::Blank } else { Payload::<Tokio>::Normal(stamped) };
    Entry::<Tokio> { log_id: log_id(index, term), payload }
}

async fn open(disk: &ModelDisk) -> Storage {
    WalStorage::new(TestWal::open(disk.clone(), OPTIONS).await.expect("the log is well"))
}

async fn append(storage: &mut Storage, entries: impl IntoIterator<Item = Entry<Tokio>>) {
    let (flushed, durable) = <RaftRuntime<Tokio> as AsyncRuntime>::Oneshot::channel();
    let entries: Vec<_> = entries.into_iter().collect();
    storage.append(entries, IOFlushed::signal(flushed)).await.expect("the log is well");
    durable.await.expect("it is told").expect("the log is well");
}

async fn indexes(storage: &mut Storage) -> Vec<(u64, u64)> {
    let mut reader = storage.get_log_reader().await;
    let entries = reader.try_get_log_entries(..).await.expect("the log is well");
    for found in &entries {
        assert_eq!(found.payload, entry(found.log_id.index(), 1).payload);
    }
    entries.iter().map(|entry| (entry.log_id.index(), entry.log_id.committed_leader_id().term)).collect()
}

#[tokio::test]
async fn entries_votes_and_what_was_committed_are_there_after_a_power_loss() {
    let disk = ModelDisk::new();
    let mut storage = open(&disk).await;
    assert_eq!(storage.get_log_state().await.unwrap(), Default::default());
    let vote = Vote::<Tokio>::new_committed(3, NodeId::from_u128(9));
    storage.save_vote(&vote).await.unwrap();
    append(&mut storage, (0..5).map(|index| entry(index, 1))).await;
    storage.save_committed(Some(log_id(3, 1))).await.unwrap();
    append(&mut storage, [entry(5, 2)]).await;
    let expected = [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 2)];
    assert_eq!(indexes(&mut storage).await, expected);

    let mut storage = open(&disk.lose_power(&mut Draws(8))).await;
    assert_eq!(indexes(&mut storage).await, expected);
    assert_eq!(storage.get_log_reader().await.read_vote().await.unwrap(), Some(vote));
    assert_eq!(storage.read_committed().await.unwrap(), Some(log_id(3, 1)));
    let state = storage.get_log_state().await.unwrap();
    assert_eq!((state.last_purged_log_id, state.last_log_id), (None, Some(log_id(5, 2))));
}

#[tokio::test]
async fn truncating_after_nothing_empties_the_log() {
    let disk = ModelDisk::new();
    let mut storage = open(&disk).await;
    append(&mut storage, (0..5).map(|index| entry(index, 1))).await;
    storage.truncate_after(Some(log_id(0, 1))).await.unwrap();
    assert_eq!(indexes(&mut storage).await, [(0, 1)]);
    storage.truncate_after(None).await.unwrap();
    assert_eq!(indexes(&mut storage).await, []);
    append(&mut storage, [entry(0, 2)]).await;
    let mut storage = open(&disk.lose_power(&mut Draws(9))).await;
    assert_eq!(indexes(&mut storage).await, [(0, 2)]);
}

#[tokio::test]
async fn a_purge_leaves_the_id_of_the_last_entry_purged() {
    let disk = ModelDisk::new();
    let mut storage = open(&disk).await;
    append(&mut storage, (0..50).map(|index| entry(index, 1))).await;
    storage.purge(log_id(44, 1)).await.unwrap();
    append(&mut storage, [entry(50, 1)]).await;
    let mut storage = open(&disk.lose_power(&mut Draws(10))).await;
    assert_eq!(indexes(&mut storage).await, (45..=50).map(|index| (index, 1)).collect::<Vec<_>>());
    let state = storage.get_log_state().await.unwrap();
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(log_id(44, 1)), Some(log_id(50, 1))));
    let mut reader = storage.get_log_reader().await;
    assert_eq!(reader.try_get_log_entries(40..47).await.unwrap().len(), 2);
    assert_eq!(reader.limited_get_log_entries(46, 51).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_long_log_is_streamed_in_parts_and_whole() {
    let disk = ModelDisk::new();
    let mut storage = open(&disk).await;
    append(&mut storage, (0..10_000).map(|index| entry(index, 1))).await;
    // From memory, and from the disk.
    for _ in 0..2 {
        let mut reader = storage.get_log_reader().await;
        assert!(reader.next_part(&mut (0..10_000)).await.unwrap().len() < 5000, "a part is bounded");
        let indexes = reader.entries_stream(7..9_990).await.map_ok(|entry| entry.log_id.index());
        assert_eq!(indexes.try_collect::<Vec<u64>>().await.unwrap(), (7..9_990).collect::<Vec<_>>());
        let count = reader.entries_stream(9_000..).await.try_fold(0, |count, _| async move { Ok(count + 1) });
        assert_eq!(count.await.unwrap(), 1000, "it ends with the log");
        storage = open(&disk.lose_power(&mut Draws(11))).await;
    }
}

#[tokio::test]
async fn a_stream_whose_entries_are_purged_under_it_fails_and_does_not_end_as_if_it_were_whole() {
    let disk = ModelDisk::new();
    let mut storage = open(&disk).await;
    append(&mut storage, (0..10_000).map(|index| entry(index, 1))).await;
    let mut reader = storage.get_log_reader().await;
    let mut stream = Box::pin(reader.entries_stream(0..10_000).await);
    assert_eq!(stream.try_next().await.unwrap().map(|entry| entry.log_id.index()), Some(0));
    storage.purge(log_id(9_000, 1)).await.unwrap();
    let error = stream.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
}

#[tokio::test]
async fn a_purge_is_no_word_on_what_is_committed() {
    let mut storage = open(&ModelDisk::new()).await;
    append(&mut storage, (0..3).map(|index| entry(index, 1))).await;
    storage.save_committed(Some(log_id(1, 1))).await.unwrap();
    assert_eq!(storage.read_committed().await.unwrap(), Some(log_id(1, 1)));
    storage.purge(log_id(1, 1)).await.unwrap();
    assert_eq!(storage.read_committed().await.unwrap(), None);
}
