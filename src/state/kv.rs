//! Keys and values, and the memory of what was deleted.
//!
//! A deletion leaves a tombstone so that the index of a prefix rises when a key below it goes away. Tombstones are forgotten after a while; the
//! highest index among the forgotten ones stays, so a client that comes back with an older index is told to look again rather than left waiting.

use super::{KvCommand, Marks, Reply};
use crate::model::{Index, Key, Timestamp, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// How long a deletion is remembered at least.
pub const TOMBSTONE_LIFE: Duration = Duration::from_secs(15 * 60);
/// Deletions are forgotten in steps of this long, so that one command serves many.
pub const REAP_STEP: Duration = Duration::from_secs(30);

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// Its value, exactly as long as its allocation.
    #[serde(with = "serde_bytes")]
    pub value: Box<[u8]>,
    /// The client's own 64 bits.
    pub flags: u64,
    /// How often it was locked.
    pub lock_index: u64,
    /// When it came to be.
    pub create_index: Index,
    /// When it last changed.
    pub modify_index: Index,
}

/// The KV store.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kv {
    pub(super) entries: OrdMap<Key, Arc<Entry>>,
    pub(super) tombstones: OrdMap<Key, Index>,
    /// The tombstones by age: every command that deleted something, with its time and keys. A key deleted again since has a later tombstone.
    pub(super) burials: OrdMap<Index, Burial>,
    /// The last change of anything.
    pub(super) index: Index,
    /// The highest index among the tombstones forgotten.
    pub(super) reaped: Index,
}

/// What one command deleted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Burial {
    pub(super) at: Timestamp,
    pub(super) keys: Arc<[Key]>,
}

impl Kv {
    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Arc<Entry>> {
        self.entries.get(key)
    }

    /// The entries whose keys begin with `prefix`, in the order of their bytes.
    pub fn below<'a>(&'a self, prefix: &'a Key) -> impl Iterator<Item = &'a Arc<Entry>> {
        self.entries.range(prefix.clone()..).map(|(_, entry)| entry).take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// How current an answer about one key is: its own index, or the table's if it is not there.
    pub fn marks_of_key(&self, key: &[u8]) -> Marks {
        match self.entries.get(key) {
            Some(entry) => Marks::at(entry.modify_index),
            None => Marks { index: self.index, changed: self.tombstones.get(key).copied().unwrap_or(0).max(self.reaped) },
        }
    }

    /// How current an answer about all keys with `prefix` is, given the latest `modify_index` among them (0 if there are none).
    pub fn marks_below(&self, prefix: &Key, latest: Index) -> Marks {
        let buried = self.tombstones.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(prefix));
        let changed = buried.map(|(_, index)| *index).fold(latest.max(self.reaped), Index::max);
        match changed {
            0 => Marks { index: self.index, changed },
            changed => Marks::at(changed),
        }
    }

    pub(super) fn apply(&mut self, index: Index, at: Timestamp, command: &KvCommand, touched: &mut Touched) -> Reply {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let existing = self.entries.get(key);
                let holds = condition.holds(existing.map(|entry| entry.modify_index));
                if holds && !existing.is_some_and(|entry| *entry.value == **value && entry.flags == *flags) {
                    self.put(index, key, value, *flags, touched);
                }
                Reply::Took(holds)
            }
            KvCommand::Delete { key, condition } => {
                let Some(entry) = self.entries.get(key) else { return Reply::Took(true) };
                let holds = condition.holds(Some(entry.modify_index));
                if holds {
                    let key = entry.key.clone();
                    self.delete(index, at, [key].into(), touched);
                }
                Reply::Took(holds)
            }
            KvCommand::DeleteTree { prefix } => {
                let keys: Arc<[Key]> = self.below(prefix).map(|entry| entry.key.clone()).collect();
                self.delete(index, at, keys, touched);
                Reply::Took(true)
            }
            KvCommand::ReapTombstones => {
                self.reap(at);
                Reply::Done
            }
        }
    }

    fn put(&mut self, index: Index, key: &Key, value: &[u8], flags: u64, touched: &mut Touched) {
        let (key, create_index) = match self.entries.get(key) {
            Some(entry) => (entry.key.clone(), entry.create_index),
            None => (key.clone(), index),
        };
        let entry = Entry { key: key.clone(), value: value.into(), flags, lock_index: 0, create_index, modify_index: index };
        self.entries.insert(key.clone(), Arc::new(entry));
        self.index = index;
        touched.add(Topic::Key(key));
    }

    fn delete(&mut self, index: Index, at: Timestamp, keys: Arc<[Key]>, touched: &mut Touched) {
        if keys.is_empty() {
            return;
        }
        for key in keys.iter() {
            self.entries.remove(key);
            self.tombstones.insert(key.clone(), index);
            touched.add(Topic::Key(key.clone()));
        }
        self.burials.insert(index, Burial { at, keys });
        self.index = index;
    }

    pub(super) fn reaping_is_due(&self, now: Timestamp) -> bool {
        self.burials.get_min().is_some_and(|(_, burial)| burial.is_due(now))
    }

    fn reap(&mut self, now: Timestamp) {
        while let Some((index, burial)) = self.burials.get_min().filter(|(_, burial)| burial.is_due(now)).cloned() {
            for key in burial.keys.iter() {
                if self.tombstones.get(key) == Some(&index) {
                    self.tombstones.remove(key);
                }
            }
            self.burials.remove(&index);
            self.reaped = self.reaped.max(index);
        }
    }
}

impl Burial {
    /// Old enough, counted in whole steps, or stamped so far ahead that the clock was wrong: forgetting too early only costs readers a look.
    fn is_due(&self, now: Timestamp) -> bool {
        let life = TOMBSTONE_LIFE.as_nanos() as u64;
        let dies = self.at.as_unix_nanos().saturating_add(life);
        let dies = dies.checked_next_multiple_of(REAP_STEP.as_nanos() as u64).unwrap_or(u64::MAX);
        now.as_unix_nanos() >= dies || self.at.since(now) > TOMBSTONE_LIFE
    }
}

#[cfg(test)]
mod tests;
