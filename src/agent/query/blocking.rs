//! The decisions of a blocking query.

use super::Answer;
use super::fingerprint::Fingerprint;
use crate::model::Index;
use std::time::Duration;

/// A wait is stretched by up to this part of itself, so that clients who began together do not all come back together.
const JITTER_PART: u32 = 16;

/// How long a blocking query waits: what was asked (`default` if nothing or nothing sensible was), at most `longest`, and up to a sixteenth more as `chance` decides.
pub fn patience(wait: Option<Duration>, default: Duration, longest: Duration, chance: u64) -> Duration {
    let wait = wait.filter(|wait| !wait.is_zero()).unwrap_or(default).min(longest);
    let most = u64::try_from((wait / JITTER_PART).as_nanos()).unwrap_or(u64::MAX);
    // The high half of the product is uniform in 0..=most.
    let extra = (u128::from(chance) * (u128::from(most) + 1)) >> 64;
    wait + Duration::from_nanos(extra as u64)
}

/// What to do with an answer that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Wait for the next change of the query's topics, or until the patience is over, and look again.
    Wait,
}

/// Whether `answer` is news to a client that has seen `min_index`.
///
/// An index from the future waits like any other: the client's state was another cluster's, and it must learn that from an answer with a smaller index, not from a flood of them.
pub fn judge(min_index: Index, answer: &Answer) -> Verdict {
    if min_index == 0 || answer.marks.changed > min_index { Verdict::Send } else { Verdict::Wait }
}

/// A blocking query that waits, and what its client is known to have seen.
///
/// Topics are wider than answers: a filter, a tag or a node's meta may leave out all that changed. Such a change is not sent; the wait goes on.
#[derive(Debug)]
pub struct Wait {
    min_index: Index,
    /// The rows that the client has. Known once an answer was looked at that is not news, on a view at least as new as the client's.
    seen: Option<Fingerprint>,
}

impl Wait {
    /// For a client that has seen `min_index`; 0 if it has seen nothing.
    pub fn new(min_index: Index) -> Wait {
        Wait { min_index, seen: None }
    }

    /// Looks at an answer from a view of everything up to `as_of`.
    ///
    /// A server that lags behind the one which served the client before may show it older rows than it has: they are not taken for what it has
    /// seen, or the way back to them would be kept from it.
    pub fn look(&mut self, as_of: Index, answer: &Answer) -> Verdict {
        match judge(self.min_index, answer) {
            Verdict::Wait => {
                if as_of >= self.min_index {
                    self.seen = Fingerprint::of(&answer.rows);
                }
                Verdict::Wait
            }
            Verdict::Send if self.seen.is_some() && self.seen == Fingerprint::of(&answer.rows) => Verdict::Wait,
            Verdict::Send => Verdict::Send,
        }
    }
}
