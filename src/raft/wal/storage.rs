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
use futures_util::stream::{iter, try_unfold};
use futures_util::{Stream, TryStreamExt};
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

/// Entries read at once on their way into the state: what is in memory of a replay, whatever its length.
const READ_ENTRIES: u64 = 4096;

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

/// An entry of a stream, or why there are no more.
type Streamed<R> = io::Result<Entry<R>>;

impl<R: Runtime, D: Disk> WalReader<R, D> {
    /// Reads the next entries of `left`, as many as one read may hold, and takes them off it. None at the end of the log.
    pub(super) async fn next_part(&self, left: &mut Range<u64>) -> io::Result<Vec<Entry<R>>> {
        if left.is_empty() {
            return Ok(Vec::new());
        }
        let part = self.read(left.start..left.end.min(left.start + READ_ENTRIES), READ_BYTES).await?;
        // A hole must not pass for the end: what comes behind it would never be applied.
        if part.is_empty() && self.reader.last().is_some_and(|last| last.index >= left.start) {
            let text = format!("entry {} is not in the log any more", left.start);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
        }
        left.start += part.len() as u64;
        Ok(part)
    }

    /// The entries of `range` that are in the log, a part in memory at a time.
    fn stream(self, range: Range<u64>) -> impl Stream<Item = Streamed<R>> + Send {
        let start = range.start.max(self.reader.first());
        let parts = try_unfold((self, start..range.end), |(reader, mut left)| async move {
            let part = reader.next_part(&mut left).await?;
            Ok::<_, io::Error>((!part.is_empty()).then(|| (iter(part.into_iter().map(Ok)), (reader, left))))
        });
        parts.try_flatten()
    }
}

impl<R: Runtime, D: Disk> RaftLogReader<Types<R>> for WalReader<R, D> {
    async fn entries_stream<B: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: B,
    ) -> impl Stream<Item = Streamed<R>> + OptionalSend {
        Box::pin(self.clone().stream(bounds(&range)))
    }

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
            self.wal.note_committed(id.index() + 1);
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId<R>>> {
        // What was purged says nothing: the snapshot that it was purged for does.
        let last = self.wal.committed().checked_sub(1).and_then(|index| self.reader.reader.id(index));
        Ok(last.map(log_id::<R>))
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
        let from = last.map_or(0, |id| id.index() + 1);
        self.wal.truncate_from(from).await?;
        self.reader.tail().truncate_from(from);
        Ok(())
    }

    async fn purge(&mut self, last: LogId<R>) -> io::Result<()> {
        self.wal.purge(entry_id::<R>(&last)).await?;
        self.reader.tail().purge(last.index);
        Ok(())
    }
}
