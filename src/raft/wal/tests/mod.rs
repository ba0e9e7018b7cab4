//! The log against a disk that tears, fills up, rots and fails.

mod disk;
mod faults;
mod model;
mod storage;

use super::{EntryId, Options, Wal};
use crate::runtime::tokio::Tokio;
use disk::ModelDisk;

/// Small segments, so that every case has several.
const OPTIONS: Options = Options { segment_bytes: 4096 + 700 };

type TestWal = Wal<Tokio, ModelDisk>;

fn id(index: u64, term: u64) -> EntryId {
    EntryId { index, term }
}

async fn open(disk: &ModelDisk) -> TestWal {
    TestWal::open(disk.clone(), OPTIONS).await.expect("the log is well")
}

/// Appends entries `from..to` of `term`, each a batch of its own, and waits until they are durable.
async fn append(wal: &mut TestWal, from: u64, to: u64, term: u64) {
    for index in from..to {
        let body = format!("entry {index} of term {term}");
        let durable = wal.append_bodies(&[(id(index, term), body.as_bytes())]).await.expect("the log is well");
        durable.await.expect("it is told").expect("the log is well");
    }
}

async fn bodies(wal: &TestWal) -> Vec<(EntryId, String)> {
    let range = wal.shared.state().live.range();
    let entries = wal.reader().read(range, usize::MAX).await.expect("the log is well");
    entries.into_iter().map(|entry| (entry.id, String::from_utf8_lossy(&entry.body).into_owned())).collect()
}
