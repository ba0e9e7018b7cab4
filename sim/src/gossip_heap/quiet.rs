//! Nobody dies, so nobody may be called dead.

use super::report::{Sample, Scenario, Verdict};
use super::world::World;
use muster::gossip::EventKind;
use std::time::Duration;

const MEMBERS: usize = 60;
const TIME: Duration = Duration::from_secs(20 * 60);

/// No false positive without faults.
pub const QUIET: Scenario = Scenario {
    name: "quiet",
    goal: "no faults: no live member is ever called failed, in 1,000 member-hours (20 a seed)",
    columns: &["member-hours", "false positives", "suspicions"],
    play,
    judge,
};

fn play(seed: u64) -> Sample {
    let mut world = World::formed(seed, MEMBERS);
    world.run_for(TIME);
    let false_positives = world.noticed.iter().filter(|noticed| noticed.event.kind == EventKind::Failed).count();
    let suspicions: u64 = (0..MEMBERS).map(|n| world.machine(n).stats().suspicions).sum();
    let member_hours = MEMBERS as f64 * TIME.as_secs_f64() / 3600.0;
    Sample { seed, values: vec![member_hours, false_positives as f64, suspicions as f64] }
}

fn judge(samples: &[Sample]) -> Verdict {
    let sum = |column: usize| samples.iter().map(|sample| sample.values[column]).sum::<f64>();
    let summary = format!("{} false positives and {} suspicions in {:.0} member-hours", sum(1), sum(2), sum(0));
    Verdict { summary, reached: sum(1) == 0.0 }
}
