//! L2: nobody's fenced write takes effect once somebody else was told that the lock is his. Judged by what clients were told alone.
//!
//! A holder without a fence may overlap with the next one, since it may learn late that it lost the lock; a fenced write may not.

use super::observed::{Seen, Told};
use crate::invariants::Violation;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let mut found = Vec::new();
    for write in seen.fenced.iter().filter(|write| write.told == Told::Done) {
        let rank = |token: &muster::model::LockToken| (token.create_index, token.lock_index);
        let later = |taken: &&super::observed::Taken| {
            taken.token.key == write.token.key && rank(&taken.token) > rank(&write.token) && taken.returned < write.invoked
        };
        if let Some(taken) = seen.taken.iter().find(later) {
            let says = format!("{} was written under {} after {} was given", write.value, write.token, taken.token);
            found.push(Violation { id: "L2-mutual-exclusion", says, at: write.invoked });
        }
    }
    found
}
