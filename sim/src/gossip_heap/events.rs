//! User events reach everybody, once, soon; through loss, duplicates and a cut; and nobody who comes later hears what was before.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::{World, addr_of};
use bytes::Bytes;
use muster::gossip::{Input, Scope, UserEvent};
use muster::model::Instant;
use rand::RngExt;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MEMBERS: usize = 80;
/// Events fired in the storm, a third of them while the pool is cut in two.
const STORM: u128 = 48;
/// The goal for the last member of a quiet pool: Serf's best, measured.
const LAST: Duration = Duration::from_millis(650);

/// Eighty members: one event in peace, many in trouble, one newcomer.
pub const EVENTS: Scenario = Scenario {
    name: "events-80",
    goal: "an event reaches the last of 80 members within 0.65 s; with 5 % loss, 5 % duplicates and a cut of a minute everybody hears every event \
           exactly once, those of one origin bear rising times, and a newcomer hears nothing old",
    columns: &["last ms", "missed", "twice", "time breaks", "out of order", "replayed"],
    play,
    judge,
};

fn event(id: u128) -> UserEvent {
    // The short form of the id must differ as those of random ids do.
    let id = id.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    UserEvent { id, at: 0, name: "deploy".to_owned(), payload: Bytes::from_static(b"v42"), scope: Scope::default() }
}

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    world.run_for(Duration::from_secs(5));
    let last = peace(&mut world);
    let origins = storm(&mut world);
    let replayed = newcomer(&mut world);
    let (missed, twice) = counted(&world, &origins);
    let (breaks, disorder) = ordered(&world, &origins);
    Sample { seed, values: vec![last, missed, twice, breaks, disorder, replayed] }
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

/// Fires events all over the pool while it is in trouble; gives who fired which, in order.
fn storm(world: &mut World) -> Vec<(usize, u128)> {
    let mut origins = Vec::new();
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
        origins.push((origin, fired.id));
        world.input(origin, Input::Fire { event: fired });
        let pause = world.rng().random_range(0..400);
        world.run_for(Duration::from_millis(pause));
    }
    world.run_for(Duration::from_secs(300));
    (world.link.loss, world.link.duplicates) = (0.0, 0.0);
    origins
}

/// How many old events a member hears that has just been started, and knows nothing.
fn newcomer(world: &mut World) -> f64 {
    let newcomer = MEMBERS - 1;
    world.restart(newcomer);
    let before = world.fired.len();
    world.input(newcomer, Input::Join { ticket: 1, addrs: vec![addr_of(0), addr_of(3)] });
    world.run_for(Duration::from_secs(120));
    let replayed = world.fired[before..].iter().filter(|fired| fired.by == newcomer).count();
    world.fired.truncate(before);
    replayed as f64
}

/// How often a member missed an event, and how often one heard it again.
fn counted(world: &World, origins: &[(usize, u128)]) -> (f64, f64) {
    let mut times: BTreeMap<(usize, u128), usize> = BTreeMap::new();
    for fired in &world.fired {
        *times.entry((fired.by, fired.event.id)).or_default() += 1;
    }
    let twice = times.values().filter(|times| **times > 1).count();
    (origins.len().saturating_mul(MEMBERS).saturating_sub(times.len()) as f64, twice as f64)
}

/// How many events of an origin bear no later time than its one before, and how often a member heard two of one origin in the wrong order, which
/// loss and a cut make possible: the times tell.
fn ordered(world: &World, origins: &[(usize, u128)]) -> (f64, f64) {
    let times: BTreeMap<u128, u64> = world.fired.iter().map(|fired| (fired.event.id, fired.event.at)).collect();
    let mut latest: BTreeMap<usize, u64> = BTreeMap::new();
    let mut breaks = 0;
    for (origin, id) in origins {
        let at = times.get(id).copied().unwrap_or(0);
        breaks += usize::from(latest.insert(*origin, at).is_some_and(|before| before >= at));
    }
    let origin_of: BTreeMap<u128, usize> = origins.iter().map(|(origin, id)| (*id, *origin)).collect();
    let mut heard: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    let mut disorder = 0;
    for fired in &world.fired {
        let Some(origin) = origin_of.get(&fired.event.id) else { continue };
        let newest = heard.entry((fired.by, *origin)).or_default();
        disorder += usize::from(fired.event.at < *newest);
        *newest = (*newest).max(fired.event.at);
    }
    (breaks as f64, disorder as f64)
}

fn judge(samples: &[Sample]) -> Verdict {
    let sum = |column: usize| samples.iter().map(|sample| sample.values[column]).sum::<f64>();
    let last = percentile(samples.iter().map(|sample| sample.values[0]), 1.0);
    let median = percentile(samples.iter().map(|sample| sample.values[0]), 0.5);
    let heard = samples.len() * MEMBERS * STORM as usize;
    let summary = format!(
        "last member p50 {median:.0} ms, slowest {last:.0} ms; of {heard} hearings {} missed, {} twice, {} out of order; {} breaks of time, {} replayed",
        sum(1),
        sum(2),
        sum(4),
        sum(3),
        sum(5)
    );
    Verdict { summary, reached: last <= LAST.as_secs_f64() * 1000.0 && [1, 2, 3, 5].into_iter().all(|column| sum(column) == 0.0) }
}
