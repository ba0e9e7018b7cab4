//! Services that stay critical.

use super::world::{World, says, secs, tcp};
use crate::health::Input;
use crate::model::CheckDefinition;
use crate::model::CheckStatus::{Critical, Passing, Warning};

fn giving_up(after: u64) -> CheckDefinition {
    CheckDefinition { deregister_after: Some(secs(after)), ..super::world::ttl("t", secs(3600)) }
}

#[test]
fn a_service_is_given_up_once_it_was_critical_for_long_enough_and_again_while_that_lasts() {
    let mut world = World::new();
    let begin = world.now;
    world.watch(giving_up(90));
    world.run_for(secs(160));
    assert_eq!(world.given_up("t"), [begin + secs(90), begin + secs(120), begin + secs(150)]);
}

#[test]
fn less_than_a_minute_is_a_minute() {
    let mut world = World::new();
    let begin = world.now;
    world.watch(giving_up(1));
    world.run_for(secs(70));
    assert_eq!(world.given_up("t"), [begin + secs(60)]);
}

#[test]
fn a_service_that_recovers_begins_anew() {
    let mut world = World::new();
    world.watch(giving_up(90));
    world.run_for(secs(89));
    world.heartbeat("t", Warning, "hm");
    world.run_for(secs(1));
    world.heartbeat("t", Critical, "no");
    let critical = world.now;
    world.run_for(secs(100));
    assert_eq!(world.given_up("t"), [critical + secs(90)]);
}

#[test]
fn another_output_or_another_registration_is_no_recovery() {
    let mut world = World::new();
    let begin = world.now;
    world.watch(giving_up(90));
    world.run_for(secs(40));
    world.heartbeat("t", Critical, "still");
    world.run_for(secs(40));
    world.watch_as(giving_up(90), says(Critical, "still"));
    world.run_for(secs(20));
    assert_eq!(world.given_up("t"), [begin + secs(90)]);
}

#[test]
fn a_check_of_the_node_and_one_without_a_limit_give_nothing_up() {
    let mut world = World::new();
    world.watch(CheckDefinition { service_id: String::new(), ..giving_up(60) });
    world.watch(tcp("c"));
    world.run_for(secs(9));
    world.input(Input::Forget("c".into()));
    world.run_for(secs(600));
    assert!(world.given_up("t").is_empty() && world.given_up("c").is_empty());
}

#[test]
fn what_passes_is_never_given_up() {
    let mut world = World::new();
    world.watch_as(giving_up(60), says(Passing, ""));
    world.run_for(secs(3599));
    assert!(world.given_up("t").is_empty());
}
