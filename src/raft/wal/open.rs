//! Opening a log: read it all, put right what a crash left, go on where it ended.

use super::errors::OpenWalError;
use super::flush::flush_until_closed;
use super::format::{HEADER, RECORDS, Seal, file_name, number_of};
use super::live::EntryId;
use super::recover::{Recovered, Scan};
use super::shared::{DIR, Segment, Shared, State, path};
use super::spare::{IN_THE_MAKING, make, tidy_until_closed};
use super::write::Wal;
use crate::runtime::{Disk, DiskFile, Runtime};
use std::collections::BTreeMap;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// How a log is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a segment file. A batch that is longer gets a longer segment.
    pub segment_bytes: u64,
}

impl Default for Options {
    /// Segments of 4 MiB: two of them are always there, and a purge gives back what is older.
    fn default() -> Options {
        Options { segment_bytes: 4 << 20 }
    }
}

type Segments<F> = BTreeMap<u64, Arc<Segment<F>>>;

fn disk_error(what: &str) -> impl FnOnce(io::Error) -> OpenWalError {
    let what = what.to_owned();
    move |source| OpenWalError::Disk { what, source }
}

impl<R: Runtime, D: Disk> Wal<R, D> {
    /// Opens the log in folder `wal` of `disk`, or begins one there.
    ///
    /// # Errors
    /// A damaged log is not opened and not changed: see [`Damage`](super::Damage).
    pub async fn open(disk: D, options: Options) -> Result<Wal<R, D>, OpenWalError> {
        disk.create_dir(DIR).map_err(disk_error("creating its folder"))?;
        disk.sync_dir("").await.map_err(disk_error("syncing the folder above it"))?;
        let (mut segments, recovered, stale) = read_all(&disk)?;
        let spare = put_right(&disk, &mut segments, &recovered, stale).await?;
        let minimum = RECORDS + HEADER as u64;
        let (active, offset) = match recovered.end {
            Some(end) => (segments[&end.segment].clone(), end.offset),
            None => {
                let seal = Seal { number: 1, secret: R::random() };
                let made = make(&disk, seal, options.segment_bytes.max(minimum), None).await;
                (Arc::new(made.map_err(disk_error("making its first segment"))?), RECORDS)
            }
        };
        segments.insert(active.seal.number, active.clone());
        let written = recovered.next_sequence - 1;
        let (vote, purged) = (recovered.live.vote.clone().unwrap_or_default(), recovered.live.purged);
        let state = State {
            live: recovered.live,
            segments,
            spare,
            written,
            unsynced: Vec::new(),
            waiting: Vec::new(),
            given_back: None,
            failed: None,
            closed: false,
        };
        let shared = Arc::new(Shared {
            disk,
            state: Mutex::new(state),
            durable: AtomicU64::new(written),
            is_short: AtomicBool::new(false),
            is_blocked: AtomicBool::new(false),
            to_flush: Notify::new(),
            to_tidy: Notify::new(),
            spare_ready: Notify::new(),
        });
        drop(R::spawn(flush_until_closed(shared.clone())));
        drop(R::spawn(tidy_until_closed::<R, D>(shared.clone(), options.segment_bytes.max(minimum))));
        let (sequence, committed) = (recovered.next_sequence, recovered.committed);
        let mut wal = Wal { shared, active, offset, sequence, committed, buffer: Vec::new(), runtime: PhantomData };
        if offset == RECORDS {
            let purged = purged.unwrap_or(EntryId { index: 0, term: 0 });
            let begun = wal.write_checkpoint(&vote, purged).await;
            begun.map_err(|e| disk_error("writing its first record")(e.into()))?;
        }
        Ok(wal)
    }
}

/// Reads every segment. Files below a gap in the numbers are stale: segments are given back from the lowest on, and a power loss may keep some.
fn read_all<D: Disk>(disk: &D) -> Result<(Segments<D::File>, Recovered, Vec<u64>), OpenWalError> {
    let names = disk.list(DIR).map_err(disk_error("listing its folder"))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| number_of(name)).collect();
    let gap = numbers.windows(2).rposition(|pair| pair[0] + 1 != pair[1]).map_or(0, |at| at + 1);
    let current = numbers.split_off(gap);
    let mut scan = Scan::default();
    let mut segments = BTreeMap::new();
    for number in current {
        let name = path(&file_name(number));
        let bytes = disk.read(&name).map_err(disk_error(&name))?;
        let seal = scan.segment(number, &bytes)?;
        let file = disk.open(&name).map_err(disk_error(&name))?;
        segments.insert(number, Arc::new(Segment { seal, file, size: bytes.len() as u64 }));
    }
    Ok((segments, scan.finish()?, numbers))
}

/// Makes the disk hold what was recovered and nothing else, durably. Returns the spare, if there is one.
async fn put_right<D: Disk>(
    disk: &D,
    segments: &mut Segments<D::File>,
    recovered: &Recovered,
    stale: Vec<u64>,
) -> Result<Option<Arc<Segment<D::File>>>, OpenWalError> {
    let tidying = disk_error("putting right what a crash left");
    let outcome = async {
        let mut spare = None;
        for beyond in &recovered.beyond {
            let segment = segments.remove(&beyond.number);
            if beyond.is_clean && spare.is_none() {
                spare = segment;
            } else {
                disk.remove(&path(&file_name(beyond.number)))?;
            }
        }
        for number in stale {
            disk.remove(&path(&file_name(number)))?;
        }
        if disk.list(DIR)?.iter().any(|name| name == IN_THE_MAKING) {
            disk.remove(&path(IN_THE_MAKING))?;
        }
        if let Some(end) = recovered.end.filter(|_| recovered.torn) {
            let segment = &segments[&end.segment];
            segment.file.write_at(end.offset, &vec![0; (segment.size.saturating_sub(end.offset)) as usize])?;
        }
        // What was read may not have been synced: the process before this one may have died without a power loss.
        for segment in segments.values() {
            segment.file.sync().await?;
        }
        disk.sync_dir(DIR).await?;
        Ok(spare)
    };
    outcome.await.map_err(tidying)
}
