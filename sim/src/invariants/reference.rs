//! The KV store as it must be, by the log: what every key was at every index, and what clients had to be told.

use super::Violation;
use super::board::{self, Board, Expected};
use super::observation::Applied;
use crate::checker::witness::{Change, Log, Written};
use crate::checker::{Found, Nanos};
use muster::model::{Index, Key};
use muster::state::{Command, KvCommand};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the log makes of the KV store, index by index, and when each index was first applied.
pub struct Reference {
    log: Log,
    replies: BTreeMap<Index, Expected>,
    first_applied: BTreeMap<Index, Nanos>,
}

impl Reference {
    /// Plays what the servers applied; of several accounts of one index the first counts ([`super::one_log`] compares them).
    pub fn of(applied: &[Applied]) -> Reference {
        let (mut written, mut replies) = (Vec::new(), BTreeMap::new());
        board::play(applied, |entry, after, expected| {
            let Some(command) = &entry.whole else { return };
            let index = after.index_of(entry.index);
            written.extend(after.touched().iter().map(|key| changed(index, key, after)));
            written.extend(asked(command).filter(|(key, _)| !after.touched().contains(*key)).map(|(key, change)| Written {
                index,
                key: text(key),
                change,
                took: false,
            }));
            if let Some(expected) = expected.filter(|_| is_judged(command)) {
                replies.insert(entry.index, expected);
            }
        });
        Reference { log: Log::whole(&written), replies, first_applied: board::first_applied(applied) }
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
            let Some(expected) = self.replies.get(&entry.index) else { continue };
            if !expected.is(&entry.reply) {
                let (server, reply, index) = (entry.server, &entry.reply, entry.index);
                let says = format!("{server} answered {reply:?} at {index}, the reference {expected:?}: {:?}", entry.whole);
                found.push(Violation { id: "K4-index-honesty", says, at: entry.at });
            }
        }
        found
    }
}

/// What a command made of a key.
fn changed(index: Index, key: &Key, after: &Board) -> Written {
    let change = after.row(key).map_or(Change::Delete, |row| Change::Put(text(&row.value)));
    Written { index, key: text(key), change, took: true }
}

/// The one key that a plain write or deletion is about, whether it takes effect or not.
fn asked(command: &Command) -> impl Iterator<Item = (&Key, Change)> {
    let asked = match command {
        Command::Kv(KvCommand::Put { key, value, .. }) => Some((key, Change::Put(text(value)))),
        Command::Kv(KvCommand::Delete { key, .. }) => Some((key, Change::Delete)),
        Command::Kv(KvCommand::DeleteTree { .. } | KvCommand::PutFor { .. } | KvCommand::ReapTombstones) => None,
        Command::Kv(KvCommand::Lock { .. } | KvCommand::Unlock { .. }) => None,
        Command::Nothing | Command::Catalog(_) | Command::Ordered { .. } | Command::Autopilot { .. } | Command::Locate(_) => None,
        Command::Session(_) | Command::Expire(_) | Command::Txn(_) | Command::Fenced { .. } => None,
        Command::Restore(_) | Command::Query(_) => None,
    };
    asked.into_iter()
}

/// Whether what a client is told of it is judged here. Locks have a judge of their own ([`super::locks`]).
fn is_judged(command: &Command) -> bool {
    match command {
        Command::Kv(KvCommand::Put { .. } | KvCommand::PutFor { .. } | KvCommand::Delete { .. } | KvCommand::DeleteTree { .. }) => true,
        Command::Txn(_) | Command::Restore(_) => true,
        Command::Kv(KvCommand::Lock { .. } | KvCommand::Unlock { .. } | KvCommand::ReapTombstones) => false,
        Command::Nothing | Command::Catalog(_) | Command::Ordered { .. } | Command::Autopilot { .. } | Command::Locate(_) => false,
        Command::Session(_) | Command::Expire(_) | Command::Fenced { .. } | Command::Query(_) => false,
    }
}

/// Workloads write text; anything else is shown as near to it as can be.
fn text(bytes: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(bytes).into()
}
