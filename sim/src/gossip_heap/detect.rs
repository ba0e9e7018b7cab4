//! How soon everybody knows of a death.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::World;
use muster::gossip::EventKind;
use rand::RngExt;
use std::time::Duration;

/// Thirty members.
pub const SMALL: Scenario = Scenario {
    name: "detect-30",
    goal: "30 members: a killed one is known to all at p50 <= 8.5 s and p99 <= 12.5 s",
    columns: &["first knows s", "all know s"],
    play: |seed| play(seed, 30),
    judge: |samples| judge(samples, 8.5, 12.5),
};

/// A thousand members.
pub const LARGE: Scenario = Scenario {
    name: "detect-1000",
    goal: "1,000 members: a killed one is known to all at p50 <= 16 s and p99 <= 20 s",
    play: |seed| play(seed, 1000),
    judge: |samples| judge(samples, 16.0, 20.0),
    ..SMALL
};

/// Longer than any detection that could still count as one.
const GIVE_UP: Duration = Duration::from_secs(120);

fn play(seed: u64, members: usize) -> Sample {
    let mut world = World::formed(seed, members);
    // Let the rounds fall out of step before the death, at a random point of them.
    let lead = Duration::from_millis(world.rng().random_range(3_000..6_000));
    world.run_for(lead);
    let victim = world.rng().random_range(0..members);
    world.kill(victim);
    world.noticed.clear();
    let died = world.now();
    world.run_until(died + GIVE_UP, |world| world.noticed.len() >= members - 1);
    let failures = || world.noticed.iter().filter(|noticed| noticed.event.kind == EventKind::Failed).map(|noticed| noticed.at);
    let seconds = |at: muster::model::Instant| at.since(died).as_secs_f64();
    let first = failures().min().map_or(f64::INFINITY, seconds);
    let all = if failures().count() == members - 1 { failures().max().map_or(f64::INFINITY, seconds) } else { f64::INFINITY };
    Sample { seed, values: vec![first, all] }
}

fn judge(samples: &[Sample], p50: f64, p99: f64) -> Verdict {
    let all = || samples.iter().map(|sample| sample.values[1]);
    let (median, worst) = (percentile(all(), 0.5), percentile(all(), 0.99));
    Verdict { summary: format!("p50 {median:.2} s, p99 {worst:.2} s of {} runs", samples.len()), reached: median <= p50 && worst <= p99 }
}
