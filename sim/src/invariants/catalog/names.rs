//! D1: what DNS answers is what the catalog, hence HTTP, has at one index: all instances of a service but the critical ones. A server answers from an
//! index that it had reached; no agent answers from an index that nobody had.
//!
//! D2: a critical instance is not answered after its bound, see [`super::leaves`].

use super::excuse::{Excuses, Strictness};
use super::history::History;
use super::observed::{Naming, Seen};
use super::truth::Truth;
use crate::checker::Nanos;
use crate::invariants::Violation;
use muster::model::{CheckStatus, Index};

pub(super) fn violations(seen: &Seen, history: &History, excuses: &Excuses<'_>) -> Vec<Violation> {
    let mut found: Vec<Violation> = seen.namings.iter().filter_map(|naming| disagreement(seen, history, naming)).collect();
    for truth in Truth::all(seen) {
        found.extend(named_although_critical(seen, history, excuses, &truth));
    }
    found
}

fn disagreement(seen: &Seen, history: &History, naming: &Naming) -> Option<Violation> {
    let from = least_index(seen, history, naming);
    let known = |index: Index| history.first_applied(index).is_some_and(|at| at <= naming.returned);
    // Its state at `from`, and every one it may have come to since.
    let later = history.states().filter(|(index, _)| *index > from && known(*index)).map(|(_, catalog)| catalog);
    let agrees = std::iter::once(history.at(from)).chain(later).any(|catalog| catalog.named(&naming.service) == naming.lines);
    (!agrees).then(|| Violation {
        id: "D1-names-agree",
        says: format!("{} at {} is {:?}, which it is at no index from {from} on", naming.service, naming.asked, naming.lines),
        at: naming.returned,
    })
}

/// What a server had applied in this life when it was asked; of other agents nothing is known.
fn least_index(seen: &Seen, history: &History, naming: &Naming) -> Index {
    let lives = seen.boots.iter().filter(|boot| boot.agent == naming.asked && boot.at <= naming.returned).count();
    if lives == 1 && seen.servers.contains(&naming.asked) { history.reached(naming.asked, naming.invoked) } else { 0 }
}

fn named_although_critical(seen: &Seen, history: &History, excuses: &Excuses<'_>, truth: &Truth<'_>) -> Vec<Violation> {
    let Some(line) = history.states().find_map(|(_, catalog)| catalog.name_of(&truth.instance.agent.to_string(), &truth.instance.id))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for bad in truth.bad_times().into_iter().filter(|bad| bad.least == CheckStatus::Critical && bad.seen_by < bad.to) {
        let held = |who, to: Nanos| excuses.none(who, bad.from, to, Strictness::Bound);
        let of_it = |naming: &&Naming| naming.service == truth.instance.service && naming.lines.contains(&line);
        let within = |naming: &&Naming| naming.invoked >= bad.seen_by && naming.returned <= bad.to;
        let named = seen.namings.iter().filter(of_it).filter(within);
        let named = named.filter(|naming| held(truth.instance.agent, bad.seen_by) && held(naming.asked, naming.returned));
        found.extend(named.map(|naming| Violation {
            id: "D2-critical-unnamed",
            says: format!("{line} of {} is named by {} although {}", truth.instance.service, naming.asked, bad.why),
            at: naming.returned,
        }));
    }
    found
}
