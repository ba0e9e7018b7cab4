//! W1: a follower hears every change by the log once, in order, all of a command together, from where it stood on; never an older one, and never
//! across a place where another state was put in place.
//!
//! Since each follower names where it stands, what holds of every connection holds of them together.

use super::observed::{Heard, Told};
use super::past::Past;
use crate::invariants::Violation;

pub(super) fn violations(streams: &[Heard], past: &Past) -> Vec<Violation> {
    streams.iter().filter_map(|heard| broken(heard, past)).collect()
}

fn broken(heard: &Heard, past: &Past) -> Option<Violation> {
    let mut stands = heard.from;
    for (at, told) in &heard.told {
        let wrong = match told {
            Told::Change { id, .. } | Told::Alive { id } if *id < stands => Some(format!("index {id} after {stands}")),
            Told::Change { id, index, rows } => {
                let next = past.next(&heard.prefix, stands);
                let is = index == id && next.as_ref().is_some_and(|(index, expected)| index == id && expected == rows);
                (!is).then(|| format!("event {id} of index {index}: {rows:?}, where {next:?} was next after {stands}"))
            }
            Told::Alive { id } => {
                let missed = past.next(&heard.prefix, stands).filter(|(index, _)| index <= id);
                missed.map(|(missed, rows)| format!("that all up to {id} was told after {stands}, but not {missed}: {rows:?}"))
            }
            // What is told of the gap has a judge of its own.
            Told::Gap { .. } => return None,
        };
        let (Told::Change { id, .. } | Told::Alive { id } | Told::Gap { id, .. }) = told;
        let skipped = past.replaced_within(stands, *id).map(|index| format!("{id} after {stands}, though another state came at {index}"));
        if let Some(wrong) = wrong.or(skipped) {
            let says = format!("follower {} of {:?} was told by {} {wrong}", heard.follower, heard.prefix, heard.asked);
            return Some(Violation { id: "W1-stream-by-the-log", says, at: *at });
        }
        stands = *id;
    }
    None
}
