//! R1: a term has at most one leader.

use super::Violation;
use super::observation::RoleChange;
use std::collections::BTreeMap;

pub(super) fn violations(roles: &[RoleChange]) -> Vec<Violation> {
    let mut leaders = BTreeMap::new();
    let mut found = Vec::new();
    for change in roles {
        let first = leaders.entry(change.term).or_insert(change.server);
        if *first != change.server {
            let says = format!("{} and {} both led term {}", first, change.server, change.term);
            found.push(Violation { id: "R1-election-safety", says, at: change.at });
        }
    }
    found
}
