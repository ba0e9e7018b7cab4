//! C7: the index that a watcher is told never goes back. Only where any server may answer from what it has is it the same process of one server
//! that must not.

use super::observed::{Look, Seen, Staleness};
use crate::checker::Nanos;
use crate::invariants::Violation;
use std::collections::BTreeMap;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let mut last: BTreeMap<(u32, &super::observed::Subject), &Look> = BTreeMap::new();
    let mut found = Vec::new();
    for look in &seen.looks {
        if let Some(before) = last.insert((look.watcher, &look.subject), look)
            && before.asked == look.asked
            && before.returned <= look.invoked
            && look.index < before.index
            && binds(seen, before, look)
        {
            let says = format!("{:?} at {} went back from index {} to {}", look.subject, look.asked, before.index, look.index);
            found.push(Violation { id: "C7-index-rises", says, at: look.returned });
        }
    }
    found
}

fn binds(seen: &Seen, before: &Look, now: &Look) -> bool {
    match (before.staleness, now.staleness) {
        (Staleness::Fresh, Staleness::Fresh) => true,
        (Staleness::Fresh | Staleness::Stale, Staleness::Stale) | (Staleness::Stale, Staleness::Fresh) => {
            let process = |at: Nanos| seen.boots.iter().filter(|boot| boot.agent == now.asked && boot.at <= at).count();
            seen.servers.contains(&now.asked) && process(before.invoked) == process(now.returned)
        }
    }
}
