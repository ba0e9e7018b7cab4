//! R8: a server's term never goes back; within one process neither do its indexes; and no snapshot is of what is not applied.

use super::Violation;
use super::observation::Gauge;
use crate::world::Who;
use std::collections::BTreeMap;

pub(super) fn violations(gauges: &[Gauge]) -> Vec<Violation> {
    let mut last: BTreeMap<Who, Gauge> = BTreeMap::new();
    let mut found = Vec::new();
    // A server that has just started does not know its term for a moment.
    for gauge in gauges.iter().filter(|gauge| gauge.term > 0) {
        let before = last.insert(gauge.server, *gauge);
        if let Some(rule) = broken_rule(before.as_ref(), gauge) {
            let says = format!("{} {rule}: {gauge:?} after {before:?}", gauge.server);
            found.push(Violation { id: "R8-monotonic", says, at: gauge.at });
        }
    }
    found
}

fn broken_rule(before: Option<&Gauge>, now: &Gauge) -> Option<&'static str> {
    if now.snapshot > now.applied {
        return Some("has a snapshot of what is not applied");
    }
    let before = before?;
    if now.term < before.term {
        return Some("went back to an older term");
    }
    if now.snapshot < before.snapshot {
        return Some("went back to an older snapshot");
    }
    let same = now.process == before.process;
    (same && (now.applied < before.applied || now.committed < before.committed)).then_some("went back to an older index")
}
