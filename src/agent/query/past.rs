//! Answers about the past of keys, as far as this server remembers it.

use super::{Answer, Rows};
use crate::model::{Index, Key};
use crate::state::kv::{History, Window};
use crate::state::{Marks, State};

/// Changes of one answer; those of the last command come whole.
const MOST_CHANGES: usize = 1_000;

fn window(state: &State) -> Window {
    Window { oldest: state.kv().history().since(), newest: state.last_change() }
}

/// An answer as of `index`, if that is remembered.
fn as_of(state: &State, index: Index, rows: impl FnOnce(&History) -> Rows) -> Answer {
    let window = window(state);
    let rows = if (window.oldest..=window.newest).contains(&index) { rows(state.kv().history()) } else { Rows::OutsideWindow(window) };
    Answer { marks: Marks::at(window.newest), rows }
}

/// What a key was.
pub(super) fn entry(state: &State, key: &Key, index: Index) -> Answer {
    as_of(state, index, |history| Rows::Entry(history.entry_at(key, index, state.kv().get(key))))
}

/// What the keys below a prefix were.
pub(super) fn list(state: &State, prefix: &Key, index: Index) -> Answer {
    as_of(state, index, |history| Rows::Entries(history.entries_at(prefix, index, state.kv().below(prefix))))
}

/// How a key came to be what it is.
pub(super) fn of_key(state: &State, key: &Key) -> Answer {
    let window = window(state);
    let changes = state.kv().history().of_key(key).cloned().collect();
    Answer { marks: Marks::at(window.newest), rows: Rows::Changes { window, changes, through: window.newest } }
}

/// What changed below a prefix after an index.
pub(super) fn changes(state: &State, prefix: &Key, after: Index) -> Answer {
    let window = window(state);
    if after < window.oldest {
        return Answer { marks: Marks::at(window.newest), rows: Rows::OutsideWindow(window) };
    }
    let (changes, all) = state.kv().history().after(prefix, after, MOST_CHANGES);
    let last = changes.last().map_or(0, |change| change.index);
    let through = if all { window.newest } else { last };
    Answer { marks: Marks { index: window.newest, changed: last }, rows: Rows::Changes { window, changes, through } }
}
