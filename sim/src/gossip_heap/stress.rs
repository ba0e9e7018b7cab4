//! A bad network and members that keep standing still: nobody alive may stay called dead for long.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::World;
use muster::gossip::EventKind;
use muster::model::Instant;
use rand::RngExt;
use std::collections::BTreeMap;
use std::time::Duration;

const MEMBERS: usize = 60;
const TIME: Duration = Duration::from_secs(10 * 60);
/// After the last pause everybody is back by then, or counts as stuck.
const AFTERMATH: Duration = Duration::from_secs(60);

/// Loss and pauses.
pub const STRESS: Scenario = Scenario {
    name: "stress",
    goal: "5 % loss, pauses up to 5 s on a tenth of the members: no live member stays failed longer than 30 s",
    columns: &["failed episodes", "longest s"],
    play,
    judge,
};

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    world.link.loss = 0.05;
    let weak: Vec<usize> = (0..MEMBERS / 10).map(|_| world.rng().random_range(0..MEMBERS)).collect();
    let end = world.now() + TIME;
    while world.now() < end {
        let step = Duration::from_millis(world.rng().random_range(100..1500));
        world.run_for(step);
        let pick = world.rng().random_range(0..weak.len());
        let pause = Duration::from_millis(world.rng().random_range(50..=5_000));
        world.pause(weak[pick], pause);
    }
    world.run_for(AFTERMATH);
    let (episodes, longest) = failed_episodes(&world);
    Sample { seed, values: vec![episodes as f64, longest.as_secs_f64()] }
}

/// How often, and for how long at most, one member called another one failed. Everybody is alive.
fn failed_episodes(world: &World) -> (usize, Duration) {
    let mut since: BTreeMap<(usize, String), Instant> = BTreeMap::new();
    let (mut episodes, mut longest) = (0, Duration::ZERO);
    for noticed in &world.noticed {
        let pair = (noticed.by, noticed.event.member.name().to_string());
        match noticed.event.kind {
            EventKind::Failed => {
                episodes += 1;
                since.insert(pair, noticed.at);
            }
            EventKind::Joined => {
                let time = since.remove(&pair).map_or(Duration::ZERO, |at| noticed.at.since(at));
                longest = longest.max(time);
            }
            EventKind::Updated | EventKind::Leaving | EventKind::Left | EventKind::Reaped => {}
        }
    }
    let stuck = since.values().map(|at| world.now().since(*at)).max().unwrap_or_default();
    (episodes, longest.max(stuck))
}

fn judge(samples: &[Sample]) -> Verdict {
    let longest = percentile(samples.iter().map(|sample| sample.values[1]), 1.0);
    let episodes: f64 = samples.iter().map(|sample| sample.values[0]).sum();
    Verdict { summary: format!("longest {longest:.2} s of {episodes} times somebody alive was called failed"), reached: longest <= 30.0 }
}
