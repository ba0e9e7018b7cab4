//! Random lives against a naive reference.

use super::world::{World, millis, says, secs, tcp, ttl};
use crate::health::{Input, Output, Run, Verdict};
use crate::model::CheckStatus::{self, Critical, Passing, Warning};
use crate::model::Instant;
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use std::collections::BTreeMap;
use std::time::Duration;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Step {
    Wait(Duration),
    Register(usize, Duration),
    Tell(usize, CheckStatus),
    Forget(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0..9000u64).prop_map(|time| Step::Wait(millis(time))),
        2 => (0..3usize, 1..8u64).prop_map(|(name, ttl)| Step::Register(name, secs(ttl))),
        5 => (0..3usize, select(vec![Passing, Warning, Critical])).prop_map(|(name, status)| Step::Tell(name, status)),
        1 => (0..3usize).prop_map(Step::Forget),
    ]
}

/// What a TTL check is, said as simply as possible: its last news, and when that was.
#[derive(Debug, Clone)]
struct Heard {
    ttl: Duration,
    at: Instant,
    verdict: Verdict,
}

impl Heard {
    fn now(&self, now: Instant) -> Verdict {
        match &self.verdict {
            last if now.since(self.at) < self.ttl => last.clone(),
            last if last.output.starts_with("TTL expired") => says(Critical, &last.output),
            last => says(Critical, &format!("TTL expired (last output before timeout follows): {}", last.output)),
        }
    }
}

proptest! {
    #[test]
    fn a_ttl_check_is_critical_from_exactly_its_ttl_on(steps in vec(step(), 1..60)) {
        let mut world = World::new();
        let mut reference: BTreeMap<usize, Heard> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Wait(time) => world.run_for(time),
                Step::Register(name, long) => {
                    let verdict = reference.get(&name).map_or(says(Critical, ""), |heard| heard.now(world.now));
                    world.watch_as(ttl(NAMES[name], long), verdict.clone());
                    reference.insert(name, Heard { ttl: long, at: world.now, verdict });
                }
                Step::Tell(name, status) => {
                    world.heartbeat(NAMES[name], status, "told");
                    if let Some(heard) = reference.get_mut(&name) {
                        (heard.at, heard.verdict) = (world.now, says(status, "told"));
                    }
                }
                Step::Forget(name) => {
                    world.input(Input::Forget(NAMES[name].into()));
                    reference.remove(&name);
                }
            }
            for (name, id) in NAMES.iter().enumerate() {
                let expected = reference.get(&name).map(|heard| heard.now(world.now));
                prop_assert_eq!(world.machine.verdict(id), expected.as_ref());
            }
        }
    }

    #[test]
    fn a_check_is_run_once_at_a_time_and_as_often_as_it_should(seed in 0..u64::MAX, takes in vec(0..25_000u64, 30)) {
        let mut world = World::seeded(seed);
        let begin = world.now;
        world.watch(tcp("c"));
        let (mut under_way, mut takes): (Option<(Instant, Run)>, _) = (None, takes.into_iter());
        let mut over = begin;
        let mut seen = 0;
        for _ in 0..3000 {
            world.run_for(millis(100));
            for (at, output) in world.heard.split_off(seen) {
                if let Output::Start { run, .. } = &output {
                    prop_assert!(under_way.is_none(), "two runs at once");
                    prop_assert!(at.since(over) <= secs(10), "not run for longer than its interval");
                    let Some(time) = takes.next() else { return Ok(()) };
                    under_way = Some((at + millis(time), *run));
                }
            }
            seen = world.heard.len();
            if let Some((end, run)) = under_way && end <= world.now {
                world.done("c", run, says(Passing, "ok"));
                (under_way, over) = (None, world.now);
                seen = world.heard.len();
            }
        }
    }
}
