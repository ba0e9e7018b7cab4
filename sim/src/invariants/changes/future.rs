//! W5: a follower that names an index which nobody has reached is refused by whoever has to be current; one that names an index which was reached never
//! is.

use super::observed::{Answer, Freshness, Named};
use crate::checker::Nanos;
use crate::invariants::Violation;
use crate::invariants::board;
use crate::invariants::observation::Applied;
use muster::model::Index;

pub(super) fn violations(named: &[Named], applied: &[Applied]) -> Vec<Violation> {
    // When each index was reached at the latest, and at the earliest: entries that change nothing may count or not.
    let (mut surely, mut perhaps): (Vec<(Index, Nanos)>, Vec<(Index, Nanos)>) = (Vec::new(), Vec::new());
    board::play(applied, |entry, board, _| {
        perhaps.push((board.index_of(entry.index), entry.at));
        if !board.touched().is_empty() || board.replaced().is_some() {
            surely.push((board.index_of(entry.index), entry.at));
        }
    });
    let reached =
        |by: &[(Index, Nanos)], index: Index, before: Nanos| by.iter().rev().any(|(reached, at)| *reached >= index && *at < before);
    let wrong = |named: &&Named| match (named.answer, named.freshness) {
        (Answer::Taken, Freshness::Current) => !reached(&perhaps, named.index, named.returned),
        (Answer::Taken, Freshness::Stale) => false,
        (Answer::Refused, Freshness::Current) => reached(&surely, named.index, named.invoked),
        // Whoever may lag does not judge.
        (Answer::Refused, Freshness::Stale) => true,
    };
    let violation = |named: &Named| {
        let says = format!("index {}, named at {} to somebody {:?}, was {:?}", named.index, named.invoked, named.freshness, named.answer);
        Violation { id: "W5-future", says, at: named.returned }
    };
    named.iter().filter(wrong).map(violation).collect()
}
