//! How much is answered.

use super::world::{EDNS, Manner, PLAIN, TCP, World};
use crate::dns::{Cut, Kind, LONGEST_UDP};
use std::collections::BTreeSet;

fn fleet(count: usize) -> World {
    let mut world = World::new();
    world.fleet(count, |n| format!("a-rather-long-node-name-{n:04}"));
    world
}

const WEB: &str = "web.service.consul";

#[test]
fn a_plain_datagram_holds_three_of_many_and_says_so_only_if_configured() {
    let mut world = fleet(6);
    let heard = world.ask(WEB, Kind::A);
    assert_eq!((heard.answers().len(), heard.is_truncated(), heard.composed.cut), (3, false, Cut::Some));
    world.settings.enable_truncate = true;
    assert!(world.ask(WEB, Kind::A).is_truncated());
    world.settings.udp_answer_limit = 2;
    assert_eq!(world.ask(WEB, Kind::A).answers().len(), 2);
    world.settings.udp_answer_limit = 100;
    assert_eq!((world.ask(WEB, Kind::A).answers().len(), world.ask(WEB, Kind::A).is_truncated()), (6, false));
    assert_eq!((world.ask_so(WEB, Kind::A, TCP).answers().len(), world.ask_so(WEB, Kind::A, EDNS).answers().len()), (6, 6));
}

#[test]
fn no_more_than_eight_are_ever_sent_plainly_and_at_least_one() {
    let mut world = fleet(20);
    world.settings.udp_answer_limit = 100;
    assert_eq!(world.ask(WEB, Kind::A).answers().len(), 8);
    world.settings.udp_answer_limit = 0;
    assert_eq!(world.ask(WEB, Kind::A).answers().len(), 1);
    // A size of no more than 512 is as plain as none.
    assert_eq!(world.ask_so(WEB, Kind::A, Manner { edns: Some((512, &[])), ..PLAIN }).answers().len(), 1);
}

#[test]
fn every_instance_has_its_turn_among_the_three() {
    let mut world = fleet(6);
    let seen: BTreeSet<String> = (0..60).flat_map(|_| world.ask(WEB, Kind::A).answers()).collect();
    assert_eq!(seen.len(), 6);
}

#[test]
fn addresses_can_be_limited_however_they_are_asked_but_places_cannot() {
    let mut world = fleet(6);
    (world.settings.a_record_limit, world.settings.enable_truncate) = (2, true);
    for kind in [Kind::A, Kind::Any] {
        let heard = world.ask_so(WEB, kind, TCP);
        assert_eq!((heard.answers().len(), heard.is_truncated()), (2, false));
    }
    assert_eq!(world.ask_so(WEB, Kind::Srv, TCP).answers().len(), 6);
}

#[test]
fn an_answer_holds_as_many_as_fit_and_only_what_belongs_to_them() {
    let mut world = fleet(40);
    for size in [513, 600, 1200, 1232, 4096, 65_535] {
        let heard = world.ask_so(WEB, Kind::Srv, Manner { edns: Some((size, &[])), ..PLAIN });
        let (answers, extras) = (heard.message.answers.len(), heard.message.additionals.len());
        assert_eq!(answers, extras, "an address for each target");
        // Owner, type, class, TTL, length, three numbers, target; and the target's address behind a pointer.
        let each = (2 + 10 + 6 + 29 + 17) + (2 + 10 + 4);
        assert!(heard.bytes.len() + each > usize::from(size) || answers == 40, "{size}: another would have fit");
        assert!(answers > 0 && heard.bytes.len() <= usize::from(size).min(LONGEST_UDP));
    }
    assert_eq!(world.ask_so(WEB, Kind::Srv, TCP).message.answers.len(), 40);
}

#[test]
fn thousands_of_places_fill_a_stream_to_its_brim() {
    let mut world = fleet(2000);
    let heard = world.ask_so(WEB, Kind::Srv, TCP);
    assert_eq!(heard.message.answers.len(), heard.message.additionals.len());
    assert!(heard.bytes.len() > 65_000 && heard.composed.cut == Cut::Some, "{}", heard.bytes.len());
    let targets: BTreeSet<String> = heard.message.additionals.iter().map(|record| record.name.to_string()).collect();
    assert_eq!(targets.len(), heard.message.answers.len(), "addresses of targets that no pointer reaches are named, too");
}

#[test]
fn names_are_written_whole_where_they_should_be() {
    let mut world = fleet(2);
    let compressed = world.ask_so(WEB, Kind::Srv, EDNS);
    world.settings.disable_compression = true;
    let whole = world.ask_so(WEB, Kind::Srv, EDNS);
    assert_eq!((compressed.answers(), compressed.additionals()), (whole.answers(), whole.additionals()));
    assert!(whole.bytes.len() > compressed.bytes.len() + 80);
    assert!(whole.bytes.windows(2).all(|pair| pair[0] < 0xC0), "a pointer");
}

#[test]
fn the_first_place_is_told_even_if_its_company_has_no_room() {
    let mut world = World::new();
    let long = "x".repeat(500);
    world.node("n1", "10.0.0.1", &[("k", &long)]);
    world.service("n1", super::world::web(80), &[]);
    let heard = world.ask(WEB, Kind::Srv);
    assert_eq!((heard.answers().len(), heard.additionals().len()), (1, 1));
    assert_eq!(world.ask_so(WEB, Kind::Srv, EDNS).additionals().len(), 2);
}
