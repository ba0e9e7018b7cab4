//! Coordinates tell round trips: members lie on a plane, each with a way of its own to the network.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::World;
use muster::model::Coordinate;
use rand::RngExt;
use std::time::Duration;

const MEMBERS: usize = 40;
const TIME: Duration = Duration::from_secs(15 * 60);
/// The plane's side, one way.
const SIDE: Duration = Duration::from_millis(40);
/// The longest own way of a member.
const OWN: Duration = Duration::from_millis(3);

/// A quarter of an hour of probes.
pub const COORDINATES: Scenario = Scenario {
    name: "coordinates",
    goal: "after 15 minutes of probes among 40 members on a plane the median error of an estimated round trip is at most 10 %",
    columns: &["median error %", "p90 error %"],
    play,
    judge,
};

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    let place = |world: &mut World| {
        let mut within = |longest: Duration| world.rng().random_range(0.0..longest.as_secs_f64());
        [within(SIDE), within(SIDE), within(OWN)]
    };
    world.link.places = (0..MEMBERS).map(|_| place(&mut world)).collect();
    world.run_for(TIME);
    let coordinates: Vec<Coordinate> = (0..MEMBERS).map(|n| world.machine(n).coordinate()).collect();
    let (short, long) = world.link.latency;
    let mut errors = Vec::new();
    for a in 0..MEMBERS {
        for b in 0..a {
            let real = 2.0 * world.link.way(a, b).as_secs_f64() + (short + long).as_secs_f64();
            errors.push((coordinates[a].seconds(&coordinates[b]) - real).abs() / real * 100.0);
        }
    }
    Sample { seed, values: [0.5, 0.9].map(|p| percentile(errors.iter().copied(), p)).to_vec() }
}

fn judge(samples: &[Sample]) -> Verdict {
    let worst = |column: usize| percentile(samples.iter().map(|sample| sample.values[column]), 1.0);
    let median = percentile(samples.iter().map(|sample| sample.values[0]), 0.5);
    let summary = format!("median error {median:.1} %, worst run {:.1} % (p90 {:.1} %)", worst(0), worst(1));
    Verdict { summary, reached: worst(0) <= 10.0 }
}
