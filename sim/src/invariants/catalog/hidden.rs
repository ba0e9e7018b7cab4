//! C2: a live, passing instance is never hidden: not by a leader change, not because servers were gone, not because of anything that happened
//! to others. When an instance stops passing in the catalog there is a reason for it in what it did or in what befell its agent.

use super::excuse::{Excuses, Strictness};
use super::history::History;
use super::observed::Seen;
use super::truth::Truth;
use crate::invariants::Violation;

/// How long before the change a fault of the agent or of the network may lie.
const BEFORE: u64 = 1_000_000_000;

pub(super) fn violations(seen: &Seen, history: &History, excuses: &Excuses<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for truth in Truth::all(seen) {
        let node = truth.instance.agent.to_string();
        let mut shown = false;
        for (index, catalog) in history.states() {
            let passes = catalog.passes(&node, &truth.instance.id) == Some(true);
            let at = history.first_applied(index).unwrap_or(0);
            if shown && !passes && truth.reason(at).is_none() {
                let excused = !excuses.none(truth.instance.agent, at.saturating_sub(BEFORE), at, Strictness::Never);
                found.extend((!excused).then(|| violation(&truth, index, at, catalog.homes.get(&node))));
            }
            shown = passes;
        }
    }
    found
}

fn violation(truth: &Truth<'_>, index: u64, at: u64, home: Option<&std::sync::Arc<super::reference::Home>>) -> Violation {
    let failing = |home: &std::sync::Arc<super::reference::Home>| {
        let failing = home.checks.values().filter(|check| !check.status.is_passing());
        failing.map(|check| format!("{}={} ({})", check.id, check.status.as_str(), check.output)).collect::<Vec<_>>().join(", ")
    };
    let now = home.map_or_else(|| "its node is gone".to_owned(), failing);
    let says = format!("{} of {} was well and is hidden at index {index}: {now}", truth.instance.id, truth.instance.agent);
    Violation { id: "C2-living-stays", says, at }
}
