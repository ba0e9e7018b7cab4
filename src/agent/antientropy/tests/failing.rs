//! Nobody answers.

use super::world::{Servers, World, secs};
use crate::agent::antientropy::{FOUND_STAGGER, Input, RETRY_INTERVAL};
use crate::agent::local::Touched;
use crate::model::CheckStatus::Passing;

#[test]
fn a_full_sync_that_fails_is_tried_again_after_fifteen_to_thirty_seconds() {
    let mut world = World::new();
    world.servers = Servers::Fail;
    world.run_for(secs(600));
    let times: Vec<_> = world.fetches().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| *gap >= RETRY_INTERVAL && *gap <= RETRY_INTERVAL * 2), "{gaps:?}");
    assert_eq!(world.machine.status().failed, times.len() as u64);
}

#[test]
fn a_registration_is_tried_once_and_waits_for_the_next_full_sync() {
    let mut world = World::settled();
    world.servers = Servers::Fail;
    world.register_with("web", &["c1"]);
    assert!(world.machine.is_attempted(&Touched::Service("web".into())), "there is nothing to wait for");
    assert_eq!(world.writes().len(), 1);
    world.register_with("db", &[]);
    assert_eq!(world.writes().len(), 2, "what is new is tried at once, and alone");
    world.servers = Servers::Answer;
    world.run_for(RETRY_INTERVAL * 2);
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn a_write_that_succeeds_takes_along_what_was_held_back() {
    let mut world = World::settled();
    world.servers = Servers::Fail;
    world.register_with("web", &["c1"]);
    world.servers = Servers::Answer;
    world.register_with("db", &[]);
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn a_server_that_is_found_is_told_everything_within_three_seconds() {
    let mut world = World::settled();
    world.servers = Servers::Fail;
    world.register_with("web", &["c1"]);
    world.set("c1", Passing, "ok");
    world.run_for(secs(5));
    world.servers = Servers::Answer;
    world.input(Input::ServerFound);
    world.run_for(FOUND_STAGGER);
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn ten_minutes_without_servers_cost_few_requests_and_nothing_is_forgotten() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.servers = Servers::Fail;
    world.heard.clear();
    world.deregister("web");
    world.register_with("db", &["c2"]);
    world.run_for(secs(600));
    assert!(world.heard.len() < 60, "{}", world.heard.len());
    world.servers = Servers::Answer;
    world.run_for(RETRY_INTERVAL * 2);
    assert_eq!(world.catalog, world.wanted());
}
