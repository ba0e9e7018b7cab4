//! R2: a voter grants its vote to one candidate a term, restarts included.

use super::Violation;
use super::observation::Granted;
use std::collections::BTreeMap;

pub(super) fn violations(votes: &[Granted]) -> Vec<Violation> {
    let mut granted = BTreeMap::new();
    let mut found = Vec::new();
    for vote in votes {
        let first = granted.entry((vote.voter, vote.disk, vote.term)).or_insert(vote.candidate);
        if *first != vote.candidate {
            let says = format!("{} voted for {} and for {} in term {}", vote.voter, first, vote.candidate, vote.term);
            found.push(Violation { id: "R2-one-vote", says, at: vote.at });
        }
    }
    found
}
