//! W3: who was told of a gap and reads anew reads a state that holds everything up to where he goes on.

use super::observed::{Anew, Shown};
use super::past::{shown, text};
use crate::invariants::Violation;
use crate::invariants::board::{self, Board};
use crate::invariants::observation::Applied;
use std::collections::BTreeMap;

pub(super) fn violations(anew: &[Anew], applied: &[Applied]) -> Vec<Violation> {
    let mut open: Vec<&Anew> = anew.iter().collect();
    board::play(applied, |entry, board, _| {
        let index = board.index_of(entry.index);
        // A state that was put in place since is one of them as well.
        open.retain(|anew| index < anew.resume || entry.at > anew.returned || below(board, &anew.prefix) != anew.rows);
    });
    let wrong = |anew: &&Anew| Violation {
        id: "W3-read-anew",
        says: format!("{:?} under {:?} is no state at {} or later", anew.rows, anew.prefix, anew.resume),
        at: anew.returned,
    };
    open.iter().map(wrong).collect()
}

fn below(board: &Board, prefix: &str) -> BTreeMap<String, Shown> {
    board.below(prefix).map(|(key, row)| (text(key), shown(row))).collect()
}
