//! Another state put in place of this one, in steps.

use super::{Board, Expected, Row};
use crate::trace::digest;
use muster::model::{Index, Key};
use muster::state::kv::Entry;
use muster::state::timers::Timer;
use muster::state::{RestoreCommand, State};

/// What is known of restores.
#[derive(Debug, Clone, Default)]
pub(super) struct Restores {
    /// The number of the one under way, how many bytes it will have, and those that came.
    under_way: Option<(u128, u64, Vec<u8>)>,
    /// The number of the last one that was put in place.
    last: u128,
    ahead: Index,
    /// The index at which that was.
    at: Index,
}

impl Restores {
    /// What the index of a change is ahead of its entry's.
    pub(super) fn ahead(&self) -> Index {
        self.ahead
    }

    /// What a timer counts from that runs since `since`: the last restore set anew what it brought back.
    pub(super) fn counts_from(&self, since: Index) -> Index {
        since.max(self.at)
    }

    fn is_under_way(&self, restore: u128) -> bool {
        self.under_way.as_ref().is_some_and(|(number, ..)| *number == restore)
    }
}

impl Board {
    pub(super) fn restore(&mut self, log: Index, command: &RestoreCommand) -> Expected {
        let restores = &mut self.restores;
        match command {
            RestoreCommand::Begin { restore, bytes } => {
                if restores.last != *restore && !restores.is_under_way(*restore) {
                    restores.under_way = Some((*restore, *bytes, Vec::new()));
                }
                Expected::Took(true)
            }
            RestoreCommand::Piece { restore, offset, bytes } => match restores.under_way.take() {
                Some((number, length, mut came)) if number == *restore => {
                    // One that came before is one whose sender did not hear so.
                    if *offset == came.len() as u64 {
                        came.extend_from_slice(bytes);
                    }
                    let fits = *offset <= came.len() as u64 && came.len() as u64 <= length;
                    if fits {
                        restores.under_way = Some((number, length, came));
                        return Expected::Took(true);
                    }
                    Expected::Refused
                }
                other => {
                    restores.under_way = other;
                    Expected::Refused
                }
            },
            RestoreCommand::Commit { restore } if restores.last == *restore => Expected::Took(true),
            RestoreCommand::Commit { restore } => match restores.under_way.take_if(|(number, ..)| number == restore) {
                Some((number, _, bytes)) => self.replace(log, number, &bytes),
                None => Expected::Refused,
            },
            RestoreCommand::Forget { restore } => Expected::Took(restores.under_way.take_if(|(number, ..)| number == restore).is_some()),
        }
    }

    fn replace(&mut self, log: Index, restore: u128, bytes: &[u8]) -> Expected {
        let Ok(state) = State::decode(bytes) else { return Expected::Refused };
        let at = self.index_of(log).max(state.last_change() + 1);
        *self = Board::of(&state);
        self.restores = Restores { under_way: None, last: restore, ahead: at - log, at };
        self.replaced = Some((at, digest(bytes)));
        Expected::Took(true)
    }

    /// The board of a state, such as an archive holds.
    pub fn of(state: &State) -> Board {
        let (mut board, everything) = (Board::default(), Key::default());
        for entry in state.kv().below(&everything) {
            board.rows.insert(entry.key.clone(), row_of(entry));
        }
        board.delayed = state.sessions().delays().map(|(session, keys)| (session, keys.iter().cloned().collect())).collect();
        board.sessions = state.sessions().iter().map(|session| (session.id, session.spec.clone())).collect();
        board.timers = state.timers().rows().iter().map(|(timer, span): (&Timer, _)| (timer.clone(), span.since)).collect();
        board
    }
}

/// What an entry of the product's holds.
pub(super) fn row_of(entry: &Entry) -> Row {
    Row {
        value: entry.value.to_vec(),
        flags: entry.flags,
        created: entry.create_index,
        modified: entry.modify_index,
        locks: entry.lock_index(),
        holder: entry.session(),
    }
}
