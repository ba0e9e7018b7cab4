//! S1: an archive is the state at its index, byte for byte what the servers had then and, of keys and sessions, what the log makes; and it holds
//! everything that had been applied when it was asked for.

use super::observed::{Freshness, Saved};
use crate::invariants::Violation;
use crate::invariants::board;
use crate::invariants::observation::{Applied, Tables};
use std::collections::BTreeSet;

pub(super) fn violations(saved: &[Saved], applied: &[Applied]) -> Vec<Violation> {
    let mut differing: Vec<(&Saved, Option<String>)> =
        saved.iter().map(|saved| (saved, Some("there is no such index".to_owned()))).collect();
    let mut changed = Vec::new();
    board::play(applied, |entry, board, _| {
        let index = board.index_of(entry.index);
        if !board.touched().is_empty() || board.replaced().is_some() {
            changed.push((index, entry.at));
        }
        for (saved, differs) in differing.iter_mut().filter(|(saved, _)| saved.index == index) {
            *differs = board.difference(&saved.board);
        }
    });
    let had: BTreeSet<(u64, u128)> =
        applied.iter().filter_map(|entry| entry.tables).map(|Tables { last_change, digest }| (last_change, digest)).collect();
    let mut found = Vec::new();
    for (saved, differs) in differing {
        let differs =
            differs.or_else(|| (!had.contains(&(saved.index, saved.state))).then(|| "no server ever had these tables".to_owned()));
        let missed = changed.iter().rev().find(|(index, at)| *index > saved.index && *at < saved.invoked);
        let old = missed.filter(|_| saved.freshness == Freshness::Current);
        let old = old.map(|(index, _)| format!("index {index} had been applied before it was asked for"));
        found.extend(differs.or(old).map(|differs| violation(saved, &differs)));
    }
    found
}

fn violation(saved: &Saved, differs: &str) -> Violation {
    let says = format!("an archive of index {} is not the state at it: {differs}", saved.index);
    Violation { id: "S1-archive-is-its-index", says, at: saved.returned }
}
