//! C5: a TTL never expires early, nor later than one turn of its agent's driver: it turns critical its TTL after the last news, on the agent's
//! own clock.

use super::observed::{Deed, Heartbeat, Inside, Order, Probe, Seen, Told};
use super::truth::{Truth, at_least, at_most};
use crate::checker::Nanos;
use crate::fault::{Fault, Struck};
use crate::invariants::Violation;
use muster::model::CheckStatus;
use std::time::Duration;

/// One turn: a timer that rings, the machine that looks, the view that is shown, and that somebody looks, every 20 ms.
const TURN: Nanos = 30_000_000;

const ID: &str = "C5-ttl-on-time";

pub(super) fn violations(seen: &Seen) -> Vec<Violation> {
    let mut found = Vec::new();
    for truth in Truth::all(seen) {
        let Probe::Ttl(ttl) = truth.instance.probe else { continue };
        let check = format!("service:{}", truth.instance.id);
        let of_check = |inside: &&Inside| inside.agent == truth.instance.agent && *inside.check == *check;
        let inside: Vec<&Inside> = seen.inside.iter().filter(of_check).collect();
        for (n, pair) in inside.windows(2).enumerate() {
            let resumed = n == 0 || inside[n - 1].process != pair[0].process;
            found.extend(early(&truth, ttl, (pair[0], resumed), pair[1]));
        }
        let beats: Vec<&Heartbeat> = truth.heartbeats().collect();
        for (n, beat) in beats.iter().enumerate() {
            let next = beats.get(n + 1).map_or(seen.end, |next| next.invoked);
            found.extend(late(seen, &truth, ttl, &inside, beat, next));
        }
    }
    found
}

/// It expired although there was news within its TTL. One that was `resumed` by a process that has just started had its news before.
fn early(truth: &Truth<'_>, ttl: Duration, (before, resumed): (&Inside, bool), after: &Inside) -> Option<Violation> {
    let same_process = before.process == after.process;
    if !same_process || before.status != Some(CheckStatus::Passing) || after.status != Some(CheckStatus::Critical) {
        return None;
    }
    let mut failed = truth.heartbeats().filter(|beat| beat.status == CheckStatus::Critical && beat.told != Told::Refused);
    if failed.any(|beat| beat.invoked <= after.at && beat.over + TURN >= after.at) {
        return None;
    }
    // Between two looks it may have been taken off and registered anew, critical as it begins.
    let anew = |order: &Order| order.deed == Deed::Deregister && order.invoked <= after.at;
    if truth.orders().any(|order| anew(order) && order.done.is_none_or(|done| done >= before.at)) {
        return None;
    }
    let heard =
        truth.heartbeats().filter(|beat| beat.told == Told::Done && beat.over <= after.at && beat.invoked >= before.at.min(after.at));
    let last = heard.map(|beat| beat.invoked).chain((!resumed).then_some(before.at)).max()?;
    (after.at < last + at_least(ttl.as_nanos() as Nanos)).then(|| {
        let says = format!(
            "the TTL of {} on {} expired {} ms after news, not {} ms",
            truth.instance.id,
            truth.instance.agent,
            (after.at - last) / 1_000_000,
            ttl.as_millis()
        );
        Violation { id: ID, says, at: after.at }
    })
}

/// It did not expire although there was no news for longer than its TTL and a turn.
fn late(seen: &Seen, truth: &Truth<'_>, ttl: Duration, inside: &[&Inside], beat: &Heartbeat, next: Nanos) -> Option<Violation> {
    let due = beat.over + at_most(ttl.as_nanos() as Nanos) + TURN;
    if beat.told != Told::Done
        || beat.status == CheckStatus::Critical
        || next <= due
        || due > seen.end
        || disturbed(seen, truth, beat.invoked, due)
    {
        return None;
    }
    let ordered = truth.orders().any(|order| order.invoked <= due && order.done.is_none_or(|done| done >= beat.invoked));
    let then = inside.iter().rev().find(|inside| inside.at <= due)?;
    (!ordered && matches!(then.status, Some(CheckStatus::Passing | CheckStatus::Warning))).then(|| {
        let says = format!(
            "the TTL of {} on {} has not expired {} ms after the last news, only {} ms are its TTL",
            truth.instance.id,
            truth.instance.agent,
            (due - beat.over) / 1_000_000,
            ttl.as_millis()
        );
        Violation { id: ID, says, at: due }
    })
}

/// Its machine stood still, died, or could not write.
fn disturbed(seen: &Seen, truth: &Truth<'_>, from: Nanos, to: Nanos) -> bool {
    let stops = |struck: &Struck| match struck.fault {
        Fault::Crash(..) | Fault::Blackout(_) | Fault::Freeze(_) | Fault::FillDisk(..) => struck.hosts.contains(&truth.instance.agent),
        Fault::Isolate(_)
        | Fault::Split(_)
        | Fault::Deafen(_)
        | Fault::Mute(_)
        | Fault::Unlink(..)
        | Fault::Loss(_)
        | Fault::Duplicate(_)
        | Fault::Reorder(_)
        | Fault::Slow(_)
        | Fault::Drift(..)
        | Fault::WallStep(..) => false,
    };
    let met = |struck: &&Struck| stops(struck) && struck.from <= to && struck.to.is_none_or(|end| end + TURN >= from);
    let started = seen.boots.iter().any(|boot| boot.agent == truth.instance.agent && boot.at >= from && boot.at <= to);
    started || seen.struck.iter().any(|struck| met(&struck))
}
