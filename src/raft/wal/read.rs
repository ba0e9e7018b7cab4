//! Reading entries back, beside the writer.

use super::format::{HEADER, Kind, file_name};
use super::live::{EntryId, Place};
use super::shared::{Segment, Shared};
use crate::runtime::{Disk, DiskFile, Runtime};
use bytes::{Buf, Bytes};
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its index and term.
    pub id: EntryId,
    /// Its body.
    pub body: Bytes,
}

/// Reads entries. Clones are cheap.
pub struct Reader<R: Runtime, D: Disk = <R as Runtime>::Disk> {
    shared: Arc<Shared<D>>,
    runtime: PhantomData<R>,
}

impl<R: Runtime, D: Disk> Clone for Reader<R, D> {
    fn clone(&self) -> Self {
        Reader::new(self.shared.clone())
    }
}

/// Entries that lie behind one another in a segment.
struct Run<F> {
    segment: Arc<Segment<F>>,
    first: u64,
    places: Vec<Place>,
}

impl<R: Runtime, D: Disk> Reader<R, D> {
    pub(super) fn new(shared: Arc<Shared<D>>) -> Self {
        Reader { shared, runtime: PhantomData }
    }

    /// See [`Wal::has_room`](super::Wal::has_room).
    pub fn has_room(&self) -> bool {
        !self.shared.is_short.load(Ordering::Acquire) && !self.shared.is_blocked.load(Ordering::Acquire)
    }

    /// Index and term of entry `index`, if it is in the log.
    pub fn id(&self, index: u64) -> Option<EntryId> {
        let place = self.shared.state().live.place(index)?;
        Some(EntryId { index, term: place.term })
    }

    /// The first index that is or would be in the log.
    pub fn first(&self) -> u64 {
        self.shared.state().live.range().start
    }

    /// The last entry; the last purged one if there is none.
    pub fn last(&self) -> Option<EntryId> {
        self.shared.state().live.last()
    }

    /// The last vote saved.
    pub fn vote(&self) -> Option<Bytes> {
        self.shared.state().live.vote.clone()
    }

    /// The entries of `range` that are in the log, from its first on and without gaps, until their records add up to `bound` bytes; at least one
    /// if there is one.
    pub async fn read(&self, range: Range<u64>, bound: usize) -> io::Result<Vec<StoredEntry>> {
        let runs = self.runs(range, bound);
        if runs.is_empty() {
            return Ok(Vec::new());
        }
        let shared = self.shared.clone();
        R::spawn_blocking(move || {
            let mut entries = Vec::new();
            for run in runs {
                read_run(&shared, &run, &mut entries)?;
            }
            Ok(entries)
        })
        .await?
    }

    fn runs(&self, range: Range<u64>, bound: usize) -> Vec<Run<D::File>> {
        let state = self.shared.state();
        let mut runs: Vec<Run<D::File>> = Vec::new();
        let mut bytes = 0;
        for index in range {
            let Some(place) = state.live.place(index) else { break };
            if bytes > 0 && bytes + place.length as usize > bound {
                break;
            }
            bytes += place.length as usize;
            let follows = |last: &Place| last.segment == place.segment && last.offset + u64::from(last.length) == place.offset;
            match runs.last_mut() {
                Some(run) if run.places.last().is_some_and(follows) => run.places.push(place),
                Some(_) | None => {
                    let segment = state.segments.get(&place.segment).expect("a segment with a live entry is kept").clone();
                    runs.push(Run { segment, first: index, places: vec![place] });
                }
            }
        }
        runs
    }
}

fn read_run<D: Disk>(shared: &Shared<D>, run: &Run<D::File>, entries: &mut Vec<StoredEntry>) -> io::Result<()> {
    let length = run.places.iter().map(|place| place.length as usize).sum();
    let mut bytes = vec![0; length];
    run.segment.file.read_at(run.places[0].offset, &mut bytes)?;
    let mut bytes = Bytes::from(bytes);
    for (place, index) in run.places.iter().zip(run.first..) {
        let mut record = bytes.split_to(place.length as usize);
        let id = EntryId { index, term: place.term };
        match run.segment.seal.open(&record) {
            Some((found, _)) if found.kind == Kind::Entry && EntryId { index: found.index, term: found.term } == id => {}
            // Purged while it was read, and its segment used again.
            Some(_) | None if shared.state().live.place(index) != Some(*place) => return Ok(()),
            Some(_) | None => {
                let text = format!("{}: the entry {index} at offset {} is damaged", file_name(place.segment), place.offset);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        record.advance(HEADER);
        entries.push(StoredEntry { id, body: record });
    }
    Ok(())
}
