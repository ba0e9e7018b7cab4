//! L5: what one transaction writes is seen together or not at all.

use super::observed::{Seen, Tuple};
use crate::invariants::Violation;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let torn = seen.tuples.iter().filter(|tuple| !is_whole(tuple));
    torn.map(|tuple| Violation { id: "L5-atomic", says: format!("a transaction read half of another: {:?}", tuple.rows), at: tuple.at })
        .collect()
}

/// All the keys are of one write, or none of them is there.
fn is_whole(tuple: &Tuple) -> bool {
    let alike = tuple.rows.windows(2).all(|two| two[0] == two[1]);
    alike && (tuple.rows.is_empty() || tuple.rows.len() == tuple.asked)
}
