//! R12: once the faults have stopped there is one leader within ten election timeouts, all servers are equal within 30 s, and the cluster
//! answers: every trial within 10 s.

use super::Violation;
use super::observation::Calm;
use crate::checker::Nanos;

const SECOND: Nanos = 1_000_000_000;
/// When all servers have to be equal.
const EQUAL_WITHIN: Nanos = 30 * SECOND;
/// How long one trial may take.
const TRIAL_WITHIN: Nanos = 10 * SECOND;

pub(super) fn violations(calm: &Calm) -> Vec<Violation> {
    let mut found = Vec::new();
    found.extend(late(calm, "one leader", calm.one_leader, calm.election_bound));
    found.extend(late(calm, "equal states", calm.equal_states, EQUAL_WITHIN));
    if calm.trials.is_empty() {
        found.push(Violation { id: "R12-liveness", says: "nobody tried whether the cluster serves".to_owned(), at: calm.from });
    }
    for trial in &calm.trials {
        let in_time = trial.succeeded.is_some_and(|at| at <= trial.invoked + TRIAL_WITHIN);
        if !in_time {
            let says = format!("{} did not succeed within 10 s of calm: {:?}", trial.what, trial.succeeded.map(|at| at - trial.invoked));
            found.push(Violation { id: "R12-liveness", says, at: trial.invoked });
        }
    }
    found
}

fn late(calm: &Calm, what: &str, reached: Option<Nanos>, bound: Nanos) -> Option<Violation> {
    let in_time = reached.is_some_and(|at| at <= calm.from + bound);
    (!in_time).then(|| {
        let took = reached.map_or_else(|| "never".to_owned(), |at| format!("after {} ms", (at - calm.from) / 1_000_000));
        let says = format!("{what} within {} ms of calm: {took}", bound / 1_000_000);
        Violation { id: "R12-liveness", says, at: calm.from }
    })
}
