//! The process does not run for a while, and holds it against nobody.

use super::world::{World, millis, says, secs, tcp, ttl};
use crate::health::{GRACE, STALL};
use crate::model::CheckDefinition;
use crate::model::CheckStatus::{Critical, Passing};

#[test]
fn runs_that_fell_due_meanwhile_are_spread_out() {
    let mut world = World::new();
    for n in 0..1000 {
        world.watch(tcp(&format!("c{n}")));
    }
    world.freeze(secs(3600));
    assert!(world.heard.is_empty(), "no herd");
    let thawed = world.now;
    world.run_for(secs(10));
    let mut tenths = [0; 10];
    for (at, _) in &world.heard {
        tenths[at.since(thawed).as_secs() as usize] += 1;
    }
    assert_eq!(world.heard.len(), 1000, "all within their interval");
    assert!(tenths.iter().all(|runs| (60..=140).contains(runs)), "{tenths:?}");
}

#[test]
fn after_a_short_outage_runs_catch_up_within_as_long() {
    let mut world = World::new();
    for n in 0..1000 {
        world.watch(tcp(&format!("c{n}")));
    }
    world.freeze(secs(3));
    let at_once = world.heard.len();
    assert!((50..=150).contains(&at_once), "what fell due within the last second starts: {at_once}");
    world.run_for(secs(3));
    let caught_up = world.heard.len() - at_once;
    assert!((400..=600).contains(&caught_up), "what was missed and what is due: {caught_up}");
}

#[test]
fn a_heartbeat_that_waited_meanwhile_is_heard_before_the_ttl_expires() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.heartbeat("t", Passing, "fine");
    world.freeze(secs(60));
    assert_eq!(world.changes("t").len(), 1, "not expired yet");
    world.run_for(GRACE - millis(1));
    world.heartbeat("t", Passing, "fine");
    world.run_for(secs(4));
    assert_eq!(world.changes("t").len(), 1);
}

#[test]
fn a_ttl_nobody_speaks_for_expires_soon_after_the_outage() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.heartbeat("t", Passing, "fine");
    world.freeze(secs(60));
    let thawed = world.now;
    world.run_for(secs(60));
    assert_eq!(world.changes("t")[1].0, thawed + GRACE);
}

#[test]
fn a_driver_that_is_a_little_late_gives_no_grace() {
    let mut world = World::new();
    world.watch_as(ttl("t", secs(5)), says(Passing, "fine"));
    world.freeze(secs(5) + STALL);
    assert_eq!(world.changes("t").len(), 1);
}

#[test]
fn the_failure_of_a_run_that_was_under_way_is_believed_the_second_time() {
    let mut world = World::new();
    world.watch_as(tcp("c"), says(Passing, "fine"));
    for believed in [0, 1] {
        let run = world.next_run("c");
        world.freeze(secs(60));
        world.done("c", run, says(Critical, "timeout"));
        assert_eq!(world.changes("c").len(), believed);
    }
}

#[test]
fn after_an_outage_the_time_to_giving_up_begins_anew() {
    let mut world = World::new();
    world.watch(CheckDefinition { deregister_after: Some(secs(90)), ..ttl("t", secs(3600)) });
    world.run_for(secs(60));
    world.freeze(secs(600));
    let thawed = world.now;
    assert!(world.given_up("t").is_empty());
    world.run_for(secs(120));
    assert_eq!(world.given_up("t"), [thawed + secs(90), thawed + secs(120)]);
}
