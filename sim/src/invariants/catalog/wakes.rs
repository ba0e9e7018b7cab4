//! C6: a blocking query shows one state, never misses a change to what it asked, and is never woken by nothing: what woke it is a change that its
//! answer could have come from, and no change wakes it twice.

use super::excuse::{Excuses, Strictness};
use super::history::History;
use super::observed::{Look, Seen};
use super::truth::at_least;
use crate::checker::Nanos;
use crate::invariants::Violation;
use muster::model::Index;

/// What scheduling, forwarding and replication to the answering server may take.
const SLACK: Nanos = 1_000_000_000;

pub(super) fn violations(seen: &Seen, history: &History, excuses: &Excuses<'_>) -> Vec<Violation> {
    let mut found = Vec::new();
    for look in &seen.looks {
        found.extend(mixed(look, history));
        if look.after > 0 {
            found.extend(missed(seen, look, history, excuses));
            found.extend(woken(look, history));
        }
    }
    found
}

fn mixed(look: &Look, history: &History) -> Option<Violation> {
    let was = history.at(look.index).answer(&look.subject);
    (was != look.lines).then(|| {
        let says = format!(
            "{:?} at {} shows {:?} under X-Consul-Index {}, where it was {was:?}",
            look.subject, look.asked, look.lines, look.index
        );
        Violation { id: "C6-one-state", says, at: look.returned }
    })
}

/// It slept while the answer was another than the one that its client knew, and had been for a while.
fn missed(seen: &Seen, look: &Look, history: &History, excuses: &Excuses<'_>) -> Option<Violation> {
    let applied = |index| {
        let anywhere = || history.first_applied(index).unwrap_or(Nanos::MAX);
        if seen.servers.contains(&look.asked) { history.applied_at(look.asked, index) } else { anywhere() }
    };
    let slept = |(from, to): &(Index, Option<Index>)| {
        let begin = applied(*from).max(look.invoked);
        (*from, to.map_or(Nanos::MAX, applied).min(look.returned).saturating_sub(begin))
    };
    let stretches = history.differences(&look.subject, look.after);
    let (change, slept) = stretches.iter().map(slept).find(|(_, slept)| *slept > SLACK)?;
    excuses.none(look.asked, look.invoked, look.returned, Strictness::Bound).then(|| {
        let (subject, asked, after, ms) = (&look.subject, look.asked, look.after, slept / 1_000_000);
        let says = format!("{subject:?} at {asked} after {after} slept {ms} ms over the change at {change}");
        Violation { id: "C6-no-lost-wake-up", says, at: look.returned }
    })
}

/// An answer before the wait is over has news, and the news has a ground. As the index rises with each, no change wakes twice.
fn woken(look: &Look, history: &History) -> Option<Violation> {
    if look.returned >= look.invoked + at_least(look.wait) {
        return None;
    }
    let says = if look.index <= look.after {
        format!("{:?} at {} after {} came back early with {}", look.subject, look.asked, look.after, look.index)
    } else {
        if history.is_grounded(&look.subject, look.after, look.index) {
            return None;
        }
        format!("{:?} at {} after {} was woken at {} by nothing that concerns it", look.subject, look.asked, look.after, look.index)
    };
    Some(Violation { id: "C6-woken-by-something", says, at: look.returned })
}
