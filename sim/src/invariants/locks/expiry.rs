//! L4: a session never expires before twice its TTL has passed since it was last renewed, and not much later once the servers are left alone.

use super::Replay;
use super::observed::{Created, Seen, Told};
use super::replay::{Cause, Ended};
use crate::checker::Nanos;
use crate::invariants::Violation;
use crate::invariants::catalog::truth::{at_least, at_most};

const SECOND: Nanos = 1_000_000_000;
/// How much later than its deadline a session may expire: the promise, and a round of the log.
const LATE: Nanos = SECOND / 4 + SECOND / 2;
/// After the last fault: an election, and everyone finding the new leader.
const ELECTION: Nanos = 12 * SECOND;

pub(super) fn violations(seen: &Seen, replay: &Replay) -> Vec<Violation> {
    let mut found = Vec::new();
    for created in &seen.sessions {
        let ended = replay.ended.iter().find(|ended| ended.session == created.session);
        found.extend(ended.and_then(|ended| early(seen, created, ended)));
        found.extend(late(seen, created, ended));
    }
    found
}

/// Twice the TTL, which is how long a session is promised to live at least.
fn life(created: &Created) -> Nanos {
    2 * created.ttl.as_nanos() as Nanos
}

/// The last sign of life before `at` that was acknowledged counts from when it was sent: it reached the leader after that.
fn early(seen: &Seen, created: &Created, ended: &Ended) -> Option<Violation> {
    if ended.cause != Cause::Expired {
        return None;
    }
    let renewed = |renewal: &&super::observed::Renewal| renewal.session == created.session && renewal.told == Told::Done;
    let last = seen.renewals.iter().filter(renewed).map(|renewal| renewal.invoked).max().unwrap_or(created.invoked);
    let due = last + at_least(life(created));
    (ended.at < due).then(|| {
        let says = format!("session {} lived on since {last} and expired at index {}, before {due}", created.session, ended.index);
        Violation { id: "L4-never-early", says, at: ended.at }
    })
}

/// After the last sign of life that may have arrived, the last election and the last fault.
fn late(seen: &Seen, created: &Created, ended: Option<&Ended>) -> Option<Violation> {
    let signs = seen.renewals.iter().filter(|renewal| renewal.session == created.session).map(|renewal| renewal.over);
    let at = ended.map_or(seen.end, |ended| ended.at);
    let heard = signs.max().unwrap_or(created.invoked + ELECTION);
    let due = heard.max(undisturbed_from(seen, at)).saturating_add(at_most(life(created)) + LATE);
    (at > due).then(|| {
        let says = format!("session {} was heard of at {heard} and is there after {due}", created.session);
        Violation { id: "L4-not-late", says, at: due }
    })
}

/// Since when, looking back from `at`, one leader has had the time of everything: no election, and no fault that could bring one about.
pub(super) fn undisturbed_from(seen: &Seen, at: Nanos) -> Nanos {
    let elected = seen.roles.iter().map(|role| role.at).filter(|elected| *elected <= at).max().unwrap_or(0);
    let struck = seen.struck.iter().filter(|struck| struck.from <= at);
    let struck = struck.map(|struck| struck.to.unwrap_or(Nanos::MAX).saturating_add(ELECTION)).max().unwrap_or(0);
    elected.max(struck)
}
