//! The KV store as it must be: the applied commands played once more on plain maps, apart from the product's own tables.

use super::Violation;
use super::observation::Applied;
use crate::checker::witness::{Change, Log, Written};
use crate::checker::{Found, Nanos};
use muster::model::Index;
use muster::state::{Condition, KvCommand, Reply};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the log makes of the KV store, index by index, and when each index was first applied.
pub struct Reference {
    log: Log,
    replies: BTreeMap<Index, bool>,
    first_applied: BTreeMap<Index, Nanos>,
}

#[derive(Default)]
struct Store {
    entries: BTreeMap<Arc<str>, (Arc<str>, u64, Index)>,
    written: Vec<Written>,
}

impl Reference {
    /// Plays what the servers applied; of several accounts of one index the first counts ([`super::one_log`] compares them).
    pub fn of(applied: &[Applied]) -> Reference {
        let mut entries: BTreeMap<Index, &Applied> = BTreeMap::new();
        let mut first_applied: BTreeMap<Index, Nanos> = BTreeMap::new();
        for entry in applied {
            entries.entry(entry.index).or_insert(entry);
            let first = first_applied.entry(entry.index).or_insert(entry.at);
            *first = entry.at.min(*first);
        }
        let mut store = Store::default();
        let mut replies = BTreeMap::new();
        for (index, entry) in &entries {
            if let Some(took) = entry.kv.as_ref().and_then(|command| store.play(*index, command)) {
                replies.insert(*index, took);
            }
        }
        Reference { log: Log::whole(&store.written), replies, first_applied }
    }

    /// The log for the checker.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What `key` was at `index`; `None`: no such key.
    pub fn at(&self, key: &str, index: Index) -> Option<Found> {
        let version = self.log.at(key, index)?;
        Some(Found { value: version.value.clone()?, modify: version.modify, create: version.create })
    }

    /// Every key below `prefix` at `index`, by its bytes.
    pub fn below(&self, prefix: &str, index: Index) -> Vec<(Arc<str>, Found)> {
        let keys = self.log.keys().filter(|key| key.starts_with(prefix));
        keys.filter_map(|key| Some((key.clone(), self.at(key, index)?))).collect()
    }

    /// The first change of `key` after `index`.
    pub fn changed_after(&self, key: &str, index: Index) -> Option<Index> {
        self.log.after(key, index).map(|version| version.modify)
    }

    /// When `index` was first applied anywhere.
    pub fn first_applied(&self, index: Index) -> Option<Nanos> {
        self.first_applied.get(&index).copied()
    }

    /// Where servers answered otherwise than the reference (K4).
    pub(super) fn disagreements(&self, applied: &[Applied]) -> Vec<Violation> {
        let mut found = Vec::new();
        for entry in applied {
            let Some(took) = self.replies.get(&entry.index) else { continue };
            if entry.reply != Reply::Took(*took) {
                let says = format!("{} answered {:?} at {}, the reference {took}: {:?}", entry.server, entry.reply, entry.index, entry.kv);
                found.push(Violation { id: "K4-index-honesty", says, at: entry.at });
            }
        }
        found
    }
}

impl Store {
    /// Whether the command took effect as its client is told; `None` if clients are told nothing.
    fn play(&mut self, index: Index, command: &KvCommand) -> Option<bool> {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let (key, value) = (text(key), text(value));
                let before = self.entries.get(&key).cloned();
                let holds = holds(*condition, before.as_ref().map(|(_, _, modify)| *modify));
                let same = before.is_some_and(|(was, marked, _)| was == value && marked == *flags);
                if holds && !same {
                    self.entries.insert(key.clone(), (value.clone(), *flags, index));
                }
                self.written.push(Written { index, key, change: Change::Put(value), took: holds && !same });
                Some(holds)
            }
            KvCommand::Delete { key, condition } => {
                let key = text(key);
                let before = self.entries.get(&key).map(|(_, _, modify)| *modify);
                let holds = before.is_none() || holds(*condition, before);
                let took = holds && before.is_some();
                if took {
                    self.entries.remove(&key);
                }
                self.written.push(Written { index, key, change: Change::Delete, took });
                Some(holds)
            }
            KvCommand::DeleteTree { prefix } => {
                let prefix = text(prefix);
                let gone: Vec<Arc<str>> = self.entries.keys().filter(|key| key.starts_with(&*prefix)).cloned().collect();
                for key in gone {
                    self.entries.remove(&key);
                    self.written.push(Written { index, key, change: Change::Delete, took: true });
                }
                Some(true)
            }
            // What sessions and time do to keys is not this judge's matter: its clients do neither.
            KvCommand::PutFor { .. } | KvCommand::Lock { .. } | KvCommand::Unlock { .. } | KvCommand::ReapTombstones => None,
        }
    }
}

fn holds(condition: Condition, existing: Option<Index>) -> bool {
    match condition {
        Condition::Always => true,
        Condition::Absent => existing.is_none(),
        Condition::At(index) => existing == Some(index),
    }
}

/// Workloads write text; anything else is shown as near to it as can be.
fn text(bytes: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(bytes).into()
}
