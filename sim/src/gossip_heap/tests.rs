//! The goals with a few seeds each; `run` with fifty is for an optimised build.

use super::world::{World, name_of};
use super::{run, scenarios};
use muster::gossip::{Input, MemberStatus};
use std::ops::Range;
use std::time::Duration;

fn reaches(name: &str, seeds: Range<u64>) {
    let report = run(name, seeds).expect("a scenario of this name");
    assert!(report.verdict.reached, "{report}");
}

#[test]
fn a_killed_member_of_thirty_is_known_to_all_in_time() {
    reaches("detect-30", 0..10);
}

#[test]
fn nobody_is_called_dead_without_faults() {
    reaches("quiet", 0..1);
}

#[test]
fn nobody_alive_stays_failed_through_loss_and_pauses() {
    reaches("stress", 0..1);
}

#[test]
fn a_pool_cut_in_halves_for_an_hour_grows_together_within_a_minute() {
    reaches("partition-hour", 0..1);
}

#[test]
fn members_restarted_at_once_without_memory_are_alive_to_all_again() {
    reaches("mass-restart", 0..1);
}

#[test]
fn events_reach_everybody_once_and_soon() {
    reaches("events-80", 0..1);
}

#[test]
fn coordinates_come_to_tell_round_trips() {
    reaches("coordinates", 0..1);
}

#[test]
fn a_run_repeats() {
    assert_eq!(run("detect-30", 7..9).map(|report| report.samples), run("detect-30", 7..9).map(|report| report.samples));
}

#[test]
fn an_unknown_scenario_is_nothing_and_every_known_one_has_a_name_of_its_own() {
    assert!(run("no-such", 0..1).is_none());
    let mut names: Vec<_> = scenarios().iter().map(|scenario| scenario.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), scenarios().len());
}

#[test]
fn a_leaver_is_left_to_all_and_failed_to_none() {
    let mut world = World::formed(2, 20);
    world.run_for(Duration::from_secs(5));
    world.input(3, Input::Leave);
    world.run_for(Duration::from_secs(10));
    world.kill(3);
    world.run_for(Duration::from_secs(30));
    let left = |n: usize| world.machine(n).member(&name_of(3)).is_some_and(|member| member.status == MemberStatus::Left);
    assert!(world.living().all(left));
    assert!(world.noticed.iter().all(|noticed| noticed.event.kind != muster::gossip::EventKind::Failed));
}
