//! The log as openraft sees it.

use super::errors::WalError;
use super::live::EntryId;
use super::read::{Reader, StoredEntry};
use super::tail::Tail;
use super::write::Wal;
use crate::model::codec;
use crate::raft::setup::{Space, SpaceGauge};
use crate::raft::types::{Entry, LogId, Payload, Types, Vote};
use crate::runtime::{Disk, Runtime};
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::{Arc, Mutex, MutexGuard};

/// Newest version of an entry's and of a vote's body.
const VERSION: u8 = 1;

/// Bytes of records an append to a follower is filled with; one entry goes whatever its length.
const READ_BYTES: usize = 1 << 20;

/// openraft's log storage on a [`Wal`]. The newest entries are read from memory, decoded.
pub struct WalStorage<R: Runtime, D: Disk = <R as Runtime>::Disk> {
    wal: Wal<R, D>,
    reader: WalReader<R, D>,
}

/// Reads the log for replication and for the state machine.
pub struct WalReader<R: Runtime, D: Disk = <R as Runtime>::Disk> {
    reader: Reader<R, D>,
    tail: Arc<Mutex<Tail<Entry<R>>>>,
}

impl<R: Runtime, D: Disk> Clone for WalReader<R, D> {
    fn clone(&self) -> Self {
        WalReader { reader: self.reader.clone(), tail: self.tail.clone() }
    }
}

impl<R: Runtime, D: Disk> WalStorage<R, D> {
    /// openraft's view of `wal`.
    pub fn new(wal: Wal<R, D>) -> WalStorage<R, D> {
        let reader = WalReader { reader: wal.reader(), tail: Arc::default() };
        WalStorage { wal, reader }
    }

    /// Tells at any time whether there is room for more entries.
    pub fn space_gauge(&self) -> SpaceGauge {
        let reader = self.wal.reader();
        Arc::new(move || if reader.has_room() { Space::Enough } else { Space::Short })
    }
}

fn log_id<R: Runtime>(id: EntryId) -> LogId<R> {
    LogId::<R>::new_term_index(id.term, id.index)
}

fn entry_id<R: Runtime>(id: &LogId<R>) -> EntryId {
    EntryId { index: id.index(), term: id.committed_leader_id().term }
}

fn invalid(error: codec::CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl<R: Runtime, D: Disk> WalReader<R, D> {
    fn tail(&self) -> MutexGuard<'_, Tail<Entry<R>>> {
        self.tail.lock().expect("no panic while held")
    }

    async fn read(&self, range: Range<u64>, bound: usize) -> io::Result<Vec<Entry<R>>> {
        let kept = self.tail().read(range.clone(), bound);
        match kept {
            Some(entries) => Ok(entries),
            None => self.reader.read(range, bound).await?.into_iter().map(decode::<R>).collect(),
        }
    }
}

fn decode<R: Runtime>(stored: StoredEntry) -> io::Result<Entry<R>> {
    let payload: Payload<R> = codec::decode("log entry", VERSION, &stored.body).map_err(invalid)?;
    Ok(Entry::<R> { log_id: log_id::<R>(stored.id), payload })
}

fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(&start) => start,
        Bound::Excluded(&before) => before + 1,
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(&last) => last.saturating_add(1),
        Bound::Excluded(&end) => end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

impl<R: Runtime, D: Disk> RaftLogReader<Types<R>> for WalReader<R, D> {
    async fn try_get_log_entries<B: RangeBounds<u64> + Clone + Debug + OptionalSend>(&mut self, range: B) -> io::Result<Vec<Entry<R>>> {
        let Range { start, end } = bounds(&range);
        let start = start.max(self.reader.first());
        self.read(start..end.max(start), usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry<R>>> {
        self.read(start..end, READ_BYTES).await
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote<R>>> {
        let vote = self.reader.vote();
        vote.map(|bytes| codec::decode("vote", VERSION, &bytes).map_err(invalid)).transpose()
    }
}

impl<R: Runtime, D: Disk> RaftLogStorage<Types<R>> for WalStorage<R, D> {
    type LogReader = WalReader<R, D>;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types<R>>> {
        let (purged, last) = (self.wal.purged(), self.wal.last());
        Ok(LogState { last_purged_log_id: purged.map(log_id::<R>), last_log_id: last.map(log_id::<R>) })
    }

    async fn get_log_reader(&mut self) -> WalReader<R, D> {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<R>) -> io::Result<()> {
        Ok(self.wal.save_vote(&codec::encode(VERSION, vote)).await?)
    }

    async fn save_committed(&mut self, committed: Option<LogId<R>>) -> io::Result<()> {
        if let Some(id) = committed {
            self.wal.note_committed(id.index);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId<R>>> {
        let id = self.reader.reader.id(self.wal.committed());
        Ok(id.or(self.wal.purged()).map(log_id::<R>))
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types<R>>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry<R>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry<R>> = entries.into_iter().collect();
        let mut lengths = vec![0; entries.len()];
        let drafts = entries.iter().zip(&mut lengths).map(|(entry, length)| {
            let write_body = move |out: &mut Vec<u8>| {
                let before = out.len();
                codec::encode_into(out, VERSION, &entry.payload);
                *length = out.len() - before;
            };
            (entry_id::<R>(&entry.log_id()), write_body)
        });
        let done = move |outcome: Result<(), WalError>| flushed.io_completed(outcome.map_err(io::Error::from));
        self.wal.append(drafts, Box::new(done)).await?;
        let mut tail = self.reader.tail();
        for (entry, length) in entries.into_iter().zip(lengths) {
            tail.push(entry.log_id.index, entry, length);
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId<R>>) -> io::Result<()> {
        let index = last.map_or(0, |id| id.index);
        self.wal.truncate_after(index).await?;
        self.reader.tail().truncate_after(index);
        Ok(())
    }

    async fn purge(&mut self, last: LogId<R>) -> io::Result<()> {
        self.wal.purge(entry_id::<R>(&last)).await?;
        self.reader.tail().purge(last.index);
        Ok(())
    }
}
