//! What must hold of followed changes, archives and restores in every run, one promise a file.

mod anew;
mod archive;
mod arrival;
mod future;
mod gap;
pub mod observed;
mod past;
mod restore;
mod silence;
mod stream;
mod together;

pub use past::Past;

use super::{Violation, standing};
use observed::Seen;

/// Judges everything that was seen of changes and snapshots; broken promises by the time they showed.
pub fn judge(seen: &Seen) -> Vec<Violation> {
    let past = Past::of(&seen.applied);
    let mut violations = stream::violations(&seen.streams, &past);
    violations.extend(gap::violations(&seen.streams));
    violations.extend(future::violations(&seen.named, &seen.applied));
    violations.extend(anew::violations(&seen.anew, &seen.applied));
    violations.extend(arrival::violations(seen, &past));
    violations.extend(silence::violations(seen));
    violations.extend(together::violations(&seen.looks, &seen.applied));
    violations.extend(archive::violations(&seen.saved, &seen.applied));
    violations.extend(restore::violations(&seen.restored, &seen.applied));
    violations.extend(standing::violations(&seen.ends, &seen.applied, seen.end));
    let shapes = seen.malformed.iter().map(|m| Violation { id: "A1-answer-shape", says: m.says.clone(), at: m.at });
    violations.extend(shapes);
    violations.sort_by_key(|violation| violation.at);
    violations
}

#[cfg(test)]
mod tests;
