//! B1-B4: a blocking read is woken by the change it waits for, ends in time, never shows less than it was asked for, and shows one state.

use super::observation::Watched;
use super::{Reference, Violation};
use crate::checker::Nanos;

/// What scheduling, forwarding and replication to the answering server may take in a calm cluster.
const SLACK: Nanos = 1_000_000_000;

pub(super) fn violations(watches: &[Watched], settled_from: Nanos, reference: &Reference) -> Vec<Violation> {
    let mut found = Vec::new();
    for watch in watches {
        found.extend(mixed(watch, reference));
        found.extend(below(watch));
        if watch.invoked >= settled_from {
            found.extend(late(watch));
            found.extend(lost(watch, reference));
        }
    }
    found
}

/// A node's clock may be a tenth fast or slow at most, and it is that clock which measures the wait.
const DRIFT: Nanos = 10;

/// The longest that a read may block: its wait and up to a sixteenth more, on a slow clock.
fn longest(watch: &Watched) -> Nanos {
    let wait = watch.wait + watch.wait / 16;
    wait + wait / DRIFT
}

fn mixed(watch: &Watched, reference: &Reference) -> Option<Violation> {
    let was = reference.at(&watch.key, watch.headers.index);
    (was != watch.found).then(|| {
        let says = format!(
            "a blocking read of {} shows {:?} under X-Consul-Index {}, where it was {was:?}",
            watch.key, watch.found, watch.headers.index
        );
        Violation { id: "B4-one-snapshot", says, at: watch.returned }
    })
}

/// An answer before the wait is over has news; no answer has index 0.
fn below(watch: &Watched) -> Option<Violation> {
    let early = watch.returned < watch.invoked + watch.wait - watch.wait / DRIFT;
    let says = if watch.headers.index == 0 {
        format!("a blocking read of {} was answered with index 0", watch.key)
    } else if early && watch.headers.index <= watch.after {
        format!("a blocking read of {} after {} came back early with {}", watch.key, watch.after, watch.headers.index)
    } else {
        return None;
    };
    Some(Violation { id: "B3-index-rises", says, at: watch.returned })
}

fn late(watch: &Watched) -> Option<Violation> {
    let bound = watch.invoked + longest(watch) + SLACK;
    (watch.returned > bound).then(|| {
        let says = format!("a blocking read of {} took {} ms of {} ms", watch.key, ms(watch.returned - watch.invoked), ms(watch.wait));
        Violation { id: "B2-wait-ends", says, at: watch.returned }
    })
}

fn lost(watch: &Watched, reference: &Reference) -> Option<Violation> {
    let change = reference.changed_after(&watch.key, watch.after)?;
    let applied = reference.first_applied(change)?.max(watch.invoked);
    (watch.returned > applied + SLACK).then(|| {
        let says = format!(
            "a blocking read of {} after {} slept {} ms over the change at {change}",
            watch.key,
            watch.after,
            ms(watch.returned - applied)
        );
        Violation { id: "B1-no-lost-wake-up", says, at: watch.returned }
    })
}

fn ms(nanos: Nanos) -> u64 {
    nanos / 1_000_000
}
