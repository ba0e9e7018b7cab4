//! G7: after the calm every running agent sees every running agent alive, and nobody else.

use super::Violation;
use super::observation::{Calm, Liveness};

pub(super) fn violations(calm: &Calm) -> Vec<Violation> {
    let mut found = Vec::new();
    for viewer in &calm.running {
        let Some(view) = calm.views.get(viewer) else {
            found.push(violation(calm, format!("{viewer} runs but has no view of the members")));
            continue;
        };
        for other in &calm.running {
            if view.get(other) != Some(&Liveness::Alive) {
                found.push(violation(calm, format!("{viewer} sees {other} as {:?}, which runs", view.get(other))));
            }
        }
        for (other, liveness) in view {
            if *liveness == Liveness::Alive && !calm.running.contains(other) {
                found.push(violation(calm, format!("{viewer} sees {other} alive, which does not run")));
            }
        }
    }
    found
}

fn violation(calm: &Calm, says: String) -> Violation {
    Violation { id: "G7-membership-converges", says, at: calm.from }
}
