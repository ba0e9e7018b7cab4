//! L1: whether a lock was given, and whether a token still counted, was decided as the log before it says.

use super::Replay;
use crate::invariants::Violation;

pub(super) fn violations(replay: &Replay) -> Vec<Violation> {
    let wrong = |(at, says): &(u64, String)| Violation { id: "L1-lock-by-the-log", says: says.clone(), at: *at };
    replay.disagreements.iter().map(wrong).collect()
}
