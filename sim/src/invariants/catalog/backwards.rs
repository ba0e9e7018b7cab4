//! C7: the index that a watcher is told never goes back. Where any server may answer from what it has, it is the same process of one server that must
//! not; where an agent may answer from what it keeps, the same process of that agent.

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
    let process = |at: Nanos| seen.boots.iter().filter(|boot| boot.agent == now.asked && boot.at <= at).count();
    let same_process = process(before.invoked) == process(now.returned);
    match before.staleness.max(now.staleness) {
        Staleness::Fresh => true,
        Staleness::Stale => seen.servers.contains(&now.asked) && same_process,
        Staleness::Cached => same_process,
    }
}
