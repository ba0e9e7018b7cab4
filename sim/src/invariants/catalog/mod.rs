//! What must hold of the catalog and of health in every run, one promise a file.

mod backwards;
pub mod excuse;
mod hidden;
pub mod history;
mod leaves;
mod names;
pub mod observed;
pub mod reference;
mod truth;
mod ttl;
mod union;
mod wakes;

pub use union::AGREED_WITHIN;

use super::Violation;
use excuse::Excuses;
use history::History;
use observed::Seen;

/// Judges everything that was seen of the catalog; broken promises by the time they showed.
pub fn judge(seen: &Seen) -> Vec<Violation> {
    let history = History::of(&seen.applied);
    let excuses = Excuses::of(seen);
    let mut violations = Vec::new();
    violations.extend(leaves::violations(seen, &history, &excuses));
    violations.extend(hidden::violations(seen, &history, &excuses));
    violations.extend(union::violations(seen));
    violations.extend(ttl::violations(seen));
    violations.extend(wakes::violations(seen, &history, &excuses));
    violations.extend(backwards::violations(seen));
    violations.extend(names::violations(seen, &history, &excuses));
    let shapes = seen.malformed.iter().map(|m| Violation { id: "A1-answer-shape", says: m.says.clone(), at: m.at });
    violations.extend(shapes);
    violations.sort_by_key(|violation| violation.at);
    violations
}

#[cfg(test)]
mod tests;
