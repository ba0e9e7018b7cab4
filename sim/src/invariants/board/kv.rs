//! What commands make of keys.

use super::{Board, Expected, Row};
use muster::model::{Index, Key, SessionId};
use muster::state::timers::Timer;
use muster::state::{Condition, KvCommand};

/// What is written.
struct Write<'a> {
    key: &'a Key,
    value: &'a [u8],
    flags: u64,
}

impl Board {
    pub(super) fn kv(&mut self, index: Index, command: &KvCommand) -> Option<Expected> {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let holds = self.holds(key, *condition);
                if holds {
                    self.write(index, &Write { key, value, flags: *flags });
                }
                Some(Expected::Took(holds))
            }
            KvCommand::PutFor { key, value, flags, condition, .. } => {
                let holds = self.holds(key, *condition);
                if holds {
                    self.put(index, &Write { key, value, flags: *flags });
                    self.timers.insert(Timer::Key(key.clone()), index);
                }
                Some(Expected::Took(holds))
            }
            KvCommand::Delete { key, condition } => {
                let holds = !self.rows.contains_key(key) || self.holds(key, *condition);
                if holds {
                    self.delete(key);
                }
                Some(Expected::Took(holds))
            }
            KvCommand::DeleteTree { prefix } => {
                let gone: Vec<Key> = self.rows.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
                gone.iter().for_each(|key| self.delete(key));
                Some(Expected::Took(true))
            }
            KvCommand::Lock { key, value, flags, session } => Some(self.lock(index, &Write { key, value, flags: *flags }, *session)),
            KvCommand::Unlock { key, value, flags, session } => {
                let held = self.rows.get(key).is_some_and(|row| row.holder == Some(*session));
                if held {
                    self.put(index, &Write { key, value, flags: *flags }).holder = None;
                }
                Some(Expected::Took(held))
            }
            KvCommand::ReapTombstones => None,
        }
    }

    fn holds(&self, key: &Key, condition: Condition) -> bool {
        let existing = self.rows.get(key).map(|row| row.modified);
        match condition {
            Condition::Always => true,
            Condition::Absent => existing.is_none(),
            Condition::At(index) => existing == Some(index),
        }
    }

    /// The same again changes nothing, unless it ends the time that the key had.
    fn write(&mut self, index: Index, write: &Write<'_>) {
        let same = self.rows.get(write.key).is_some_and(|row| row.value == write.value && row.flags == write.flags);
        if !same || self.lives_since(write.key).is_some() {
            self.put(index, write);
        }
    }

    fn put(&mut self, index: Index, write: &Write<'_>) -> &mut Row {
        self.touched.insert(write.key.clone());
        self.timers.remove(&Timer::Key(write.key.clone()));
        let row = self.rows.entry(write.key.clone()).or_insert(Row { created: index, ..Row::default() });
        (row.value, row.flags, row.modified) = (write.value.to_vec(), write.flags, index);
        row
    }

    pub(super) fn delete(&mut self, key: &Key) {
        self.timers.remove(&Timer::Key(key.clone()));
        if self.rows.remove(key).is_some() {
            self.touched.insert(key.clone());
        }
    }

    fn lock(&mut self, index: Index, write: &Write<'_>, session: SessionId) -> Expected {
        if !self.sessions.contains_key(&session) {
            return Expected::Refused;
        }
        let holder = self.rows.get(write.key).and_then(|row| row.holder);
        if self.delayed.values().any(|keys| keys.contains(write.key)) || holder.is_some_and(|holder| holder != session) {
            return Expected::Took(false);
        }
        if holder.is_some() {
            self.write(index, write);
        } else {
            let row = self.put(index, write);
            (row.holder, row.locks) = (Some(session), row.locks + 1);
        }
        Expected::Took(true)
    }
}
