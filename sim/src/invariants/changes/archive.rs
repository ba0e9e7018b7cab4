//! S1: an archive is the state at its index, and holds everything that had been applied when it was asked for.

use super::observed::{Freshness, Saved};
use crate::invariants::Violation;
use crate::invariants::board;
use crate::invariants::observation::Applied;

pub(super) fn violations(saved: &[Saved], applied: &[Applied]) -> Vec<Violation> {
    let mut differing: Vec<(usize, Option<String>)> =
        (0..saved.len()).map(|number| (number, Some("there is no such index".to_owned()))).collect();
    let mut changed = Vec::new();
    board::play(applied, |entry, board, _| {
        let index = board.index_of(entry.index);
        if !board.touched().is_empty() || board.replaced().is_some() {
            changed.push((index, entry.at));
        }
        for (number, differs) in differing.iter_mut().filter(|(number, _)| saved[*number].index == index) {
            *differs = board.difference(&saved[*number].board);
        }
    });
    let wrong = differing.into_iter().filter_map(|(number, differs)| Some((&saved[number], differs?)));
    let mut found: Vec<Violation> = wrong.map(|(saved, differs)| violation(saved, &differs)).collect();
    for saved in saved.iter().filter(|saved| saved.freshness == Freshness::Current) {
        let missed = changed.iter().rev().find(|(index, at)| *index > saved.index && *at < saved.invoked);
        found.extend(missed.map(|(index, _)| violation(saved, &format!("index {index} had been applied before it was asked for"))));
    }
    found
}

fn violation(saved: &Saved, differs: &str) -> Violation {
    let says = format!("an archive of index {} is not the state at it: {differs}", saved.index);
    Violation { id: "S1-archive-is-its-index", says, at: saved.returned }
}
