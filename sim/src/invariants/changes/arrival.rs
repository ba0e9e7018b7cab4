//! W4: once the faults have stopped, every change reaches every follower.

use super::observed::{Seen, Told};
use super::past::Past;
use crate::checker::Nanos;
use crate::invariants::Violation;
use std::collections::BTreeMap;

/// An election, everybody finding the new leader, a follower coming back, and reading anew after a gap.
const WITHIN: Nanos = 15_000_000_000;

pub(super) fn violations(seen: &Seen, past: &Past) -> Vec<Violation> {
    let mut stand: BTreeMap<u64, (&str, u64)> = BTreeMap::new();
    for heard in &seen.streams {
        let last = heard.told.last().map_or(heard.from, |(_, told)| match told {
            Told::Change { id, .. } | Told::Alive { id } => *id,
            Told::Gap { resume, .. } => *resume,
        });
        stand.insert(heard.follower, (&heard.prefix, last));
    }
    let mut found = Vec::new();
    for (follower, (prefix, stands)) in stand {
        let due = past.last_before(prefix, seen.end.saturating_sub(WITHIN)).unwrap_or(0);
        if seen.end > seen.calm_from + WITHIN && stands < due {
            let says = format!("follower {follower} of {prefix:?} stands at {stands} and never heard of {due}");
            found.push(Violation { id: "W4-arrival", says, at: seen.end });
        }
    }
    found
}
