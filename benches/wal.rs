//! What a batch costs in the write-ahead log, beside what the disk asks for the same bytes: `cargo bench --bench wal [seconds]`.
//!
//! Each row appends batches one after the other, as a leader under load does, and waits until each is durable.

use muster::raft::wal::{EntryId, Options, Wal};
use muster::runtime::tokio::Tokio;
use muster::runtime::{Disk, DiskFile, Runtime};
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of an entry's body: a 100-byte value, its key and what belongs to it.
const BODY: usize = 160;
/// Bytes a record has beside its body.
const HEADER: usize = 49;

fn main() {
    let seconds = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(2);
    let room = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("wal-bench");
    let _ = std::fs::remove_dir_all(&room);
    println!("{:>6} {:>12} {:>12} {:>14} {:>14}", "batch", "disk us", "log us", "disk entries/s", "log entries/s");
    for batch in [1, 16, 64, 256] {
        let (raw, log) = Tokio::block_on(async {
            let duration = Duration::from_secs(seconds);
            (raw(&room.join(format!("raw-{batch}")), batch, duration).await, log(&room.join(format!("log-{batch}")), batch, duration).await)
        });
        println!("{batch:>6} {:>12.1} {:>12.1} {:>14.0} {:>14.0}", raw * 1e6, log * 1e6, batch as f64 / raw, batch as f64 / log);
    }
    let _ = std::fs::remove_dir_all(&room);
}

/// Runs `step` for `duration`; seconds a step.
async fn pace(duration: Duration, mut step: impl AsyncFnMut(u64)) -> f64 {
    let begun = Tokio::now();
    let mut steps = 0;
    while Tokio::now().since(begun) < duration {
        step(steps).await;
        steps += 1;
    }
    Tokio::now().since(begun).as_secs_f64() / steps as f64
}

/// Writes as many bytes as the log would into a pre-allocated file, round and round, and syncs.
async fn raw(room: &std::path::Path, batch: usize, duration: Duration) -> f64 {
    let disk = Tokio::disk(room).expect("a folder to write to");
    let file = disk.create("raw").expect("a file");
    let bytes = vec![7; batch * (BODY + HEADER)];
    let size = 4u64 << 20;
    file.write_at(0, &vec![0; size as usize]).expect("room on the disk");
    file.sync().await.expect("a disk that works");
    let places = size / bytes.len() as u64;
    pace(duration, async |step| {
        file.write_at(step % places * bytes.len() as u64, &bytes).expect("room on the disk");
        file.sync().await.expect("a disk that works");
    })
    .await
}

async fn log(room: &std::path::Path, batch: usize, duration: Duration) -> f64 {
    let disk = Tokio::disk(room).expect("a folder to write to");
    let mut wal = Wal::<Tokio>::open(disk, Options::default()).await.expect("an empty folder");
    let body = [7; BODY];
    let mut next = 0;
    pace(duration, async |step| {
        let entries: Vec<(EntryId, &[u8])> =
            (next..next + batch as u64).map(|index| (EntryId { index, term: 1 }, body.as_slice())).collect();
        next += batch as u64;
        let durable = wal.append_bodies(&entries).await.expect("a disk that works");
        durable.await.expect("it is told").expect("a disk that works");
        if step % 1000 == 999 {
            let last = EntryId { index: next.saturating_sub(20_000), term: 1 };
            wal.purge(last).await.expect("a disk that works");
        }
    })
    .await
}
