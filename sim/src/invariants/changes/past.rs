//! What followers had to hear: every change by the log, in order, and where another state was put in place.

use super::observed::Shown;
use crate::checker::Nanos;
use crate::invariants::board::{self, Row};
use crate::invariants::observation::Applied;
use muster::model::Index;
use std::collections::BTreeMap;

/// What one command changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When it was first applied.
    pub at: Nanos,
    /// Keys, with what they hold since.
    pub rows: BTreeMap<String, Option<Shown>>,
}

/// All changes of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    steps: BTreeMap<Index, Step>,
    /// Where another state was put in place.
    replaced: Vec<Index>,
}

impl Past {
    /// By what the servers applied.
    pub fn of(applied: &[Applied]) -> Past {
        let mut past = Past::default();
        board::play(applied, |entry, board, _| {
            past.replaced.extend(board.replaced());
            if !board.touched().is_empty() {
                let rows = board.touched().iter().map(|key| (text(key), board.row(key).map(shown)));
                past.steps.insert(board.index_of(entry.index), Step { at: entry.at, rows: rows.collect() });
            }
        });
        past
    }

    /// The first change of a key that begins with `prefix`, after `index`: its index and all keys of its that begin so.
    pub fn next(&self, prefix: &str, index: Index) -> Option<(Index, BTreeMap<String, Option<Shown>>)> {
        let below = |step: &Step| -> BTreeMap<String, Option<Shown>> {
            step.rows.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(key, row)| (key.clone(), row.clone())).collect()
        };
        let steps = self.steps.range(index.saturating_add(1)..).map(|(index, step)| (*index, below(step)));
        steps.into_iter().find(|(_, rows)| !rows.is_empty())
    }

    /// The last change of a key that begins with `prefix`, among those first applied before `at`.
    pub fn last_before(&self, prefix: &str, at: Nanos) -> Option<Index> {
        let is = |step: &Step| step.at < at && step.rows.keys().any(|key| key.starts_with(prefix));
        self.steps.iter().rev().find(|(_, step)| is(step)).map(|(index, _)| *index)
    }

    /// The first index after `from`, and not after `to`, at which another state was put in place.
    pub fn replaced_within(&self, from: Index, to: Index) -> Option<Index> {
        self.replaced.iter().copied().find(|index| from < *index && *index <= to)
    }

    /// Where another state was put in place, in order.
    pub fn replacements(&self) -> &[Index] {
        &self.replaced
    }
}

/// Workloads write text; anything else is shown as near to it as can be.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A key as answers show it.
pub fn shown(row: &Row) -> Shown {
    Shown { value: text(&row.value), flags: row.flags, create: row.created, modify: row.modified, locks: row.locks, session: row.holder }
}
