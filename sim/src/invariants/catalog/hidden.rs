//! C2: a live, passing instance is never hidden: not by a leader change, not because servers were gone, not because of anything that happened
//! to others. When an instance stops passing in the catalog there is a reason for it in what it did or in what befell its agent.

use super::excuse::{Excuses, Strictness};
use super::history::History;
use super::observed::Seen;
use super::truth::Truth;
use crate::invariants::Violation;

/// How long before the change a fault of the agent or of the network may lie.
const BEFORE: u64 = 1_000_000_000;

/// A write whose outcome its agent does not know may be held by a server that was struck, and be applied after a newer one. What it spoils is put
/// right by the full sync that follows an unknown outcome, 15 to 30 s later.
const REPAIRED_WITHIN: u64 = 35_000_000_000;

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
                let late = excuses.a_server_was_struck(at) && is_late_write(history, &truth, index, at);
                found.extend((!excused && !late).then(|| violation(&truth, index, at, catalog.homes.get(&node))));
            }
            shown = passes;
        }
    }
    found
}

/// Whether only its own check hides it, and it is shown again, or rightly hidden, in time.
fn is_late_write(history: &History, truth: &Truth<'_>, index: u64, at: u64) -> bool {
    let node = truth.instance.agent.to_string();
    let own = format!("service:{}", truth.instance.id);
    let by_own_check = history.at(index).homes.get(&node).is_some_and(|home| {
        let of_it = |check: &&muster::state::checks::CheckSpec| check.service_id.is_empty() || check.service_id == *truth.instance.id;
        let mut failing = home.checks.values().filter(of_it).filter(|check| !check.status.is_passing());
        home.services.contains_key(&*truth.instance.id) && failing.all(|check| check.id == own)
    });
    let later =
        history.states().filter(|(later, _)| *later > index).map(|(later, catalog)| (history.first_applied(later).unwrap_or(0), catalog));
    let mut in_time = later.take_while(|(when, _)| *when <= at + REPAIRED_WITHIN);
    by_own_check && (in_time.any(|(when, catalog)| catalog.passes(&node, &truth.instance.id) == Some(true) || truth.reason(when).is_some()))
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
