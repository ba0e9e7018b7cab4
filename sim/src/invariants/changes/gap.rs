//! W2: a gap is told only to whom something was missed by: the memory begins behind where he stands, and he goes on where it reaches.

use super::observed::{Heard, Told};
use crate::invariants::Violation;

pub(super) fn violations(streams: &[Heard]) -> Vec<Violation> {
    streams.iter().filter_map(dishonest).collect()
}

fn dishonest(heard: &Heard) -> Option<Violation> {
    let mut stands = heard.from;
    for (number, (at, told)) in heard.told.iter().enumerate() {
        match told {
            Told::Change { id, .. } | Told::Alive { id } => stands = *id,
            Told::Gap { id, oldest, resume } => {
                let last = number + 1 == heard.told.len();
                let honest = last && id == resume && stands < *oldest && oldest <= resume;
                return (!honest).then(|| {
                    let (who, asked) = (heard.follower, heard.asked);
                    let says =
                        format!("follower {who}, who stood at {stands}, was told by {asked} of a gap up to {oldest}, to go on at {resume}");
                    Violation { id: "W2-gap", says, at: *at }
                });
            }
        }
    }
    None
}
