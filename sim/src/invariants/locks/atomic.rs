//! L5: what one transaction writes is seen together or not at all.

use super::observed::Seen;
use crate::invariants::Violation;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let torn = seen.pairs.iter().filter(|pair| pair.values[0] != pair.values[1]);
    torn.map(|pair| Violation { id: "L5-atomic", says: format!("a transaction read half of another: {:?}", pair.values), at: pair.at })
        .collect()
}
