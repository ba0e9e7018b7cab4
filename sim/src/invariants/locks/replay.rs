//! Sessions and locks as they must be: the applied commands played once more on plain maps, apart from the product's own tables.

mod board;

use crate::checker::Nanos;
use crate::invariants::observation::Applied;
use board::Board;
use muster::model::{Index, LockToken, SessionId};
use muster::state::{Command, Reply};
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

/// What the log makes of sessions and locks.
#[derive(Debug, Default)]
pub struct Replay {
    /// The sessions that ended, in that order.
    pub ended: Vec<Ended>,
    /// Where a server answered otherwise, and when.
    pub disagreements: Vec<(Nanos, String)>,
    /// From when to when each lock was held, by its token.
    spans: BTreeMap<LockToken, (Nanos, Nanos)>,
}

impl Replay {
    /// Plays what the servers applied; of several accounts of one index the earliest counts ([`crate::invariants`] compares them).
    pub fn of(applied: &[Applied]) -> Replay {
        let mut entries: BTreeMap<Index, &Applied> = BTreeMap::new();
        for entry in applied {
            let first = entries.entry(entry.index).or_insert(entry);
            if entry.at < first.at {
                *first = entry;
            }
        }
        let (mut board, mut replay) = (Board::default(), Replay::default());
        for entry in entries.into_values() {
            let Some(command) = &entry.whole else { continue };
            // What the state refused did nothing, and whether it had to refuse is only known here of locks.
            let judged = matches!(**command, Command::Kv(_) | Command::Fenced { .. });
            if judged || !matches!(entry.reply, Reply::Refused(_) | Reply::Superseded { .. }) {
                replay.step(&mut board, entry, command);
            }
        }
        replay
    }

    fn step(&mut self, board: &mut Board, entry: &Applied, command: &Command) {
        let (held, sessions) = (board.tokens(), board.sessions());
        let expected = board.play(entry.index, command);
        if let Some(expected) = expected.filter(|expected| !expected.is(&entry.reply)) {
            let says = format!("{} answered {:?} at {} instead of {expected:?}: {command:?}", entry.server, entry.reply, entry.index);
            self.disagreements.push((entry.at, says));
        }
        let cause = if matches!(command, Command::Expire(_)) { Cause::Expired } else { Cause::Otherwise };
        let now = board.sessions();
        let gone = sessions.difference(&now).map(|session| Ended { session: *session, index: entry.index, at: entry.at, cause });
        self.ended.extend(gone);
        let holds = board.tokens();
        for lost in held.difference(&holds) {
            self.spans.entry(lost.clone()).and_modify(|span| span.1 = entry.at);
        }
        for taken in holds.difference(&held) {
            self.spans.insert(taken.clone(), (entry.at, Nanos::MAX));
        }
    }

    /// From when to when the lock of `token` was held; `None`: never.
    pub fn span(&self, token: &LockToken) -> Option<(Nanos, Nanos)> {
        self.spans.get(token).copied()
    }
}

/// What a client had to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It took effect, or not.
    Took(bool),
    /// The lock that was to vouch for it is lost.
    LockLost,
    /// There is no such session.
    NoSession,
}

impl Expected {
    fn is(self, reply: &Reply) -> bool {
        match self {
            Expected::Took(true) => matches!(reply, Reply::Took(true) | Reply::Locked(_)),
            Expected::Took(false) => *reply == Reply::Took(false),
            Expected::LockLost => matches!(reply, Reply::LockLost(_)),
            Expected::NoSession => matches!(reply, Reply::Refused(_)),
        }
    }
}
