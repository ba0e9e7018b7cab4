//! W6: once the faults have stopped, no stream falls silent: one that has nothing to tell shows that somebody is there.

use super::observed::Seen;
use crate::invariants::Violation;

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let fell_silent = seen.streams.iter().filter_map(|heard| Some((heard, heard.silent.filter(|since| *since >= seen.calm_from)?)));
    let blamed = fell_silent.map(|(heard, since)| {
        let says = format!("{} told follower {} of {:?} nothing more after {since} ns", heard.asked, heard.follower, heard.prefix);
        Violation { id: "W6-alive", says, at: heard.until }
    });
    blamed.collect()
}
