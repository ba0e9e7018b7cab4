//! S2: what is put in place is what an archive held that somebody sent, whole, while he waited or after he gave up; and once for each.

use super::observed::{Fate, Restored};
use crate::checker::Nanos;
use crate::invariants::Violation;
use crate::invariants::board;
use crate::invariants::observation::Applied;

const ID: &str = "S2-restore";

pub(super) fn violations(restored: &[Restored], applied: &[Applied]) -> Vec<Violation> {
    let mut placed: Vec<(Nanos, u128)> = Vec::new();
    board::play(applied, |entry, board, _| placed.extend(board.placed().map(|state| (entry.at, state))));
    let mut found = Vec::new();
    let mut unclaimed: Vec<&Restored> = restored.iter().collect();
    for (at, state) in placed {
        let fits = |one: &&Restored| one.state == Some(state) && one.invoked <= at && (one.fate != Fate::Done || at <= one.over);
        // Whoever was told that it is done has the first claim.
        let claim = unclaimed.iter().position(|one| fits(one) && one.fate == Fate::Done).or_else(|| unclaimed.iter().position(fits));
        match claim {
            Some(claim) => drop(unclaimed.remove(claim)),
            None => found.push(Violation { id: ID, says: "a state was put in place that nobody sent, or twice".to_owned(), at }),
        }
    }
    for told in unclaimed.iter().filter(|one| one.fate == Fate::Done) {
        found.push(Violation { id: ID, says: "an archive was said to be in place, and is not".to_owned(), at: told.over });
    }
    found
}
