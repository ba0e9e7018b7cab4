//! K6: what one transaction reads of several keys is one state, and one that holds everything that had been applied when it was sent.
//!
//! The order of the log is the one order that there can be, so that this is strict serializability of reads among writes of any keys.

use super::observed::Looked;
use super::past::text;
use crate::invariants::Violation;
use crate::invariants::board::{self, Board};
use crate::invariants::observation::Applied;
use muster::model::Index;

pub(super) fn violations(looks: &[Looked], applied: &[Applied]) -> Vec<Violation> {
    let first = board::first_applied(applied);
    // Applied in the order of the log, up to what each server's clock of the world can tell apart.
    let floor = |look: &Looked| first.iter().rev().find(|(_, at)| **at < look.invoked).map_or(0, |(index, _)| *index);
    let mut open: Vec<(Index, &Looked)> = looks.iter().map(|look| (floor(look), look)).collect();
    board::play(applied, |entry, board, _| {
        open.retain(|(floor, look)| entry.index < *floor || entry.at > look.returned || !shows(look, board));
    });
    let wrong = |(floor, look): &(Index, &Looked)| Violation {
        id: "K6-one-state",
        says: format!("a transaction sent at {} shows {:?}, which is no state at {floor} or later", look.invoked, look.rows),
        at: look.returned,
    };
    open.iter().map(wrong).collect()
}

fn shows(look: &Looked, board: &Board) -> bool {
    look.rows.iter().all(|(key, shown)| {
        let row = board.row(&key.as_str().into()).map(|row| (text(&row.value), row.modified));
        row == *shown
    })
}
