//! A log that outlives its server but not the test. Everything counts as durable at once.

use crate::raft::types::{Entry, LogId, Types, Vote};
use crate::runtime::tokio::Tokio;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::sync::{Arc, Mutex, MutexGuard};

type C = Types<Tokio>;

/// What is on the imagined disk.
#[derive(Default)]
pub(in crate::raft) struct Content {
    pub(in crate::raft) vote: Option<Vote<Tokio>>,
    pub(in crate::raft) entries: BTreeMap<u64, Entry<Tokio>>,
    pub(in crate::raft) purged: Option<LogId<Tokio>>,
    /// The next append fails like this.
    pub(in crate::raft) fault: Option<io::ErrorKind>,
}

/// The log. Clones share the disk.
#[derive(Clone, Default)]
pub(in crate::raft) struct MemoryLog(Arc<Mutex<Content>>);

impl MemoryLog {
    pub(in crate::raft) fn content(&self) -> MutexGuard<'_, Content> {
        self.0.lock().unwrap()
    }
}

impl RaftLogReader<C> for MemoryLog {
    async fn try_get_log_entries<B: RangeBounds<u64> + Clone + Debug + OptionalSend>(&mut self, range: B) -> io::Result<Vec<Entry<Tokio>>> {
        Ok(self.content().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote<Tokio>>> {
        Ok(self.content().vote)
    }
}

impl RaftLogStorage<C> for MemoryLog {
    type LogReader = MemoryLog;

    async fn get_log_state(&mut self) -> io::Result<LogState<C>> {
        let content = self.content();
        let last = content.entries.values().next_back().map(|entry| entry.log_id);
        Ok(LogState { last_purged_log_id: content.purged, last_log_id: last.or(content.purged) })
    }

    async fn get_log_reader(&mut self) -> MemoryLog {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<Tokio>) -> io::Result<()> {
        self.content().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, done: IOFlushed<C>) -> io::Result<()>
    where
        I: IntoIterator<Item = <C as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        {
            let mut content = self.content();
            if let Some(kind) = content.fault.take() {
                return Err(io::Error::new(kind, "planted"));
            }
            content.entries.extend(entries.into_iter().map(|entry| (entry.log_id.index(), entry)));
        }
        done.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId<Tokio>>) -> io::Result<()> {
        self.content().entries.split_off(&last.map_or(0, |id| id.index() + 1));
        Ok(())
    }

    async fn purge(&mut self, upto: LogId<Tokio>) -> io::Result<()> {
        let mut content = self.content();
        content.entries = content.entries.split_off(&(upto.index() + 1));
        content.purged = Some(upto);
        Ok(())
    }
}
