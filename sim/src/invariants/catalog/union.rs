//! C3: once the faults have stopped, the catalog is the union of what the agents have registered, and they have what was acknowledged to them.

use super::observed::Seen;
use crate::checker::Nanos;
use crate::invariants::Violation;

/// An agent that could not sync tries again, and compares everything once in a while; a member that was buried is found within half a minute.
pub const AGREED_WITHIN: Nanos = 130_000_000_000;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let Some(union) = &seen.union else { return Vec::new() };
    let mut found: Vec<Violation> =
        union.forgotten.iter().map(|says| Violation { id: "C4-registration-kept", says: says.clone(), at: seen.end }).collect();
    if union.agreed.is_none_or(|at| at > union.from + AGREED_WITHIN) {
        let took = union.agreed.map_or_else(|| "never".to_owned(), |at| format!("after {} ms", (at - union.from) / 1_000_000));
        let says = format!("the catalog and the agents agree {took} of calm: {:?}", union.differences);
        found.push(Violation { id: "C3-catalog-is-union", says, at: union.from });
    }
    found
}
