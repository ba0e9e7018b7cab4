//! What a quiet pool costs, small and large.

use super::report::{Sample, Scenario, Verdict, percentile};
use super::world::World;
use std::time::Duration;

const TIME: Duration = Duration::from_secs(360);

/// The same bytes a second a member, whatever the pool's size.
pub const TRAFFIC: Scenario = Scenario {
    name: "traffic",
    goal: "bytes a second a member at 1,000 members are within 20 % of those at 30",
    columns: &["B/s at 30", "B/s at 1000", "ratio"],
    play,
    judge,
};

fn play(seed: u64) -> Sample {
    let (small, large) = (bytes_per_second(seed, 30), bytes_per_second(seed, 1000));
    Sample { seed, values: vec![small, large, large / small] }
}

/// Payload sent a second a member, datagrams and streams together.
pub(super) fn bytes_per_second(seed: u64, members: usize) -> f64 {
    let mut world = World::formed(seed, members);
    world.run_for(TIME);
    let stats = (0..members).map(|n| world.machine(n).stats());
    let bytes: u64 = stats.map(|stats| stats.datagram_bytes_sent + stats.frame_bytes_sent).sum();
    bytes as f64 / TIME.as_secs_f64() / members as f64
}

fn judge(samples: &[Sample]) -> Verdict {
    let ratio = |p| percentile(samples.iter().map(|sample| sample.values[2]), p);
    let (least, most) = (ratio(0.0), ratio(1.0));
    Verdict { summary: format!("ratio {least:.2} to {most:.2} over {} runs", samples.len()), reached: least >= 0.8 && most <= 1.2 }
}
