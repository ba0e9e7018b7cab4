//! The one writer.

use super::errors::WalError;
use super::format::{HEADER, Kind, RECORDS, Record, file_name};
use super::live::{EntryId, Place};
use super::read::Reader;
use super::shared::{Done, Segment, Shared, path};
use super::spare::FULL_DISK_PAUSE;
use crate::runtime::{Disk, DiskFile, Runtime, sleep};
use bytes::Bytes;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// A batch buffer larger than this is given back after use.
const KEPT_BUFFER: usize = 1 << 20;

/// An open log, owned by its only writer. Dropping it closes it: what was appended is still synced.
pub struct Wal<R: Runtime, D: Disk = <R as Runtime>::Disk> {
    pub(super) shared: Arc<Shared<D>>,
    pub(super) active: Arc<Segment<D::File>>,
    pub(super) offset: u64,
    /// Sequence of the next record.
    pub(super) sequence: u64,
    pub(super) committed: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) runtime: PhantomData<R>,
}

impl<R: Runtime, D: Disk> Drop for Wal<R, D> {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// A record about to be written: its body ends in the buffer at `end`.
struct Draft {
    kind: Kind,
    id: EntryId,
    end: usize,
}

impl<R: Runtime, D: Disk> Wal<R, D> {
    /// Reads from this log, beside the writer.
    pub fn reader(&self) -> Reader<R, D> {
        Reader::new(self.shared.clone())
    }

    /// Whether there is room for more: a spare segment is ready or in the making. At `false` proposals should be refused; appends wait.
    pub fn has_room(&self) -> bool {
        self.reader().has_room()
    }

    /// The last vote saved.
    pub fn vote(&self) -> Option<Bytes> {
        self.shared.state().live.vote.clone()
    }

    /// The last entry; the last purged one if there is none.
    pub fn last(&self) -> Option<EntryId> {
        self.shared.state().live.last()
    }

    /// The last entry purged.
    pub fn purged(&self) -> Option<EntryId> {
        self.shared.state().live.purged
    }

    /// The index up to which entries were known to be committed, at most the last entry's.
    pub fn committed(&self) -> u64 {
        self.committed
    }

    /// Notes that entries up to `index` are committed. It is written with whatever is written next, and costs nothing.
    pub fn note_committed(&mut self, index: u64) {
        self.committed = self.committed.max(index);
    }

    /// Appends entries in order, each with its id and a function that writes its body, as one batch. They can be read at once; `done` is called
    /// when they, and all before them, are durable.
    ///
    /// A full disk is waited out. Any other error is final for this log, and for `done`.
    ///
    /// # Panics
    /// If an entry does not follow the one before.
    pub async fn append<I, F>(&mut self, entries: I, done: Done) -> Result<(), WalError>
    where
        I: IntoIterator<Item = (EntryId, F)>,
        F: FnOnce(&mut Vec<u8>),
    {
        let mut drafts = Vec::new();
        for (id, write_body) in entries {
            self.draft(&mut drafts, Kind::Entry, id, write_body);
        }
        self.write(&drafts, Some(done)).await
    }

    /// Appends like [`append`](Wal::append) and gives what resolves when the entries are durable.
    pub async fn append_bodies(&mut self, entries: &[(EntryId, &[u8])]) -> Result<oneshot::Receiver<Result<(), WalError>>, WalError> {
        let (durable, receiver) = oneshot::channel();
        let done = Box::new(move |outcome| drop(durable.send(outcome)));
        let entries = entries.iter().map(|&(id, body)| (id, move |out: &mut Vec<u8>| out.extend_from_slice(body)));
        self.append(entries, done).await?;
        Ok(receiver)
    }

    /// Saves a vote; it is durable when this returns.
    pub async fn save_vote(&mut self, vote: &[u8]) -> Result<(), WalError> {
        let mut drafts = Vec::new();
        self.draft(&mut drafts, Kind::Vote, EntryId { index: 0, term: 0 }, |out| out.extend_from_slice(vote));
        let (durable, receiver) = oneshot::channel();
        self.write(&drafts, Some(Box::new(move |outcome| drop(durable.send(outcome))))).await?;
        let closed = || Err(WalError { what: "waiting for a sync".to_owned(), why: "the log was closed".to_owned() });
        receiver.await.unwrap_or_else(|_| closed())
    }

    /// Drops the entries after `index`. Durable no later than what is appended next.
    pub async fn truncate_after(&mut self, index: u64) -> Result<(), WalError> {
        let mut drafts = Vec::new();
        self.draft(&mut drafts, Kind::Truncate, EntryId { index, term: 0 }, |_| ());
        self.write(&drafts, None).await
    }

    /// Drops the entries up to `last`. Files are given back when that is durable, in the background.
    pub async fn purge(&mut self, last: EntryId) -> Result<(), WalError> {
        let mut drafts = Vec::new();
        self.draft(&mut drafts, Kind::Purge, last, |_| ());
        self.write(&drafts, None).await?;
        let mut state = self.shared.state();
        let below = state.live.first_segment().unwrap_or(self.active.seal.number).min(self.active.seal.number);
        state.given_back = Some((below, self.sequence - 1));
        Ok(())
    }

    fn draft(&mut self, drafts: &mut Vec<Draft>, kind: Kind, id: EntryId, write_body: impl FnOnce(&mut Vec<u8>)) {
        if drafts.is_empty() {
            self.buffer.clear();
        }
        self.buffer.resize(self.buffer.len() + HEADER, 0);
        write_body(&mut self.buffer);
        drafts.push(Draft { kind, id, end: self.buffer.len() });
    }

    /// Writes the drafts with one write and leaves them to the flusher.
    async fn write(&mut self, drafts: &[Draft], done: Option<Done>) -> Result<(), WalError> {
        if drafts.is_empty() {
            return self.publish(&[], self.offset, done);
        }
        if self.offset + self.buffer.len() as u64 > self.active.size {
            self.turn_over().await?;
        }
        let first = self.sequence;
        let durable = self.shared.durable.load(Ordering::Acquire);
        let mut start = 0;
        for (draft, sequence) in drafts.iter().zip(first..) {
            let Draft { kind, id: EntryId { index, term }, end } = *draft;
            let record = Record { kind, sequence, durable, committed: self.committed, index, term };
            self.active.seal.close(&record, &mut self.buffer[start..end]);
            start = end;
        }
        let offset = self.offset;
        self.put(offset).await?;
        self.offset += self.buffer.len() as u64;
        self.sequence += drafts.len() as u64;
        self.publish(drafts, offset, done)
    }

    /// Writes the buffer at `offset`: even within what was allocated some file systems need more room.
    async fn put(&mut self, offset: u64) -> Result<(), WalError> {
        let active = self.active.clone();
        self.with_space("writing", &active, || active.file.write_at(offset, &self.buffer)).await
    }

    /// Does something to a segment, waiting out a full disk.
    async fn with_space(&self, what: &str, segment: &Segment<D::File>, attempt: impl Fn() -> io::Result<()>) -> Result<(), WalError> {
        loop {
            self.check()?;
            match attempt() {
                Ok(()) => {
                    self.shared.is_blocked.store(false, Ordering::Release);
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::StorageFull => {
                    self.shared.is_blocked.store(true, Ordering::Release);
                    sleep::<R>(FULL_DISK_PAUSE).await;
                }
                Err(e) => return Err(self.shared.fail(format!("{what} {}", file_name(segment.seal.number)), &e)),
            }
        }
    }

    fn check(&self) -> Result<(), WalError> {
        self.shared.state().failed.clone().map_or(Ok(()), Err)
    }

    /// Makes what was written at `offset` known to readers and to the flusher.
    fn publish(&mut self, drafts: &[Draft], offset: u64, done: Option<Done>) -> Result<(), WalError> {
        let mut state = self.shared.state();
        if let Some(error) = state.failed.clone() {
            return Err(error);
        }
        let mut start = 0;
        for draft in drafts {
            let length = (draft.end - start) as u32;
            let place = Place { term: draft.id.term, segment: self.active.seal.number, offset: offset + start as u64, length };
            match draft.kind {
                Kind::Entry => state.live.append(draft.id.index, place).expect("entries are appended in order"),
                Kind::Vote => state.live.vote = Some(Bytes::copy_from_slice(&self.buffer[start + HEADER..draft.end])),
                Kind::Truncate => state.live.truncate_after(draft.id.index),
                Kind::Purge => state.live.purge(draft.id),
                Kind::Checkpoint => {}
            }
            start = draft.end;
        }
        state.written = self.sequence - 1;
        if state.unsynced.last().is_none_or(|last| !Arc::ptr_eq(last, &self.active)) {
            state.unsynced.push(self.active.clone());
        }
        state.waiting.extend(done);
        drop(state);
        self.shared.to_flush.notify_one();
        if self.buffer.capacity() > KEPT_BUFFER {
            self.buffer = Vec::new();
        }
        Ok(())
    }

    /// Goes over to the spare segment, waiting for it if need be, and begins it with a checkpoint. The buffer is kept.
    async fn turn_over(&mut self) -> Result<(), WalError> {
        let batch = std::mem::take(&mut self.buffer);
        (self.active, self.offset) = (self.take_spare().await?, RECORDS);
        self.shared.to_tidy.notify_one();
        let (vote, purged) = {
            let live = &self.shared.state().live;
            (live.vote.clone().unwrap_or_default(), live.purged.unwrap_or(EntryId { index: 0, term: 0 }))
        };
        let needed = RECORDS + (HEADER + vote.len() + batch.len()) as u64;
        if needed > self.active.size {
            self.lengthen(needed).await?;
        }
        self.write_checkpoint(&vote, purged).await?;
        self.buffer = batch;
        Ok(())
    }

    /// Makes the active segment, still empty, long enough for a batch larger than segments usually are.
    async fn lengthen(&mut self, size: u64) -> Result<(), WalError> {
        let short = self.active.clone();
        self.with_space("growing", &short, || short.file.allocate(size)).await?;
        let name = file_name(short.seal.number);
        let file = self.shared.disk.open(&path(&name)).map_err(|e| self.shared.fail(format!("opening {name}"), &e))?;
        self.active = Arc::new(Segment { seal: short.seal, file, size });
        self.shared.state().segments.insert(short.seal.number, self.active.clone());
        Ok(())
    }

    /// Writes the first record of the active segment: what the segments before it need not be kept for.
    pub(super) async fn write_checkpoint(&mut self, vote: &[u8], purged: EntryId) -> Result<(), WalError> {
        let mut drafts = Vec::new();
        self.draft(&mut drafts, Kind::Checkpoint, purged, |out| out.extend_from_slice(vote));
        let durable = self.shared.durable.load(Ordering::Acquire);
        let record = Record {
            kind: Kind::Checkpoint,
            sequence: self.sequence,
            durable,
            committed: self.committed,
            index: purged.index,
            term: purged.term,
        };
        self.active.seal.close(&record, &mut self.buffer);
        let offset = self.offset;
        self.put(offset).await?;
        self.offset += self.buffer.len() as u64;
        self.sequence += 1;
        self.publish(&drafts, offset, None)
    }

    /// Waits for the spare and makes it the newest segment.
    async fn take_spare(&self) -> Result<Arc<Segment<D::File>>, WalError> {
        loop {
            self.check()?;
            {
                let mut state = self.shared.state();
                if let Some(spare) = state.spare.take() {
                    state.segments.insert(spare.seal.number, spare.clone());
                    return Ok(spare);
                }
            }
            self.shared.spare_ready.notified().await;
        }
    }
}
