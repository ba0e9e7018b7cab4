//! R4: a new leader's log holds what was committed before: it does not end before the last entry that anybody had applied.

use super::Violation;
use super::observation::{Applied, RoleChange};

pub(super) fn violations(roles: &[RoleChange], applied: &[Applied]) -> Vec<Violation> {
    let mut by_time: Vec<&Applied> = applied.iter().collect();
    by_time.sort_by_key(|entry| entry.at);
    let mut elected: Vec<&RoleChange> = roles.iter().collect();
    elected.sort_by_key(|change| change.at);
    let mut coming = by_time.into_iter().peekable();
    let mut newest: Option<&Applied> = None;
    let mut found = Vec::new();
    for change in elected {
        while let Some(entry) = coming.next_if(|entry| entry.at < change.at) {
            if newest.is_none_or(|n| entry.index > n.index) {
                newest = Some(entry);
            }
        }
        // A leader that learns late that it was elected is judged by the terms before its own.
        if let Some(entry) = newest
            && entry.term < change.term
            && change.last < (entry.term, entry.index)
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
