//! User events reach everybody, once, soon; through loss, duplicates and a cut; and nobody who comes later hears what was before.

use super::hearings::{self, Shot};
use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::{World, addr_of};
use bytes::Bytes;
use muster::gossip::{Input, Scope, Stats, UserEvent};
use muster::model::Instant;
use rand::RngExt;
use std::collections::BTreeSet;
use std::time::Duration;

const MEMBERS: usize = 80;
/// Events fired in the storm, a third of them while the pool is cut in two.
const STORM: u128 = 48;
/// The goal for the last member of a quiet pool: Serf's best, measured.
const LAST: Duration = Duration::from_millis(650);

/// Eighty members: one event in peace, many in trouble, one newcomer, one that comes back.
pub const EVENTS: Scenario = Scenario {
    name: "events-80",
    goal: "an event reaches the last of 80 members within 0.65 s; with 5 % loss, 5 % duplicates and a cut of a minute everybody hears every event \
           exactly once and after all that its origin had heard; a newcomer hears nothing old, and who comes back what it missed and nothing again",
    columns: &[
        "last ms",
        "missed",
        "twice",
        "time breaks",
        "out of order",
        "of one origin",
        "early",
        "sought",
        "replayed",
        "not caught up",
    ],
    play,
    judge,
};

fn event(id: u128) -> UserEvent {
    // The short form of the id must differ as those of random ids do.
    let id = id.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    UserEvent { id, at: 0, name: "deploy".to_owned(), payload: Bytes::from_static(b"v42"), scope: Scope::default(), after: Vec::new() }
}

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    world.run_for(Duration::from_secs(5));
    let last = peace(&mut world);
    let shots = storm(&mut world);
    let (missed, twice) = (hearings::missed(&world.fired, &shots, MEMBERS), hearings::twice(&world.fired));
    let breaks = hearings::time_breaks(&world.fired, &shots);
    let (disorder, of_one_origin) = hearings::disorder(&world.fired, &shots);
    let counted = |counter: fn(&Stats) -> u64| (0..MEMBERS).map(|n| counter(&world.machine(n).stats())).sum::<u64>();
    let (early, sought) = (counted(|stats| stats.events_early), counted(|stats| stats.events_sought));
    let new = newcomer(&mut world);
    let (again, lacking) = returner(&mut world);
    let counts = [missed, twice, breaks, disorder, of_one_origin, early as usize, sought as usize, new + again, lacking];
    Sample { seed, values: [last].into_iter().chain(counts.map(|count| count as f64)).collect() }
}

/// Milliseconds until the last member hears an event in a quiet pool.
fn peace(world: &mut World) -> f64 {
    let began = world.now();
    world.input(7, Input::Fire { event: event(1) });
    world.run_for(Duration::from_secs(3));
    let heard: BTreeSet<usize> = world.fired.iter().map(|fired| fired.by).collect();
    let last = world.fired.iter().map(|fired| fired.at).max().unwrap_or(Instant::ZERO);
    world.fired.clear();
    if heard.len() == MEMBERS { last.since(began).as_secs_f64() * 1000.0 } else { f64::INFINITY }
}

/// Fires events all over the pool while it is in trouble.
fn storm(world: &mut World) -> Vec<Shot> {
    let mut shots = Vec::new();
    (world.link.loss, world.link.duplicates) = (0.05, 0.05);
    for n in 0..STORM {
        if n == STORM / 3 {
            world.link.groups = (0..MEMBERS).map(|_| world.rng().random_range(0..2)).collect();
        }
        if n == 2 * STORM / 3 {
            world.run_for(Duration::from_secs(60));
            world.link.groups = vec![0; MEMBERS];
        }
        let origin = world.rng().random_range(0..5);
        let fired = event(n + 100);
        shots.push(Shot::after(&world.fired, origin, fired.id));
        world.input(origin, Input::Fire { event: fired });
        let pause = world.rng().random_range(0..400);
        world.run_for(Duration::from_millis(pause));
    }
    world.run_for(Duration::from_secs(300));
    (world.link.loss, world.link.duplicates) = (0.0, 0.0);
    shots
}

/// How many old events a member hears that has just been started, and knows nothing.
fn newcomer(world: &mut World) -> usize {
    let newcomer = MEMBERS - 1;
    world.restart(newcomer);
    heard_after_joining(world, newcomer).len()
}

/// Of a member that was away while two events were fired, and remembers up to when it was told: how many of those it was told of it hears again, and
/// how many of the two it does not hear.
fn returner(world: &mut World) -> (usize, usize) {
    let returner = MEMBERS - 2;
    let told = world.fired.iter().filter(|fired| fired.by == returner).map(|fired| fired.event.at).max().unwrap_or(0);
    world.kill(returner);
    let meanwhile = [event(1000), event(1001)];
    for fired in &meanwhile {
        world.input(9, Input::Fire { event: fired.clone() });
        world.run_for(Duration::from_secs(10));
    }
    world.come_back(returner, told);
    let heard = heard_after_joining(world, returner);
    let missed = meanwhile.iter().filter(|fired| !heard.contains(&fired.id)).count();
    (heard.len() + missed - meanwhile.len(), missed)
}

/// What a member hears that joins now, within two minutes.
fn heard_after_joining(world: &mut World, member: usize) -> Vec<u128> {
    let before = world.fired.len();
    world.input(member, Input::Join { ticket: 1, addrs: vec![addr_of(0), addr_of(3)] });
    world.run_for(Duration::from_secs(120));
    world.fired[before..].iter().filter(|fired| fired.by == member).map(|fired| fired.event.id).collect()
}

fn judge(samples: &[Sample]) -> Verdict {
    let sum = |column: usize| samples.iter().map(|sample| sample.values[column]).sum::<f64>();
    let last = percentile(samples.iter().map(|sample| sample.values[0]), 1.0);
    let median = percentile(samples.iter().map(|sample| sample.values[0]), 0.5);
    let heard = samples.len() * MEMBERS * STORM as usize;
    let summary = format!(
        "last member p50 {median:.0} ms, slowest {last:.0} ms; of {heard} hearings {} missed, {} twice, {} out of order ({} of one origin); {} breaks \
         of time, {} told early, {} sought, {} replayed, {} not caught up with",
        sum(1),
        sum(2),
        sum(4),
        sum(5),
        sum(3),
        sum(6),
        sum(7),
        sum(8),
        sum(9)
    );
    // Told early is told before one that did not come in time: without that, nothing is out of order.
    let sound = [1, 2, 3, 4, 5, 8, 9].into_iter().all(|column| sum(column) == 0.0);
    Verdict { summary, reached: last <= LAST.as_secs_f64() * 1000.0 && sound }
}
