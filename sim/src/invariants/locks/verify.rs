//! L3: `lock/verify` is linearizable: its answer was true at some moment between question and answer.

use super::Replay;
use super::observed::Seen;
use crate::invariants::Violation;

pub(super) fn violations(seen: &Seen, replay: &Replay) -> Vec<Violation> {
    let mut found = Vec::new();
    for asked in &seen.verified {
        let span = replay.span(&asked.token);
        // What is applied may have been true since it was committed, a moment that nobody sees, so the later end is open by the answer alone.
        let possible = match (asked.holds, span) {
            (true, None) => false,
            (true, Some((from, to))) => from <= asked.returned && to >= asked.invoked,
            (false, None) => true,
            (false, Some((from, to))) => from > asked.invoked || to <= asked.returned,
        };
        if !possible {
            let says = format!("{} was said to hold: {}, but it held over {span:?}, asked at {}", asked.token, asked.holds, asked.invoked);
            found.push(Violation { id: "L3-verify", says, at: asked.returned });
        }
    }
    found
}
