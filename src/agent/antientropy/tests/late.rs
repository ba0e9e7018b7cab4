//! Writes that were given up and arrive all the same.

use super::world::{Servers, World, secs};
use crate::agent::antientropy::{Input, Outcome, Output, RETRY_INTERVAL};
use crate::model::CheckStatus::{Critical, Passing};
use crate::model::Instant;
use crate::state::{CatalogCommand, WriteOrder};

fn orders(world: &World) -> Vec<(WriteOrder, CatalogCommand)> {
    let write = |(_, output): &(Instant, Output)| match output {
        Output::Write { order, command, .. } => Some((order.clone(), command.clone())),
        Output::Fetch(_) | Output::TakeTags { .. } | Output::Refused { .. } => None,
    };
    world.heard.iter().filter_map(write).collect()
}

/// One with a service whose check passes; what it said until then is forgotten.
fn passing() -> World {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.set("c1", Passing, "ok");
    world.heard.clear();
    world
}

/// The servers vanish while `change` is told; what was told then.
fn cut_off(world: &mut World, change: impl FnOnce(&mut World)) -> (WriteOrder, CatalogCommand) {
    world.servers = Servers::Fail;
    change(world);
    world.servers = Servers::Answer;
    orders(world).last().cloned().expect("it was told")
}

#[test]
fn a_status_that_was_given_up_does_not_come_after_a_newer_one() {
    let mut world = passing();
    let (order, command) = cut_off(&mut world, |world| world.set("c1", Critical, "no"));
    world.set("c1", Passing, "ok");
    assert_eq!(world.catalog.take(&order, &command), Outcome::Superseded { life: 1 });
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn what_was_given_up_and_is_not_wanted_any_more_is_superseded_before_the_catalog_is_believed() {
    let mut world = passing();
    let (order, command) = cut_off(&mut world, |world| {
        world.set("c1", Critical, "no");
        world.set("c1", Passing, "ok");
        world.deregister("db");
    });
    world.heard.clear();
    world.run_for(RETRY_INTERVAL * 2);
    assert!(matches!(&world.heard[..], [(_, Output::Write { .. }), (_, Output::Fetch(_)), ..]), "{:?}", world.heard);
    assert_eq!(world.catalog.take(&order, &command), Outcome::Superseded { life: 1 });
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn a_registration_that_was_given_up_does_not_bring_back_a_service_that_went() {
    let mut world = passing();
    let (order, command) = cut_off(&mut world, |world| {
        world.register_with("db", &[]);
    });
    world.deregister("db");
    world.run_for(RETRY_INTERVAL * 2);
    assert_eq!(world.catalog.take(&order, &command), Outcome::Superseded { life: 1 });
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn a_barrier_is_needed_once() {
    let mut world = passing();
    cut_off(&mut world, |world| world.set("c1", Critical, "no"));
    world.run_for(RETRY_INTERVAL * 2);
    world.heard.clear();
    world.run_for(secs(600));
    assert!(world.writes().is_empty() && !world.fetches().is_empty(), "{:?}", world.heard);
}

#[test]
fn a_barrier_that_is_lost_is_a_full_sync_that_failed() {
    let mut world = passing();
    cut_off(&mut world, |world| world.set("c1", Critical, "no"));
    world.servers = Servers::Fail;
    let before = world.machine.status().failed;
    world.run_for(RETRY_INTERVAL * 2);
    assert!(world.fetches().is_empty());
    assert!(world.machine.status().failed > before);
}

#[test]
fn an_agent_that_was_restarted_reads_nothing_before_its_last_life_is_over() {
    let mut before = passing();
    let (order, command) = cut_off(&mut before, |world| world.set("c1", Critical, "no"));
    let mut world = World::begun(2, secs(300), 7);
    (world.view, world.catalog) = (before.view, before.catalog);
    world.set("c1", Passing, "ok");
    world.heard.clear();
    let mut idle = World::begun(2, secs(300), 7);
    idle.run_for(secs(0));
    assert!(matches!(&idle.heard[..], [(_, Output::Write { .. }), (_, Output::Fetch(_)), ..]), "{:?}", idle.heard);
    assert_eq!(world.catalog.take(&order, &command), Outcome::Superseded { life: 2 });
}

#[test]
fn a_node_that_was_removed_by_hand_comes_back_in_a_new_life_with_all_that_is_here() {
    let mut world = passing();
    world.catalog.remove_node();
    world.set("c1", Critical, "no");
    world.run_for(secs(0));
    assert_eq!(world.catalog, world.wanted());
    assert_eq!(orders(&world).iter().map(|(order, _)| order.life).collect::<Vec<_>>()[..2], [1, 2]);
}

#[test]
fn a_restored_data_directory_is_put_right_by_the_first_answer() {
    let mut world = World::begun(1, secs(300), 7);
    let newer = WriteOrder { node: crate::model::NodeId::from_u128(1), life: 5, number: 9, open: Vec::new() };
    world.catalog.taken.push(newer);
    world.register_with("web", &["c1"]);
    world.run_for(secs(0));
    assert_eq!(world.catalog, world.wanted());
    assert_eq!(orders(&world).last().unwrap().0.life, 6);
}

#[test]
fn every_write_names_those_that_are_waited_for_and_no_others() {
    let mut world = World::settled();
    world.servers = Servers::Hang;
    for service in ["a", "b", "c"] {
        world.register_with(service, &[]);
    }
    let sent = orders(&world);
    let numbers: Vec<u64> = sent.iter().map(|(order, _)| order.number).collect();
    assert_eq!(sent[2].0.open, numbers[..2]);
    let writes = world.write_ids();
    world.input(Input::Written { write: writes[0], outcome: Outcome::Done });
    world.input(Input::Written { write: writes[1], outcome: Outcome::Unknown });
    world.input(Input::Written { write: writes[2], outcome: Outcome::Done });
    let last = orders(&world).last().unwrap().0.clone();
    assert_eq!((last.number, last.open), (numbers[2] + 1, Vec::new()), "what was given up is written again");
}
