//! Everything is compared now and then.

use super::world::{Servers, World, node, secs, tagged};
use crate::agent::antientropy::{CONSUL_SERVICE, FOUND_STAGGER, FULL_INTERVAL, Input, Outcome, Output};
use crate::agent::local::Touched;
use crate::model::{Machine, NodeId, ServiceSpec, TagAuthority};
use crate::state::checks::CheckSpec;

#[test]
fn what_is_wrong_by_hand_is_put_right_by_the_next_full_sync() {
    let mut world = World::settled();
    world.register_with("web", &["c1"]);
    world.register_with("db", &["c2"]);
    let right = world.catalog.clone();
    world.catalog.services.remove("web");
    world.catalog.checks.clear();
    world.catalog.services.get_mut("db").unwrap().port = 99;
    world.catalog.node.as_mut().unwrap().address = "10.9.9.9".to_owned();
    world.catalog.services.insert("stray".to_owned(), ServiceSpec::new("stray", "stray"));
    world.catalog.checks.insert("stray".to_owned(), CheckSpec { service_id: "stray".to_owned(), ..CheckSpec::serf_alive() });
    world.catalog.checks.insert("lone".to_owned(), CheckSpec { id: "lone".to_owned(), ..CheckSpec::serf_alive() });
    world.heard.clear();
    world.run_for(FULL_INTERVAL * 2);
    assert_eq!(world.catalog, right);
    assert_eq!(world.writes().len(), 4, "one a service, one a check: {:?}", world.writes());
}

#[test]
fn the_leaders_own_are_left_alone() {
    let mut world = World::settled();
    world.catalog.services.insert(CONSUL_SERVICE.to_owned(), ServiceSpec::new(CONSUL_SERVICE, CONSUL_SERVICE));
    world.catalog.checks.insert("serfHealth".to_owned(), CheckSpec::serf_alive());
    let before = world.catalog.clone();
    world.run_for(secs(600));
    assert_eq!(world.catalog, before);
    assert!(world.writes().is_empty());
}

#[test]
fn full_syncs_come_every_one_to_two_minutes() {
    let mut world = World::settled();
    world.run_for(secs(3600));
    let times: Vec<_> = world.fetches().iter().map(|(at, _)| *at).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    assert!(gaps.iter().all(|gap| *gap >= FULL_INTERVAL && *gap <= FULL_INTERVAL * 2), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap > FULL_INTERVAL * 3 / 2) && gaps.iter().any(|gap| *gap < FULL_INTERVAL * 3 / 2));
}

#[test]
fn a_large_pool_is_synced_less_often() {
    let mut world = World::settled();
    world.input(Input::Members(1000));
    world.run_for(secs(7200));
    let times: Vec<_> = world.fetches().iter().skip(1).map(|(at, _)| *at).collect();
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= FULL_INTERVAL * 4));
}

#[test]
fn fifty_agents_that_find_a_server_do_not_come_at_once() {
    let mut thirds = [0; 3];
    for seed in 0..300 {
        let mut world = World::seeded(secs(300), seed);
        world.run_for(secs(0));
        world.heard.clear();
        let begin = world.now;
        world.input(Input::ServerFound);
        world.run_for(FOUND_STAGGER);
        let (at, _) = world.fetches()[0];
        thirds[at.since(begin).as_secs() as usize] += 1;
    }
    assert!(thirds.iter().all(|third| (70..=130).contains(third)), "{thirds:?}");
}

#[test]
fn the_catalogs_tags_are_taken_where_it_decides_and_put_right_where_it_does_not() {
    let mut world = World::settled();
    world.register(tagged("ours", &["a"], TagAuthority::Agent));
    world.register(tagged("theirs", &["a"], TagAuthority::Catalog));
    world.run_for(secs(0));
    assert_eq!(world.catalog, world.wanted());
    for service in world.catalog.services.values_mut() {
        service.tags = vec!["b".to_owned()];
    }
    world.run_for(FULL_INTERVAL * 2);
    assert_eq!(world.catalog.services["ours"].tags, ["a"]);
    assert_eq!(world.catalog.services["theirs"].tags, ["b"]);
    let taken = Output::TakeTags { service: "theirs".into(), tags: vec!["b".to_owned()] };
    assert!(world.heard.iter().any(|(_, output)| *output == taken));
    let next = world.machine.poll_timeout().unwrap().at;
    world.run_for(next.since(world.now));
    let fetches = world.fetches().len();
    world.register(tagged("theirs", &["b"], TagAuthority::Catalog));
    world.run_for(secs(0));
    assert_eq!(world.fetches().len(), fetches, "the tags that were taken are no news");
}

#[test]
fn a_change_of_a_service_keeps_the_tags_that_the_catalog_decided() {
    let mut world = World::settled();
    world.register(tagged("theirs", &["a"], TagAuthority::Catalog));
    world.run_for(secs(0));
    world.catalog.services.get_mut("theirs").unwrap().tags = vec!["b".to_owned()];
    world.register(ServiceSpec { port: 80, ..tagged("theirs", &["a"], TagAuthority::Catalog) });
    assert!(!world.machine.is_attempted(&Touched::Service("theirs".into())));
    world.run_for(secs(0));
    let row = &world.catalog.services["theirs"];
    assert_eq!((row.port, row.tags.as_slice()), (80, ["b".to_owned()].as_slice()));
    assert!(world.machine.is_attempted(&Touched::Service("theirs".into())));
}

#[test]
fn nothing_is_removed_from_a_node_of_another_identity() {
    let mut world = World::new();
    let foreign = crate::state::nodes::NodeSpec { id: Some(NodeId::from_u128(99)), ..node() };
    world.catalog.node = Some(foreign);
    world.catalog.services.insert("other".to_owned(), ServiceSpec::new("other", "other"));
    world.register_with("web", &["c1"]);
    let before = world.catalog.clone();
    world.run_for(secs(600));
    assert_eq!(world.catalog, before);
    world.catalog = Default::default();
    world.run_for(secs(300));
    assert_eq!(world.catalog, world.wanted(), "the name is free, and ours");
}

#[test]
fn what_is_read_while_it_is_written_does_not_count() {
    let mut world = World::settled();
    world.servers = Servers::Hang;
    world.run_for(FULL_INTERVAL * 2);
    let (_, fetch) = world.fetches()[0];
    let stale = world.catalog.whole();
    world.servers = Servers::Answer;
    world.register_with("web", &["c1"]);
    world.heard.clear();
    world.input(Input::Fetched { fetch, found: stale });
    assert!(world.writes().is_empty(), "it was written after it was read");
    assert_eq!(world.catalog, world.wanted());
}

#[test]
fn an_answer_to_an_earlier_fetch_is_nothing() {
    let mut world = World::settled();
    world.register_with("web", &[]);
    let fetch = crate::agent::antientropy::Fetch(1);
    world.input(Input::Fetched { fetch, found: None });
    world.input(Input::FetchFailed(fetch));
    assert_eq!((world.machine.status().full, world.machine.status().failed), (1, 0));
}

#[test]
fn what_is_refused_is_said_once_and_tried_again_by_the_next_full_sync() {
    let mut world = World::settled();
    world.servers = Servers::Hang;
    world.register_with("web", &[]);
    world.input(Input::Written { write: world.write_ids()[0], outcome: Outcome::Refused("no".to_owned()) });
    assert_eq!(world.machine.status().refused, 1);
    for _ in 0..3 {
        world.run_for(FULL_INTERVAL * 2);
        let (_, fetch) = *world.fetches().last().unwrap();
        world.input(Input::Fetched { fetch, found: world.catalog.whole() });
        world.input(Input::Written { write: *world.write_ids().last().unwrap(), outcome: Outcome::Refused("no".to_owned()) });
    }
    assert_eq!(world.writes().len(), 4);
    assert_eq!(world.heard.iter().filter(|(_, output)| matches!(output, Output::Refused { .. })).count(), 1);
}
