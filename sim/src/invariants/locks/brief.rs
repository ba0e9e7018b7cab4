//! L7: a key with a TTL is there for all of it, counted from the last sign of life that was acknowledged, and is gone a second later if one leader had
//! the time of it; and whoever has its time begin anew is told whether it was there.

use super::expiry::undisturbed_from;
use super::observed::{Seen, Sign, Told};
use super::replay::{End, Life, Replay};
use crate::checker::Nanos;
use crate::invariants::Violation;
use crate::invariants::catalog::truth::{at_least, at_most};

const SECOND: Nanos = 1_000_000_000;
/// How much later than its TTL a key may go: the promise, and a round of the log.
const LATE: Nanos = SECOND + SECOND / 2;

pub(super) fn violations(seen: &Seen, replay: &Replay) -> Vec<Violation> {
    let mut found = Vec::new();
    for life in &replay.lives {
        let written = seen.signs.iter().find(|sign| sign.key == life.key && sign.value.as_ref() == Some(&life.value));
        let Some(written) = written else { continue };
        let refreshed: Vec<&Sign> = refreshes(seen, life).filter(|sign| sign.invoked >= written.invoked).collect();
        found.extend(early(life, written, &refreshed));
        found.extend(late(seen, life, written, &refreshed));
    }
    found.extend(seen.signs.iter().filter_map(|sign| mistold(sign, replay)));
    found
}

/// What had the time of a key begin anew, whichever of its lives that was.
fn refreshes<'a>(seen: &'a Seen, life: &'a Life) -> impl Iterator<Item = &'a Sign> {
    seen.signs.iter().filter(|sign| sign.key == life.key && sign.value.is_none())
}

/// It began when it was applied, and anew some time after each refresh was sent.
fn early(life: &Life, written: &Sign, refreshed: &[&Sign]) -> Option<Violation> {
    let Some((at, End::Expired)) = life.ended else { return None };
    let acknowledged = refreshed.iter().filter(|sign| sign.told == Told::Done && sign.invoked < at).map(|sign| sign.invoked);
    let last = acknowledged.max().unwrap_or(0).max(life.at);
    let due = last + at_least(written.ttl.as_nanos() as Nanos);
    (at < due).then(|| {
        let says = format!("{:?} of {} lived on since {last} and went before {due}", life.key, life.value);
        Violation { id: "L7-key-never-early", says, at }
    })
}

fn late(seen: &Seen, life: &Life, written: &Sign, refreshed: &[&Sign]) -> Option<Violation> {
    let at = match life.ended {
        Some((at, End::Expired)) => at,
        Some((_, End::Otherwise)) => return None,
        None => seen.end,
    };
    let heard = refreshed.iter().map(|sign| sign.over).max().unwrap_or(0).max(life.at);
    let due = heard.max(undisturbed_from(seen, at)).saturating_add(at_most(written.ttl.as_nanos() as Nanos) + LATE);
    (at > due).then(|| {
        let says = format!("{:?} of {} was heard of at {heard} and is there after {due}", life.key, life.value);
        Violation { id: "L7-key-not-late", says, at: due }
    })
}

/// A key was there at some time between question and answer, or was not. What is applied may have been true since it was committed, a moment that
/// nobody sees, so that the later end of a life is open by the answer alone.
fn mistold(sign: &Sign, replay: &Replay) -> Option<Violation> {
    if sign.value.is_some() || sign.told == Told::Unknown {
        return None;
    }
    let span = |life: &Life| (life.at, life.ended.map_or(Nanos::MAX, |(at, _)| at));
    let lives: Vec<(Nanos, Nanos)> = replay.lives.iter().filter(|life| life.key == sign.key).map(span).collect();
    let was = lives.iter().any(|(from, to)| *from <= sign.over && *to >= sign.invoked);
    let was_all_the_time = lives.iter().any(|(from, to)| *from <= sign.invoked && *to > sign.over);
    let possible = if sign.told == Told::Done { was } else { !was_all_the_time };
    (!possible).then(|| {
        let says = format!("{:?} was said to be there: {:?}, at {}; it was over {lives:?}", sign.key, sign.told, sign.invoked);
        Violation { id: "L7-key-refresh", says, at: sign.over }
    })
}
