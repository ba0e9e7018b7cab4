//! When checks are run, and what results make of them.

use super::world::{World, millis, says, secs, tcp, unheard};
use crate::health::{Input, Output, Run};
use crate::model::CheckStatus::{Critical, Passing, Warning};
use crate::model::{Probe, Thresholds};
use std::time::Duration;

#[test]
fn first_runs_are_spread_over_the_interval() {
    let mut world = World::new();
    let begin = world.now;
    for n in 0..1000 {
        world.watch(tcp(&format!("c{n}")));
    }
    let mut tenths = [0; 10];
    world.run_for(secs(10));
    for n in 0..1000 {
        let started = world.started(&format!("c{n}"));
        assert_eq!(started.len(), 1);
        tenths[started[0].since(begin).as_secs() as usize] += 1;
    }
    assert!(tenths.iter().all(|runs| (60..=140).contains(runs)), "{tenths:?}");
}

#[test]
fn a_first_run_comes_within_a_minute_of_any_registration() {
    for n in 0..20 {
        let mut world = World::seeded(n);
        let mut check = tcp("c");
        check.interval = secs(3600);
        let begin = world.now;
        world.watch(check);
        let run = world.next_run("c");
        let first = world.now;
        assert!(first.since(begin) < secs(60), "{:?}", first.since(begin));
        world.done("c", run, says(Passing, "ok"));
        world.next_run("c");
        assert_eq!(world.now.since(first), secs(3600));
    }
}

#[test]
fn runs_keep_their_rhythm_whatever_a_run_takes() {
    let mut world = World::new();
    world.watch(tcp("c"));
    for _ in 0..5 {
        let run = world.next_run("c");
        world.run_for(secs(3));
        world.done("c", run, says(Passing, "ok"));
    }
    let started = world.started("c");
    assert!(started.windows(2).all(|pair| pair[1].since(pair[0]) == secs(10)), "{started:?}");
}

#[test]
fn a_run_that_outlasts_the_interval_is_never_joined_by_another() {
    let mut world = World::new();
    world.watch(tcp("c"));
    let run = world.next_run("c");
    world.run_for(secs(24));
    assert_eq!(world.started("c").len(), 1, "no second run while the first is under way");
    world.done("c", run, says(Passing, "slow"));
    world.run_for(secs(5));
    world.next_run("c");
    let started = world.started("c");
    assert_eq!(started[1].since(started[0]), secs(30), "the next run is on the beat");
}

#[test]
fn an_interval_below_the_shortest_is_raised() {
    let mut world = World::new();
    let mut check = tcp("c");
    check.interval = millis(10);
    world.watch(check);
    world.probe("c", says(Passing, "ok"));
    world.probe("c", says(Passing, "ok"));
    let started = world.started("c");
    assert_eq!(started[1].since(started[0]), secs(1));
}

#[test]
fn a_new_limit_of_output_counts_from_the_next_run_on() {
    let mut world = World::new();
    let mut own = tcp("own");
    own.output_limit = Some(7);
    let mut greedy = tcp("greedy");
    greedy.output_limit = Some(50_000_000);
    world.watch(tcp("c"));
    world.watch(own);
    world.watch(greedy);
    world.input(Input::OutputLimit(100));
    world.run_for(secs(10));
    let limit = |of: &str| {
        let limits = world.heard.iter().filter_map(|(_, output)| match output {
            Output::Start { check, output_limit, .. } if **check == *of => Some(*output_limit),
            Output::Start { .. } | Output::Cancel(_) | Output::Changed { .. } | Output::GiveUp { .. } => None,
        });
        limits.collect::<Vec<_>>()
    };
    assert_eq!([limit("c"), limit("own"), limit("greedy")], [[100], [7], [100]], "the smaller of its own and the agent's counts");
}

#[test]
fn a_run_may_take_what_its_kind_of_probe_may() {
    let timeout = |probe: Probe, own: Option<Duration>| {
        let mut world = World::new();
        let mut check = tcp("c");
        (check.probe, check.timeout) = (probe, own);
        world.watch(check);
        world.next_run("c");
        match world.heard.last() {
            Some((_, Output::Start { timeout, output_limit: 4096, .. })) => *timeout,
            other => panic!("{other:?}"),
        }
    };
    let script = || Probe::Script { args: vec!["true".to_owned()] };
    assert_eq!(timeout(script(), None), secs(30));
    assert_eq!(timeout(tcp("c").probe, None), secs(10));
    assert_eq!(timeout(script(), Some(secs(2))), secs(2));
}

#[test]
fn only_what_changes_is_said() {
    let mut world = World::new();
    world.watch(tcp("c"));
    for verdict in [says(Passing, "ok"), says(Passing, "ok"), says(Passing, "better"), says(Critical, "no"), says(Critical, "no")] {
        world.probe("c", verdict);
    }
    let changes: Vec<_> = world.changes("c").into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(changes, [says(Passing, "ok"), says(Passing, "better"), says(Critical, "no")]);
}

#[test]
fn a_status_is_held_until_there_are_enough_results() {
    let mut world = World::new();
    let mut check = tcp("c");
    check.thresholds = Thresholds { success_before_passing: 2, failures_before_warning: Some(2), failures_before_critical: 3 };
    world.watch(check);
    for found in [Passing, Critical, Critical, Critical, Passing, Passing] {
        world.probe("c", says(found, "said"));
    }
    let changes: Vec<_> = world.changes("c").into_iter().map(|(_, verdict)| verdict.status).collect();
    assert_eq!(changes, [Passing, Warning, Critical, Passing]);
}

#[test]
fn a_run_that_is_not_under_way_has_no_effect() {
    let mut world = World::new();
    world.watch(tcp("c"));
    let run = world.next_run("c");
    world.done("c", Run(run.0 + 1), says(Passing, "of another"));
    world.done("d", run, says(Passing, "of another check"));
    world.done("c", run, says(Critical, "its own"));
    world.done("c", run, says(Passing, "twice"));
    let changes: Vec<_> = world.changes("c").into_iter().map(|(_, verdict)| verdict).collect();
    assert_eq!(changes, [says(Critical, "its own")]);
}

#[test]
fn a_forgotten_check_is_cancelled_and_never_heard_of_again() {
    let mut world = World::new();
    world.watch(tcp("c"));
    let run = world.next_run("c");
    world.input(Input::Forget("c".into()));
    assert_eq!(world.cancelled(), [run]);
    world.done("c", run, says(Passing, "late"));
    world.run_for(secs(60));
    assert!(world.changes("c").is_empty() && world.started("c").len() == 1 && world.machine.is_empty());
}

#[test]
fn registering_the_same_check_again_and_again_disturbs_no_run() {
    let mut world = World::new();
    world.watch(tcp("c"));
    let run = world.next_run("c");
    for _ in 0..30 {
        world.watch_as(tcp("c"), says(Passing, "kept"));
        world.run_for(millis(100));
    }
    assert!(world.cancelled().is_empty());
    world.done("c", run, says(Passing, "ok"));
    for _ in 0..200 {
        world.watch_as(tcp("c"), says(Passing, "ok"));
        world.run_for(millis(100));
        if let Some((_, Output::Start { run, .. })) = world.heard.last() {
            world.done("c", *run, says(Passing, "ok"));
        }
    }
    assert_eq!(world.started("c").len(), 3, "{:?}", world.started("c"));
}

#[test]
fn a_changed_check_is_run_anew_no_later_than_the_old_one() {
    let mut world = World::new();
    world.watch(tcp("c"));
    let run = world.next_run("c");
    let started = world.now;
    let mut slower = tcp("c");
    slower.interval = secs(3600);
    world.run_for(secs(1));
    world.watch_as(slower, says(Passing, "kept"));
    assert_eq!(world.cancelled(), [run]);
    world.done("c", run, says(Critical, "of the old one"));
    world.next_run("c");
    assert!(world.now.since(started) <= secs(10));
    assert!(world.changes("c").is_empty(), "the status stays as it was told");
}

#[test]
fn the_count_of_failures_outlives_a_registration() {
    let mut world = World::new();
    let mut check = tcp("c");
    check.thresholds.failures_before_critical = 3;
    world.watch(check.clone());
    world.probe("c", says(Passing, "ok"));
    world.probe("c", says(Critical, "no"));
    check.interval = secs(20);
    world.watch_as(check, says(Passing, "ok"));
    world.probe("c", says(Critical, "no"));
    assert_eq!(world.machine.verdict("c"), Some(&says(Passing, "ok")), "one registration is not a reason to fail sooner");
    world.probe("c", says(Critical, "no"));
    assert_eq!(world.machine.verdict("c"), Some(&says(Critical, "no")));
}

#[test]
fn an_alias_stands_as_it_is_told_and_is_never_run() {
    let mut world = World::new();
    let mut alias = tcp("a");
    alias.probe = Probe::Alias { node: String::new(), service: "web".to_owned() };
    world.watch(alias);
    world.watch(tcp("c"));
    world.input(Input::Target { check: "a".into(), verdict: says(Passing, "All checks passing.") });
    world.input(Input::Target { check: "c".into(), verdict: says(Passing, "not an alias") });
    world.input(Input::Heartbeat { check: "a".into(), verdict: unheard() });
    world.run_for(secs(30));
    assert_eq!(world.changes("a").len(), 1);
    assert!(world.changes("c").is_empty() && world.started("a").is_empty());
}
