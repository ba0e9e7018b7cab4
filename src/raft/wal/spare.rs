//! Keeps one segment ready beyond the active one, and gives purged ones back.
//!
//! A spare is made under another name and gets its own only when header and length are durable: a file with a segment's name always begins with
//! a good header, so one that does not is damage.

use super::format::{Seal, file_name};
use super::shared::{DIR, Segment, Shared, path};
use crate::runtime::{Disk, DiskFile, Runtime, sleep};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Name of a spare in the making. One that is found at start is left over.
pub(super) const IN_THE_MAKING: &str = "spare.tmp";

/// How long to wait before asking a full disk again.
pub(super) const FULL_DISK_PAUSE: Duration = Duration::from_millis(500);

/// Makes spares and gives segments back, for as long as the log is open and well.
pub(super) async fn tidy_until_closed<R: Runtime, D: Disk>(shared: Arc<Shared<D>>, segment_bytes: u64) {
    loop {
        let outcome = tidy::<D, R>(&shared, segment_bytes).await;
        let is_full = matches!(&outcome, Err(e) if e.kind() == io::ErrorKind::StorageFull);
        if is_full != shared.is_short.swap(is_full, Ordering::AcqRel) {
            match is_full {
                true => tracing::warn!("no space for the next segment of the write-ahead log: writes are refused until there is"),
                false => tracing::info!("there is space for the write-ahead log again"),
            }
        }
        match outcome {
            Ok(()) => shared.to_tidy.notified().await,
            Err(_) if is_full => sleep::<R>(FULL_DISK_PAUSE).await,
            Err(e) => return drop(shared.fail("making a segment".to_owned(), &e)),
        }
        let state = shared.state();
        if state.closed || state.failed.is_some() {
            return;
        }
    }
}

async fn tidy<D: Disk, R: Runtime>(shared: &Shared<D>, segment_bytes: u64) -> io::Result<()> {
    let (mut unneeded, next) = {
        let mut state = shared.state();
        let durable = shared.durable.load(Ordering::Acquire);
        let below = state.given_back.filter(|&(_, sequence)| sequence <= durable).map_or(0, |(below, _)| below);
        let kept = state.segments.split_off(&below);
        let unneeded = std::mem::replace(&mut state.segments, kept);
        let active = state.segments.keys().next_back().copied().unwrap_or(0);
        (unneeded.into_keys().rev().collect::<Vec<u64>>(), state.spare.is_none().then_some(active + 1))
    };
    let old = next.and_then(|_| unneeded.pop());
    // Before anything new is made: these may be what the disk is full of.
    for number in unneeded {
        shared.disk.remove(&path(&file_name(number)))?;
    }
    if let Some(number) = next {
        let seal = Seal { number, secret: R::random() };
        let segment = Arc::new(make(&shared.disk, seal, segment_bytes, old).await?);
        shared.state().spare = Some(segment);
        shared.spare_ready.notify_one();
    }
    Ok(())
}

/// Makes segment `seal.number` of at least `size` bytes, out of segment `old` if one is given.
pub(super) async fn make<D: Disk>(disk: &D, seal: Seal, size: u64, old: Option<u64>) -> io::Result<Segment<D::File>> {
    let beside = path(IN_THE_MAKING);
    let file = match old {
        Some(old) => {
            disk.rename(&path(&file_name(old)), &beside)?;
            // The old name must be gone before its content is another's.
            disk.sync_dir(DIR).await?;
            disk.open(&beside)?
        }
        None => disk.create(&beside)?,
    };
    let size = size.max(file.size()?);
    file.allocate(size)?;
    file.write_at(0, &seal.header())?;
    file.sync().await?;
    disk.rename(&beside, &path(&file_name(seal.number)))?;
    disk.sync_dir(DIR).await?;
    Ok(Segment { seal, file, size })
}
