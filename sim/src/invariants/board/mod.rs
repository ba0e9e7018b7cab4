//! The replicated state as it must be, of keys, sessions and what ends by itself: applied commands played once more on plain maps, apart from the
//! product's own tables.

mod kv;
mod restore;
mod sessions;
mod txn;

use crate::checker::Nanos;
use crate::invariants::observation::Applied;
use muster::model::{Index, Key, LockToken, SessionId};
use muster::state::sessions::SessionSpec;
use muster::state::timers::{Expiry, Timer};
use muster::state::{Command, Reply};
use restore::Restores;
use std::collections::{BTreeMap, BTreeSet};

/// What a key holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its value.
    pub value: Vec<u8>,
    /// The client's own bits.
    pub flags: u64,
    /// `CreateIndex`.
    pub created: Index,
    /// `ModifyIndex`.
    pub modified: Index,
    /// `LockIndex`.
    pub locks: u64,
    /// Who has locked it.
    pub holder: Option<SessionId>,
}

/// Keys, sessions, and what keeps keys from being locked.
#[derive(Debug, Clone, Default)]
pub struct Board {
    rows: BTreeMap<Key, Row>,
    sessions: BTreeMap<SessionId, SessionSpec>,
    delayed: BTreeMap<SessionId, BTreeSet<Key>>,
    /// Since when each timer runs, but for a restore.
    timers: BTreeMap<Timer, Index>,
    restores: Restores,
    /// What the last command changed.
    touched: BTreeSet<Key>,
    /// The index at which the last command put another state in place, and that state's digest.
    replaced: Option<(Index, u128)>,
}

/// What a client had to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It took effect, or not.
    Took(bool),
    /// The lock that was to vouch for it is lost.
    LockLost,
    /// It is refused: there is no such session, or no such restore.
    Refused,
    /// A transaction was done, and shows these keys; `None`: nothing of it was done.
    Txn(Option<Vec<(Key, Row)>>),
}

/// A key whose time was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    /// Which.
    pub key: Key,
    /// The change that its time was counted from.
    pub since: Index,
}

impl Expected {
    /// Whether a server that answered `reply` said so.
    pub fn is(&self, reply: &Reply) -> bool {
        match self {
            Expected::Took(true) => matches!(reply, Reply::Took(true) | Reply::Locked(_)),
            Expected::Took(false) => *reply == Reply::Took(false),
            Expected::LockLost => matches!(reply, Reply::LockLost(_)),
            Expected::Refused => matches!(reply, Reply::Refused(_)),
            Expected::Txn(rows) => txn::is(rows.as_deref(), reply),
        }
    }
}

/// Every entry of the log once, by its index: of several accounts of one the earliest ([`crate::invariants`] compares them).
pub fn entries(applied: &[Applied]) -> BTreeMap<Index, &Applied> {
    let mut entries: BTreeMap<Index, &Applied> = BTreeMap::new();
    for entry in applied {
        let first = entries.entry(entry.index).or_insert(entry);
        if entry.at < first.at {
            *first = entry;
        }
    }
    entries
}

/// Plays all that was applied; `look` sees each entry, with the state after it and what its client had to be told. Entries that say what this judge
/// cannot know of are not played if they were refused.
pub fn play(applied: &[Applied], mut look: impl FnMut(&Applied, &Board, Option<Expected>)) {
    let mut board = Board::default();
    for entry in entries(applied).into_values() {
        let refused = matches!(entry.reply, Reply::Refused(_) | Reply::Superseded { .. });
        let expected = match &entry.whole {
            Some(command) if !refused || is_known(command) => board.play(entry.index, command),
            Some(_) | None => board.rest(),
        };
        look(entry, &board, expected);
    }
}

/// Whether this judge knows when such a command is refused.
fn is_known(command: &Command) -> bool {
    match command {
        Command::Kv(_) | Command::Fenced { .. } | Command::Restore(_) => true,
        Command::Nothing | Command::Catalog(_) | Command::Ordered { .. } | Command::Autopilot { .. } | Command::Locate(_) => false,
        Command::Session(_) | Command::Expire(_) | Command::Txn(_) | Command::Query(_) => false,
    }
}

impl Board {
    /// Everybody who lives.
    pub fn sessions(&self) -> BTreeSet<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// The keys that begin so, and what they hold.
    pub fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a Key, &'a Row)> {
        self.rows.iter().filter(move |(key, _)| key.starts_with(prefix.as_bytes()))
    }

    /// What a key holds.
    pub fn row(&self, key: &Key) -> Option<&Row> {
        self.rows.get(key)
    }

    /// The keys that the last command changed. Of one that put another state in place it is none: see [`Board::replaced`].
    pub fn touched(&self) -> &BTreeSet<Key> {
        &self.touched
    }

    /// The index at which the last command put another state in place, if it did.
    pub fn replaced(&self) -> Option<Index> {
        self.replaced.map(|(index, _)| index)
    }

    /// Digest of the state that the last command put in place, if it did.
    pub fn placed(&self) -> Option<u128> {
        self.replaced.map(|(_, state)| state)
    }

    /// The index of the changes that the log entry at `log` makes.
    pub fn index_of(&self, log: Index) -> Index {
        log + self.restores.ahead()
    }

    /// Since when a key's time runs, if it has one.
    pub fn lives_since(&self, key: &Key) -> Option<Index> {
        self.timers.get(&Timer::Key(key.clone())).copied()
    }

    /// The tokens of all locks that are held.
    pub fn tokens(&self) -> BTreeSet<LockToken> {
        let token = |(key, row): (&Key, &Row)| {
            Some(LockToken { session: row.holder?, key: key.clone(), create_index: row.created, lock_index: row.locks })
        };
        self.rows.iter().filter_map(token).collect()
    }

    /// How the state differs from another, in a sentence.
    pub fn difference(&self, other: &Board) -> Option<String> {
        let keys: BTreeSet<&Key> = self.rows.keys().chain(other.rows.keys()).collect();
        if let Some(key) = keys.into_iter().find(|key| self.rows.get(*key) != other.rows.get(*key)) {
            return Some(format!("{key:?} is {:?} in place of {:?}", other.rows.get(key), self.rows.get(key)));
        }
        if self.sessions != other.sessions {
            return Some(format!("the sessions are {:?} in place of {:?}", other.sessions(), self.sessions()));
        }
        if self.delayed != other.delayed {
            return Some(format!("lock-delays keep {:?} in place of {:?}", other.delayed, self.delayed));
        }
        (self.timers != other.timers).then(|| format!("the timers are {:?} in place of {:?}", other.timers, self.timers))
    }

    /// Plays the command at that place of the log; returns what its client has to be told, where this judge knows.
    fn play(&mut self, log: Index, command: &Command) -> Option<Expected> {
        self.rest();
        let index = self.index_of(log);
        match command {
            Command::Kv(command) => self.kv(index, command),
            Command::Fenced { token, then } if self.tokens().contains(token) => self.kv(index, then),
            Command::Fenced { .. } => Some(Expected::LockLost),
            Command::Session(command) => {
                self.session(index, command);
                None
            }
            Command::Expire(expired) => {
                expired.iter().for_each(|expiry| self.expire(index, expiry));
                None
            }
            Command::Txn(ops) => self.txn(index, ops),
            Command::Catalog(command) => {
                self.catalog(index, command);
                None
            }
            Command::Ordered { command, .. } => {
                self.catalog(index, command);
                None
            }
            Command::Restore(command) => Some(self.restore(log, command)),
            Command::Nothing | Command::Autopilot { .. } | Command::Locate(_) | Command::Query(_) => None,
        }
    }

    /// An entry that changes nothing.
    fn rest(&mut self) -> Option<Expected> {
        self.touched.clear();
        self.replaced = None;
        None
    }

    /// What ends by the expiries of `command`, of keys.
    pub fn lapsing(&self, command: &Command) -> Vec<Lapsed> {
        let Command::Expire(expired) = command else { return Vec::new() };
        let lapsed = expired.iter().filter(|expiry| self.stands(expiry));
        let keys = lapsed.filter_map(|expiry| match &expiry.timer {
            Timer::Key(key) => Some(Lapsed { key: key.clone(), since: self.lives_since(key)? }),
            Timer::Session(_) | Timer::LockDelay(_) => None,
        });
        keys.collect()
    }

    /// Whether what was measured is what runs.
    fn stands(&self, expiry: &Expiry) -> bool {
        self.timers.get(&expiry.timer).is_some_and(|since| self.restores.counts_from(*since) == expiry.since)
    }
}

/// When each index was first applied.
pub fn first_applied(applied: &[Applied]) -> BTreeMap<Index, Nanos> {
    entries(applied).into_iter().map(|(index, entry)| (index, entry.at)).collect()
}

#[cfg(test)]
mod tests;
