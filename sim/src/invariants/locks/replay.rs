//! Sessions and locks as they must be: the applied commands played once more on plain maps, apart from the product's own tables.

use crate::checker::Nanos;
use crate::invariants::board::{self, Board, Expected, Lapsed};
use crate::invariants::observation::Applied;
use muster::model::{Index, Key, LockToken, SessionId};
use muster::state::{Command, KvCommand};
use std::collections::BTreeMap;

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody renewed it.
    Expired,
    /// It was destroyed, or its node or a check went.
    Otherwise,
}

/// A session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub session: SessionId,
    /// By which entry.
    pub index: Index,
    /// When that was first applied.
    pub at: Nanos,
    /// Why.
    pub cause: Cause,
}

/// How a key's time ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was over.
    Expired,
    /// The key was written or deleted.
    Otherwise,
}

/// The time of a key that was written with a TTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// Which.
    pub key: Key,
    /// What it holds.
    pub value: String,
    /// The change that began it.
    pub since: Index,
    /// When that was first applied.
    pub at: Nanos,
    /// When it ended, and how.
    pub ended: Option<(Nanos, End)>,
}

/// What the log makes of sessions and locks.
#[derive(Debug, Default)]
pub struct Replay {
    /// The sessions that ended, in that order.
    pub ended: Vec<Ended>,
    /// The lives of keys with a TTL, in the order in which they began.
    pub lives: Vec<Life>,
    /// Where a server answered otherwise, and when.
    pub disagreements: Vec<(Nanos, String)>,
    /// From when to when each lock was held, by its token.
    spans: BTreeMap<LockToken, (Nanos, Nanos)>,
}

impl Replay {
    /// Plays what the servers applied.
    pub fn of(applied: &[Applied]) -> Replay {
        let mut replay = Replay::default();
        let mut before = Board::default();
        board::play(applied, |entry, after, expected| {
            if let Some(command) = &entry.whole {
                replay.step(entry, command, &before, after, expected.as_ref());
                before = after.clone();
            }
        });
        replay
    }

    fn step(&mut self, entry: &Applied, command: &Command, before: &Board, after: &Board, expected: Option<&Expected>) {
        let of_locks = expected.filter(|_| is_of_locks(command));
        if let Some(expected) = of_locks.filter(|expected| !expected.is(&entry.reply)) {
            let says = format!("{} answered {:?} at {} instead of {expected:?}: {command:?}", entry.server, entry.reply, entry.index);
            self.disagreements.push((entry.at, says));
        }
        self.put_for(entry, command, before, after);
        let cause = if matches!(command, Command::Expire(_)) { Cause::Expired } else { Cause::Otherwise };
        let (was, is) = (before.sessions(), after.sessions());
        let gone = was.difference(&is).map(|session| Ended { session: *session, index: entry.index, at: entry.at, cause });
        self.ended.extend(gone);
        let (held, holds) = (before.tokens(), after.tokens());
        for lost in held.difference(&holds) {
            self.spans.entry(lost.clone()).and_modify(|span| span.1 = entry.at);
        }
        for taken in holds.difference(&held) {
            self.spans.insert(taken.clone(), (entry.at, Nanos::MAX));
        }
    }

    /// Keys that got a time, and those whose time is over.
    fn put_for(&mut self, entry: &Applied, command: &Command, before: &Board, after: &Board) {
        for Lapsed { key, since } in before.lapsing(command) {
            let life = self.lives.iter_mut().find(|life| life.key == key && life.since == since);
            life.into_iter().for_each(|life| life.ended = Some((entry.at, End::Expired)));
        }
        for key in after.touched() {
            let earlier = self.lives.iter_mut().filter(|life| life.key == *key && life.ended.is_none());
            earlier.for_each(|life| life.ended = Some((entry.at, End::Otherwise)));
            if let Some((since, row)) = after.lives_since(key).zip(after.row(key)) {
                let value = String::from_utf8_lossy(&row.value).into_owned();
                self.lives.push(Life { key: key.clone(), value, since, at: entry.at, ended: None });
            }
        }
    }

    /// From when to when the lock of `token` was held; `None`: never.
    pub fn span(&self, token: &LockToken) -> Option<(Nanos, Nanos)> {
        self.spans.get(token).copied()
    }
}

/// Whether it is about a lock.
fn is_of_locks(command: &Command) -> bool {
    match command {
        Command::Fenced { .. } | Command::Kv(KvCommand::Lock { .. } | KvCommand::Unlock { .. }) => true,
        Command::Kv(_) | Command::Nothing | Command::Catalog(_) | Command::Ordered { .. } | Command::Autopilot { .. } => false,
        Command::Locate(_) | Command::Session(_) | Command::Expire(_) | Command::Txn(_) | Command::Query(_) | Command::Restore(_) => false,
    }
}
