//! A pool that was cut apart grows together by itself.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::World;
use rand::RngExt;
use std::time::Duration;

const MEMBERS: usize = 30;
const CUT: Duration = Duration::from_secs(3600);
const GIVE_UP: Duration = Duration::from_secs(300);

/// An hour apart: in halves, in thirds, or everybody alone, by turns.
pub const PARTITION: Scenario = Scenario {
    name: "partition-hour",
    goal: "after a full partition of an hour (halves, thirds, everybody alone) everyone is alive to everyone within a minute",
    columns: &["parts", "whole again s"],
    play,
    judge,
};

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    world.run_for(Duration::from_secs(5));
    let parts = [2, 3, MEMBERS as u32][(seed % 3) as usize];
    let alone = parts as usize == MEMBERS;
    world.link.groups = (0..MEMBERS).map(|n| if alone { n as u32 } else { world.rng().random_range(0..parts) }).collect();
    world.run_for(CUT);
    assert!(!world.all_alive_to_all(), "an hour apart is noticed");
    world.link.groups = vec![0; MEMBERS];
    let healed = world.now();
    let mut next = healed;
    world.run_until(healed + GIVE_UP, |world| {
        // Asking everybody after every event would cost more than the run.
        if world.now() < next {
            return false;
        }
        next = world.now() + Duration::from_millis(50);
        world.all_alive_to_all()
    });
    let took = if world.all_alive_to_all() { world.now().since(healed).as_secs_f64() } else { f64::INFINITY };
    Sample { seed, values: vec![f64::from(parts), took] }
}

fn judge(samples: &[Sample]) -> Verdict {
    let (median, worst) = [0.5, 1.0].map(|p| percentile(samples.iter().map(|sample| sample.values[1]), p)).into();
    Verdict { summary: format!("p50 {median:.1} s, slowest {worst:.1} s of {} runs", samples.len()), reached: worst <= 60.0 }
}
