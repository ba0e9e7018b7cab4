//! What changes here is written there at once.

use super::world::{Servers, World, secs, tagged};
use crate::agent::antientropy::{CONFIRMED, Input, MAX_CHECKS_OF_A_WRITE, MAX_UNDER_WAY, Outcome, Output};
use crate::agent::local::Touched;
use crate::model::CheckStatus::{Critical, Passing};
use crate::model::{ServiceSpec, TagAuthority};
use crate::state::{CatalogCommand, NodeUpdate};
use std::time::Duration;

#[test]
fn a_registration_is_one_write_with_its_checks_at_once() {
    let mut world = World::settled();
    world.register_with("web", &["c1", "c2"]);
    assert_eq!(world.catalog, world.wanted());
    match &world.writes()[..] {
        [CatalogCommand::Register { update: NodeUpdate::Skip, service: Some(_), checks, .. }] => assert_eq!(checks.len(), 2),
        other => panic!("{other:?}"),
    }
    assert!(world.machine.is_attempted(&Touched::Service("web".into())));
}

#[test]
fn a_status_is_written_without_its_service() {
    let mut world = World::settled();
    world.register_with("web", &["c1", "c2"]);
    world.heard.clear();
    world.set("c1", Passing, "ok");
    match &world.writes()[..] {
        [CatalogCommand::Register { service: None, checks, .. }] => assert_eq!(checks.len(), 1),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn a_deregistration_removes_the_checks_with_one_write() {
    let mut world = World::settled();
    world.register_with("web", &["c1", "c2"]);
    world.check("", "node");
    world.heard.clear();
    world.deregister("web");
    assert!(matches!(&world.writes()[..], [CatalogCommand::DeregisterService { service, .. }] if service == "web"));
    world.view.checks.remove("node");
    world.tell(vec![Touched::Check("node".into())]);
    assert!(matches!(&world.writes()[1..], [CatalogCommand::DeregisterCheck { check, .. }] if check == "node"));
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn what_the_catalog_holds_already_is_not_written_again() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.heard.clear();
    world.register_with("web", &["c1"]);
    world.run_for(secs(600));
    assert!(world.writes().is_empty());
    assert!(world.fetches().len() >= 4);
}

#[test]
fn a_registration_made_again_later_brings_back_what_was_removed_by_hand() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.run_for(CONFIRMED);
    world.catalog.services.clear();
    world.catalog.checks.clear();
    world.heard.clear();
    world.register_with("web", &["c1"]);
    assert_eq!(world.catalog, world.wanted());
    assert!(world.fetches().is_empty());
}

#[test]
fn a_changed_registration_brings_its_checks_back_too() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.catalog.services.clear();
    world.catalog.checks.clear();
    world.register(tagged("web", &["again"], TagAuthority::Agent));
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn writes_are_few_at_once_and_never_two_about_one_thing() {
    let mut world = World::settled();
    world.servers = Servers::Hang;
    for n in 0..20 {
        world.register_with(&format!("s{n:02}"), &[]);
    }
    assert_eq!(world.writes().len(), MAX_UNDER_WAY);
    world.register(tagged("s00", &["newer"], TagAuthority::Agent));
    assert_eq!(world.writes().len(), MAX_UNDER_WAY, "s00 is under way");
    assert!(!world.machine.is_attempted(&Touched::Service("s00".into())));
    world.servers = Servers::Answer;
    for (write, command) in world.write_ids().into_iter().zip(world.writes()) {
        let outcome = world.catalog.apply(&command);
        world.input(Input::Written { write, outcome });
    }
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn many_checks_are_several_writes() {
    let mut world = World::settled();
    let names: Vec<String> = (0..MAX_CHECKS_OF_A_WRITE * 2 + 10).map(|n| format!("c{n:03}")).collect();
    world.register_with("web", &names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(world.writes().len(), 3);
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn another_output_waits_and_further_ones_do_not_put_it_off() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.heard.clear();
    let begin = world.now;
    let mut n = 0;
    while world.writes().is_empty() {
        n += 1;
        world.set("c1", Critical, &format!("output {n}"));
        world.run_for(secs(1));
        assert!(n < 1000, "never told");
    }
    let waited = world.now.since(begin);
    assert!(waited >= secs(150) && waited <= secs(452), "{waited:?}");
    assert!(world.fetches().len() >= 2, "full syncs on the way do not tell it either");
    assert_eq!(world.catalog.checks["c1"].output, format!("output {n}"), "what is told is the last");
}

#[test]
fn a_status_tells_the_output_that_waited() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.set("c1", Critical, "why");
    world.set("c1", Passing, "ok");
    assert_eq!(world.machine.status().deferred, 0);
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn without_an_interval_outputs_are_told_at_once() {
    let mut world = World::with_update_interval(Duration::ZERO);
    world.run_for(Duration::ZERO);
    world.register_with("web", &["c1"]);
    world.set("c1", Critical, "why");
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn the_node_is_written_when_it_changes() {
    let mut world = World::settled();
    let mut node = super::world::node();
    node.meta.insert("rack".to_owned(), "r7".to_owned());
    world.input(Input::Node(node.clone()));
    assert_eq!(world.catalog.node, Some(node.clone()));
    world.heard.clear();
    world.input(Input::Node(node));
    assert!(world.writes().is_empty());
}

#[test]
fn a_service_with_a_token_of_its_own_is_written_with_it() {
    let mut world = World::settled();
    let spec = ServiceSpec::new("web", "web");
    let service = crate::agent::local::LocalService { spec, origin: crate::agent::local::Origin::File, token: "t".to_owned() };
    world.view.services.insert("web".into(), std::sync::Arc::new(service));
    world.tell(vec![Touched::Service("web".into())]);
    assert!(matches!(&world.heard[0].1, Output::Write { token, .. } if token == "t"));
    let late = world.write_ids()[0];
    world.input(Input::Written { write: late, outcome: Outcome::Unknown });
    assert_eq!(world.machine.status().waiting, 0, "a write is over once");
}
