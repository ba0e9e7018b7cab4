//! The decisions of a blocking query.

use super::Answer;
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
