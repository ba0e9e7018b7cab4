//! Restoring: another state put in this one's place.
//!
//! It comes through the log in pieces, so that every server gets it and none holds the log up: each piece is read into a state beside this one as
//! it is applied, and the last command only puts that in place. What a client was told stays true: indexes go on rising. A restored row keeps the
//! indexes it had; if those are ahead of this cluster's, its own jump past them.

use super::snapshot::{Loader, Origin};
use super::{Reply, State};
use crate::model::{Index, Timestamp, Touched, octets};
use bytes::Bytes;
use imbl::Vector;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A restore that has not gone on for so long is given up.
pub const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Rows that claim a higher index leave no room for those to come.
const HIGHEST: Index = u64::MAX / 4;

/// A step of a restore, which is told from others by a number drawn for it. Repeating a step changes nothing. Answered [`Reply::Took`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RestoreCommand {
    /// Begins one of so many bytes. Another under way is forgotten.
    Begin {
        /// Its number, which is not 0.
        restore: u128,
        /// The state's length.
        bytes: u64,
    },
    /// The next bytes of the state ([`State::archived`]).
    Piece {
        /// Its number.
        restore: u128,
        /// How many bytes came before.
        offset: u64,
        /// The bytes.
        #[serde(with = "octets")]
        bytes: Bytes,
    },
    /// Puts the state in place, if all of it is there.
    Commit {
        /// Its number.
        restore: u128,
    },
    /// Gives it up.
    Forget {
        /// Its number.
        restore: u128,
    },
}

/// What a state has of its past beside its tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lineage {
    /// What the index of a change is ahead of its log entry's: restored rows may have higher ones than this cluster's log.
    pub(super) ahead: Index,
    /// The index at which the tables were last restored; 0 if never.
    pub(super) restored_at: Index,
    /// The number of that restore.
    pub(super) last: u128,
}

/// A restore under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Restoring {
    pub(super) restore: u128,
    pub(super) bytes: u64,
    /// When it last went on.
    pub(super) at: Timestamp,
    /// What has come, as it came: a server that is sent a snapshot meanwhile goes on from there.
    pub(super) pieces: Vector<Bytes>,
    taken: u64,
    loader: Loader,
}

impl Restoring {
    pub(super) fn new(restore: u128, bytes: u64, at: Timestamp) -> Restoring {
        Restoring { restore, bytes, at, pieces: Vector::new(), taken: 0, loader: Loader::new(Origin::Archive) }
    }

    pub(super) fn take(&mut self, at: Timestamp, piece: &Bytes) -> Result<(), String> {
        self.taken += piece.len() as u64;
        if self.taken > self.bytes {
            return Err(format!("it is longer than the {} bytes it was said to have", self.bytes));
        }
        self.loader.take(piece).map_err(|e| e.to_string())?;
        self.pieces.push_back(piece.clone());
        self.at = at;
        Ok(())
    }
}

impl State {
    /// The index of a change that the log entry at `log` makes.
    pub fn index_of(&self, log: Index) -> Index {
        log.saturating_add(self.lineage.ahead)
    }

    /// The index at which all tables were last replaced; 0 if never. What is derived from the state begins anew when it changes.
    pub fn restored_at(&self) -> Index {
        self.lineage.restored_at
    }

    /// The restore that nobody went on with, by a clock that shows `now`: a leader should propose [`RestoreCommand::Forget`].
    pub fn abandoned_restore(&self, now: Timestamp) -> Option<u128> {
        let on = self.restoring.as_ref()?;
        // One stamped far ahead was stamped by a clock that was wrong.
        let idle = now.since(on.at) > PATIENCE || on.at.since(now) > PATIENCE;
        idle.then_some(on.restore)
    }

    pub(super) fn restore(&mut self, log: Index, at: Timestamp, command: &RestoreCommand, touched: &mut Touched) -> Reply {
        match command {
            RestoreCommand::Begin { restore, bytes } => {
                if self.lineage.last != *restore && self.restoring.as_ref().is_none_or(|on| on.restore != *restore) {
                    self.restoring = Some(Box::new(Restoring::new(*restore, *bytes, at)));
                }
                Reply::Took(true)
            }
            RestoreCommand::Piece { restore, offset, bytes } => self.take_piece(at, *restore, *offset, bytes),
            RestoreCommand::Commit { restore } if self.lineage.last == *restore => Reply::Took(true),
            RestoreCommand::Commit { restore } => match self.restoring.take_if(|on| on.restore == *restore) {
                Some(on) => match on.loader.finish() {
                    Ok(state) => self.replace(log, *restore, state, touched),
                    Err(e) => Reply::Refused(e.to_string()),
                },
                None => superseded(),
            },
            RestoreCommand::Forget { restore } => Reply::Took(self.restoring.take_if(|on| on.restore == *restore).is_some()),
        }
    }

    fn take_piece(&mut self, at: Timestamp, restore: u128, offset: u64, bytes: &Bytes) -> Reply {
        let Some(on) = self.restoring.as_mut().filter(|on| on.restore == restore) else { return superseded() };
        if offset < on.taken {
            // It came before: its sender did not hear so.
            return Reply::Took(true);
        }
        let taken = match offset == on.taken {
            true => on.take(at, bytes),
            false => Err(format!("bytes are missing: it goes on at {offset}, {} have come", on.taken)),
        };
        match taken {
            Ok(()) => Reply::Took(true),
            Err(why) => {
                self.restoring = None;
                Reply::Refused(why)
            }
        }
    }

    fn replace(&mut self, log: Index, restore: u128, mut state: State, touched: &mut Touched) -> Reply {
        let last = state.last_change();
        if last > HIGHEST {
            return Reply::Refused(format!("its last change has index {last}, which leaves no room for more"));
        }
        let at = self.index_of(log).max(last + 1);
        state.lineage = Lineage { ahead: at - log, restored_at: at, last: restore };
        state.kv.history.begin_at(at);
        state.timers.begin_anew_at(at);
        *self = state;
        touched.add_everything();
        Reply::Took(true)
    }
}

fn superseded() -> Reply {
    Reply::Refused("another restore began meanwhile, or this one was given up".to_owned())
}

#[cfg(test)]
mod tests;
