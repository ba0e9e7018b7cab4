//! One small story in full: a check that is run, one that waits to be told, an outage of our own, and a service that is given up.

use super::world::{World, says, secs, tcp, ttl};
use crate::health::{Input, Output};
use crate::model::CheckDefinition;
use crate::model::CheckStatus::{Critical, Passing};
use crate::model::Instant;

fn told(begin: Instant, (at, output): &(Instant, Output)) -> String {
    let what = match output {
        Output::Start { check, run, timeout, .. } => format!("{check} starts run {} of at most {timeout:?}", run.0),
        Output::Cancel(run) => format!("run {} is cancelled", run.0),
        Output::Changed { check, verdict } => format!("{check} is {}: {}", verdict.status, verdict.output),
        Output::GiveUp { check, service } => format!("{check} gives {service} up"),
    };
    format!("{:>8.3}  {what}", at.since(begin).as_secs_f64())
}

#[test]
fn a_service_works_falls_silent_and_is_given_up() {
    let mut world = World::new();
    let begin = world.now;
    let mut probe = tcp("probe");
    probe.thresholds.failures_before_critical = 2;
    world.watch(probe);
    world.watch(CheckDefinition { deregister_after: Some(secs(60)), ..ttl("beat", secs(15)) });
    for n in 0..4 {
        world.heartbeat("beat", Passing, "alive");
        let found = if n < 2 { says(Passing, "connected") } else { says(Critical, "refused") };
        world.probe("probe", found);
    }
    world.next_run("probe");
    world.freeze(secs(80));
    world.run_for(secs(20));
    world.input(Input::Forget("probe".into()));
    world.run_for(secs(80));
    let told = world.heard.iter().map(|said| told(begin, said)).collect::<Vec<_>>().join("\n") + "\n";
    let golden = include_str!("story.txt");
    assert!(told == golden, "the story has changed:\n{told}");
}
