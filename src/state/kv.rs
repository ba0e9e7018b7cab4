//! Keys and values, and the memory of what was deleted.
//!
//! A deletion leaves a tombstone so that the index of a prefix rises when a key below it goes away. Tombstones are forgotten after a while; the
//! highest index among the forgotten ones stays, so a client that comes back with an older index is told to look again rather than left waiting.

mod entry;
mod history;
mod locks;

pub use entry::{Entry, Hold};
pub use history::{Change, History, LIFE as HISTORY_LIFE, MOST_BYTES as HISTORY_BYTES, MOST_CHANGES as HISTORY_CHANGES, Window};
pub use locks::{LockLost, LockRefused, token_holds};

use super::sessions::Sessions;
use super::timers::{Timer, Timers};
use super::{Condition, KvCommand, Marks, Moment, Reply};
use crate::model::{Index, Key, Timestamp, Topic, Touched};
use imbl::OrdMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a deletion is remembered at least.
pub const TOMBSTONE_LIFE: Duration = Duration::from_secs(15 * 60);
/// Deletions are forgotten in steps of this long, so that one command serves many.
pub const REAP_STEP: Duration = Duration::from_secs(30);

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
    pub(super) history: History,
}

/// What one command deleted.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Burial {
    pub(super) at: Timestamp,
    pub(super) keys: Arc<[Key]>,
}

/// What the entries of the KV store are bound to.
pub(super) struct Bonds<'a> {
    pub(super) sessions: &'a mut Sessions,
    pub(super) timers: &'a mut Timers,
}

/// What a key is to be.
#[derive(Clone, Copy)]
struct Write<'a> {
    key: &'a Key,
    value: &'a [u8],
    flags: u64,
    ttl: Option<Duration>,
}

impl Write<'_> {
    /// Whether `entry` is so already, for as long as it is asked to be.
    fn is_in(&self, entry: &Entry) -> bool {
        self.ttl.is_none() && entry.ttl().is_none() && *entry.value == *self.value && entry.flags == self.flags
    }
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

    /// What is remembered of its changes.
    pub fn history(&self) -> &History {
        &self.history
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

    pub(super) fn apply(&mut self, at: Moment, command: &KvCommand, bonds: &mut Bonds<'_>, touched: &mut Touched) -> Reply {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let write = Write { key, value, flags: *flags, ttl: None };
                Reply::Took(self.write(at.index, write, *condition, bonds, touched))
            }
            KvCommand::PutFor { key, value, flags, condition, ttl } => {
                let write = Write { key, value, flags: *flags, ttl: Some(*ttl) };
                Reply::Took(self.write(at.index, write, *condition, bonds, touched))
            }
            KvCommand::Delete { key, condition } => {
                let Some(entry) = self.entries.get(key) else { return Reply::Took(true) };
                let holds = condition.holds(Some(entry.modify_index));
                if holds {
                    let key = entry.key.clone();
                    self.delete(at, [key].into(), bonds, touched);
                }
                Reply::Took(holds)
            }
            KvCommand::DeleteTree { prefix } => {
                let keys: Arc<[Key]> = self.below(prefix).map(|entry| entry.key.clone()).collect();
                self.delete(at, keys, bonds, touched);
                Reply::Took(true)
            }
            KvCommand::Lock { key, value, flags, session } => {
                match self.lock(at.index, Write { key, value, flags: *flags, ttl: None }, *session, bonds, touched) {
                    Ok(()) => Reply::Took(true),
                    Err(LockRefused::Held | LockRefused::Delayed) => Reply::Took(false),
                    Err(refused @ LockRefused::NoSession(_)) => Reply::Refused(refused.to_string()),
                }
            }
            KvCommand::Unlock { key, value, flags, session } => {
                Reply::Took(self.unlock(at.index, Write { key, value, flags: *flags, ttl: None }, *session, bonds, touched))
            }
            KvCommand::ReapTombstones => {
                self.reap(at.at);
                Reply::Done
            }
        }
    }

    /// Writes if the condition holds; says whether it does. The same again without a TTL changes nothing; with one, its time begins anew.
    fn write(&mut self, index: Index, write: Write<'_>, condition: Condition, bonds: &mut Bonds<'_>, touched: &mut Touched) -> bool {
        let existing = self.entries.get(write.key);
        let holds = condition.holds(existing.map(|entry| entry.modify_index));
        if holds && !existing.is_some_and(|entry| write.is_in(entry)) {
            let hold = existing.and_then(|entry| entry.hold.as_deref()).cloned().unwrap_or_default();
            self.put(index, write, hold, bonds, touched);
        }
        holds
    }

    /// Puts an entry in with what `hold` says of its lock. Who holds it is written down by the caller.
    fn put(&mut self, index: Index, write: Write<'_>, hold: Hold, bonds: &mut Bonds<'_>, touched: &mut Touched) {
        let (key, create_index) = match self.entries.get(write.key) {
            Some(entry) => (entry.key.clone(), entry.create_index),
            None => (write.key.clone(), index),
        };
        match (write.ttl, hold.ttl) {
            (Some(ttl), _) => bonds.timers.set(Timer::Key(key.clone()), ttl, index, touched),
            (None, Some(_)) => bonds.timers.clear(&Timer::Key(key.clone()), touched),
            (None, None) => {}
        }
        let hold = Hold { ttl: write.ttl, ..hold }.kept();
        let entry = Entry { key: key.clone(), value: write.value.into(), flags: write.flags, hold, create_index, modify_index: index };
        let entry = Arc::new(entry);
        let before = self.entries.insert(key.clone(), entry.clone());
        self.history.note(index, &key, before, Some(entry));
        self.index = index;
        touched.add(Topic::Key(key));
    }

    /// Deletes keys that are there.
    pub(super) fn delete(&mut self, at: Moment, keys: Arc<[Key]>, bonds: &mut Bonds<'_>, touched: &mut Touched) {
        for key in keys.iter() {
            let Some(hold) = self.entries.get(key).and_then(|entry| entry.hold.as_deref()) else { continue };
            if let Some(session) = hold.session {
                bonds.sessions.let_go(session, key);
            }
            if hold.ttl.is_some() {
                bonds.timers.clear(&Timer::Key(key.clone()), touched);
            }
        }
        self.bury(at, keys, touched);
    }

    /// The same for keys whose bonds are loosed already.
    pub(super) fn bury(&mut self, at: Moment, keys: Arc<[Key]>, touched: &mut Touched) {
        if keys.is_empty() {
            return;
        }
        for key in keys.iter() {
            let before = self.entries.remove(key);
            self.history.note(at.index, key, before, None);
            self.tombstones.insert(key.clone(), at.index);
            touched.add(Topic::Key(key.clone()));
        }
        // One command may delete several times.
        let keys = match self.burials.get(&at.index) {
            Some(earlier) => earlier.keys.iter().chain(keys.iter()).cloned().collect(),
            None => keys,
        };
        self.burials.insert(at.index, Burial { at: at.at, keys });
        self.index = at.index;
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
