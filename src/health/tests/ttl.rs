//! Checks that wait to be told.

use super::world::{World, millis, says, secs, ttl, unheard};
use crate::health::Input;
use crate::model::CheckStatus::{Critical, Passing, Warning};
use crate::model::Machine;

#[test]
fn a_silent_check_turns_critical_at_exactly_its_ttl() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.run_for(secs(2));
    let told = world.now;
    world.heartbeat("t", Passing, "fine");
    world.run_for(secs(60));
    let text = "TTL expired (last output before timeout follows): fine";
    assert_eq!(world.changes("t"), [(told, says(Passing, "fine")), (told + secs(5), says(Critical, text))]);
}

#[test]
fn a_check_nobody_ever_spoke_for_says_so() {
    let mut world = World::new();
    let begin = world.now;
    world.watch_as(ttl("t", secs(5)), says(Passing, ""));
    world.run_for(secs(20));
    let text = "TTL expired (last output before timeout follows): ";
    assert_eq!(world.changes("t"), [(begin + secs(5), says(Critical, text))]);
}

#[test]
fn a_thousand_heartbeats_a_second_say_nothing_and_move_no_timer() {
    let mut world = World::new();
    world.watch(ttl("t", secs(10)));
    world.heartbeat("t", Passing, "fine");
    let (said, due) = (world.heard.len(), world.machine.poll_timeout());
    for _ in 0..5000 {
        world.run_for(millis(1));
        world.heartbeat("t", Passing, "fine");
        assert_eq!(world.machine.poll_timeout(), due);
    }
    assert_eq!(world.heard.len(), said);
    let last = world.now;
    world.run_for(secs(30));
    assert_eq!(world.changes("t").last().unwrap().0, last + secs(10), "the last heartbeat counts");
}

#[test]
fn a_heartbeat_brings_an_expired_check_back() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.run_for(secs(9));
    world.heartbeat("t", Warning, "back");
    world.run_for(secs(4));
    assert_eq!(world.machine.verdict("t"), Some(&says(Warning, "back")));
    world.run_for(secs(1));
    assert_eq!(world.machine.verdict("t").unwrap().status, Critical);
}

#[test]
fn a_check_that_is_told_to_be_critical_expires_too() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.heartbeat("t", Critical, "broken");
    world.run_for(secs(5));
    assert_eq!(world.machine.verdict("t").unwrap().output, "TTL expired (last output before timeout follows): broken");
}

#[test]
fn what_is_left_of_a_ttl_can_be_remembered() {
    let mut world = World::new();
    world.watch(ttl("t", secs(10)));
    world.run_for(secs(7));
    assert_eq!(world.machine.left(world.now, "t"), Some(secs(3)));
    world.run_for(secs(60));
    assert_eq!(world.machine.left(world.now, "t"), None);
}

#[test]
fn a_registration_begins_the_ttl_anew() {
    let mut world = World::new();
    world.watch(ttl("t", secs(5)));
    world.heartbeat("t", Passing, "fine");
    world.run_for(secs(4));
    let again = world.now;
    world.watch_as(ttl("t", secs(5)), says(Passing, "fine"));
    world.run_for(secs(20));
    assert_eq!(world.changes("t")[1].0, again + secs(5));
}

#[test]
fn long_news_is_cut() {
    let mut world = World::new();
    let mut check = ttl("t", secs(5));
    check.output_limit = Some(4);
    world.watch(check);
    world.heartbeat("t", Passing, "wordy");
    assert_eq!(world.machine.verdict("t"), Some(&says(Passing, "word ... (captured 4 of 5 bytes)")));
    world.input(Input::OutputLimit(2));
    world.heartbeat("t", Passing, "words");
    assert_eq!(
        world.machine.verdict("t"),
        Some(&says(Passing, "wo ... (captured 2 of 5 bytes)")),
        "no check gets more than the agent gives"
    );
}

#[test]
fn what_is_run_takes_no_heartbeat() {
    let mut world = World::new();
    world.watch(super::world::tcp("c"));
    world.heartbeat("c", Passing, "from outside");
    assert_eq!(world.machine.verdict("c"), Some(&unheard()));
}
