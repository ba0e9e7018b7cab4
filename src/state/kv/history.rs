//! What the KV store was lately: every change of the last minutes, so that the past can be asked for and changes be followed.
//!
//! It is what a server remembers, no part of what it knows: it is in no snapshot, and begins anew where one was loaded or restored. Within its window
//! every server answers alike, since a change is told by its index; what lies before the window is refused with the index where it begins.

use super::Entry;
use crate::model::{Index, Key, Timestamp};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a change is remembered, by the stamps of the commands.
pub const LIFE: Duration = Duration::from_secs(10 * 60);
/// Changes remembered at most.
pub const MOST_CHANGES: usize = 100_000;
/// Bytes of keys and replaced values that the memory keeps alive at most.
pub const MOST_BYTES: usize = 64 << 20;
/// What a change is reckoned beside its key and value.
const CHANGE_BYTES: usize = 320;

/// What one command made of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The command's index.
    pub index: Index,
    /// The command's stamp.
    pub at: Timestamp,
    /// The key.
    pub key: Key,
    /// What was there before.
    pub before: Option<Arc<Entry>>,
    /// What is there since; `None` if it was deleted.
    pub after: Option<Arc<Entry>>,
}

/// What an answer about the past cannot go beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// The oldest index whose state is remembered.
    pub oldest: Index,
    /// The index of the last change of anything.
    pub newest: Index,
}

/// The changes of the last minutes.
#[derive(Debug, Clone, Default)]
pub struct History {
    changes: OrdMap<(Index, Key), Arc<Change>>,
    by_key: OrdSet<(Key, Index)>,
    bytes: usize,
    /// Everything after this index is remembered.
    since: Index,
    /// The stamp of the command that is being applied.
    now: Timestamp,
}

/// Equal states may remember differently.
impl PartialEq for History {
    fn eq(&self, _other: &History) -> bool {
        true
    }
}

impl History {
    /// The oldest index whose state is remembered.
    pub fn since(&self) -> Index {
        self.since
    }

    /// Begins anew: nothing is remembered of what led to the state as of `index`.
    pub(in crate::state) fn begin_at(&mut self, index: Index) {
        *self = History { since: index, now: self.now, ..History::default() };
    }

    /// A command stamped so is applied next: what is too old is forgotten.
    pub(in crate::state) fn turn(&mut self, now: Timestamp) {
        self.now = now;
        while self.changes.get_min().is_some_and(|(_, change)| now.since(change.at) > LIFE) {
            self.forget_oldest();
        }
    }

    /// Notes a change of the command that is being applied. Of several of one key the last counts.
    pub(in crate::state) fn note(&mut self, index: Index, key: &Key, before: Option<Arc<Entry>>, after: Option<Arc<Entry>>) {
        let earlier = self.changes.remove(&(index, key.clone()));
        let before = match earlier {
            Some(earlier) => {
                self.bytes -= bytes_of(&earlier);
                earlier.before.clone()
            }
            None => before,
        };
        let change = Change { index, at: self.now, key: key.clone(), before, after };
        self.bytes += bytes_of(&change);
        self.by_key.insert((key.clone(), index));
        self.changes.insert((index, key.clone()), Arc::new(change));
        while self.changes.len() > MOST_CHANGES || self.bytes > MOST_BYTES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((place, change)) = self.changes.get_min().cloned() else { return };
        self.changes.remove(&place);
        self.bytes -= bytes_of(&change);
        let (index, key) = place;
        self.by_key.remove(&(key, index));
        self.since = self.since.max(index);
    }

    /// The changes of one key, the oldest first.
    pub fn of_key(&self, key: &Key) -> impl Iterator<Item = &Arc<Change>> {
        let places = self.by_key.range((key.clone(), 0)..).take_while(move |(changed, _)| changed == key);
        places.filter_map(|(key, index)| self.changes.get(&(*index, key.clone())))
    }

    /// What `key` was as of `index`, which the window holds; `now` is what it is now.
    pub fn entry_at(&self, key: &Key, index: Index, now: Option<&Arc<Entry>>) -> Option<Arc<Entry>> {
        match self.of_key(key).find(|change| change.index > index) {
            Some(change) => change.before.clone(),
            None => now.cloned(),
        }
    }

    /// What the keys below `prefix` were as of `index`, which the window holds; `now` is what they are now.
    pub fn entries_at<'a>(&self, prefix: &Key, index: Index, now: impl Iterator<Item = &'a Arc<Entry>>) -> Vec<Arc<Entry>> {
        let mut entries: BTreeMap<Key, Arc<Entry>> = now.map(|entry| (entry.key.clone(), entry.clone())).collect();
        let mut last: Option<&Key> = None;
        let changed = self.by_key.range((prefix.clone(), 0)..).take_while(|(key, _)| key.starts_with(prefix));
        for (key, changed_at) in changed.filter(|(_, changed_at)| *changed_at > index) {
            // The first change after it tells what was there.
            if last.replace(key) == Some(key) {
                continue;
            }
            match self.changes.get(&(*changed_at, key.clone())).and_then(|change| change.before.clone()) {
                Some(before) => entries.insert(key.clone(), before),
                None => entries.remove(key),
            };
        }
        entries.into_values().collect()
    }

    /// The changes of keys below `prefix` after `index`, in order: at least those of one command, and no further command's once there are `most`. And
    /// whether these are all there are.
    pub fn after(&self, prefix: &Key, index: Index, most: usize) -> (Vec<Arc<Change>>, bool) {
        let mut found: Vec<Arc<Change>> = Vec::new();
        for ((at, key), change) in self.changes.range((index.saturating_add(1), Key::default())..) {
            if !key.starts_with(prefix) {
                continue;
            }
            if found.len() >= most && found.last().is_some_and(|last| last.index != *at) {
                return (found, false);
            }
            found.push(change.clone());
        }
        (found, true)
    }
}

fn bytes_of(change: &Change) -> usize {
    CHANGE_BYTES + change.key.len() + change.before.as_ref().map_or(0, |before| before.value.len())
}

#[cfg(test)]
mod tests;
