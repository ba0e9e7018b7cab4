//! What must hold in every run, one promise a file. The ids are those of the manual.
//!
//! Each promise takes plain records ([`observation`]) and returns what breaks it, so each is tested with a few records made by hand, and
//! the simulator only has to hand over what it saw. Linearizability, acknowledged writes and index honesty of single answers are
//! [`crate::checker`]'s; [`judge`] asks both.

mod blocking;
pub mod board;
mod calm;
pub mod catalog;
pub mod changes;
mod completeness;
mod election;
mod listing;
pub mod locks;
mod membership;
mod monotonic;
pub mod observation;
mod one_log;
mod one_vote;
pub mod planted;
mod reference;
mod seat;
mod stale;
mod standing;

pub use observation::Record;
pub use reference::Reference;
pub use seat::{Records, Seat};
pub use standing::End;

use crate::checker::{self, History, Nanos, Report, Verdict, rounds::Budget};
use std::fmt;

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise, such as `R1-election-safety`.
    pub id: &'static str,
    /// One sentence.
    pub says: String,
    /// When it showed.
    pub at: Nanos,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (t={}.{:03} s)", self.id, self.says, self.at / 1_000_000_000, self.at / 1_000_000 % 1_000)
    }
}

/// A whole run, judged.
#[derive(Debug)]
pub struct Judgement {
    /// Broken promises, by the time they showed.
    pub violations: Vec<Violation>,
    /// The checker's report on the clients' history.
    pub report: Report,
}

impl Judgement {
    /// Whether nothing is broken and everything was decided.
    pub fn verdict(&self) -> Verdict {
        if self.violations.is_empty() { self.report.verdict() } else { Verdict::Illegal }
    }
}

/// Judges everything that was seen of a run.
pub fn judge(record: &Record, history: &History) -> Judgement {
    let reference = Reference::of(&record.applied);
    let mut violations = Vec::new();
    violations.extend(election::violations(&record.roles));
    violations.extend(one_vote::violations(&record.votes));
    violations.extend(one_log::violations(&record.applied, &record.installed));
    violations.extend(reference.disagreements(&record.applied));
    violations.extend(completeness::violations(&record.roles, &record.applied));
    violations.extend(monotonic::violations(&record.gauges));
    violations.extend(stale::violations(history, record, &reference));
    let shapes = record.malformed.iter().map(|m| Violation { id: "A1-answer-shape", says: m.says.clone(), at: m.at });
    violations.extend(shapes);
    violations.extend(listing::violations(&record.listings, &reference));
    violations.extend(blocking::violations(&record.watches, record.settled_from(), &reference));
    if let Some(calm) = &record.calm {
        violations.extend(calm::violations(calm));
        violations.extend(membership::violations(calm));
    }
    violations.sort_by_key(|v| v.at);
    let report = checker::check(history, Some(reference.log()), Budget::default());
    Judgement { violations, report }
}

#[cfg(test)]
mod tests;
