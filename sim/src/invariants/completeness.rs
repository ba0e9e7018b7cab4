//! R4: a new leader's log holds what was committed before: it does not end before the last entry of older terms that anybody had applied.

use super::Violation;
use super::observation::{Applied, RoleChange};
use std::collections::BTreeMap;

pub(super) fn violations(roles: &[RoleChange], applied: &[Applied]) -> Vec<Violation> {
    let mut by_time: Vec<&Applied> = applied.iter().collect();
    by_time.sort_by_key(|entry| entry.at);
    let mut elected: Vec<&RoleChange> = roles.iter().collect();
    elected.sort_by_key(|change| change.at);
    let mut coming = by_time.into_iter().peekable();
    let mut newest: BTreeMap<u64, &Applied> = BTreeMap::new();
    let mut found = Vec::new();
    for change in elected {
        while let Some(entry) = coming.next_if(|entry| entry.at < change.at) {
            let last = newest.entry(entry.term).or_insert(entry);
            if entry.index > last.index {
                *last = entry;
            }
        }
        // It may have led for a moment before it was seen to, so entries of its own term tell nothing.
        if let Some((_, entry)) = newest.range(..change.term).next_back()
            && (change.last.1 < entry.index || change.last.0 < entry.term)
        {
            let says = format!(
                "{} leads term {} with a log that ends at {} of term {}, but {} had applied {} of term {}",
                change.server, change.term, change.last.1, change.last.0, entry.server, entry.index, entry.term
            );
            found.push(Violation { id: "R4-leader-completeness", says, at: change.at });
        }
    }
    found
}
