//! What must hold of sessions, locks and transactions in every run, one promise a file.

mod atomic;
mod brief;
mod exclusion;
mod expiry;
pub mod observed;
mod replay;
mod replies;
mod verify;

pub use replay::{Cause, End, Ended, Life, Replay};

use super::{Violation, standing};
use observed::Seen;

/// Judges everything that was seen of coordination; broken promises by the time they showed.
pub fn judge(seen: &Seen) -> Vec<Violation> {
    let replay = Replay::of(&seen.applied);
    let mut violations = replies::violations(&replay);
    violations.extend(exclusion::violations(seen));
    violations.extend(verify::violations(seen, &replay));
    violations.extend(expiry::violations(seen, &replay));
    violations.extend(atomic::violations(seen));
    violations.extend(brief::violations(seen, &replay));
    violations.extend(standing::violations(&seen.ends, &seen.applied, seen.end));
    let shapes = seen.malformed.iter().map(|m| Violation { id: "A1-answer-shape", says: m.says.clone(), at: m.at });
    violations.extend(shapes);
    violations.sort_by_key(|violation| violation.at);
    violations
}

#[cfg(test)]
mod tests;
