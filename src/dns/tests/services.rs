//! Instances of a service.

use super::SOA;
use super::world::{EDNS, Manner, PLAIN, TCP, World, name, web};
use crate::dns::{Content, Kind, Record, ServiceTtls, Ttl};
use crate::model::{CheckStatus, ServiceSpec, Weights};
use std::collections::BTreeMap;
use std::time::Duration;

/// `n1` with `web` at its own address.
fn one() -> World {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    world.service("n1", web(80), &[]);
    world
}

fn at(address: &str, port: i64) -> ServiceSpec {
    ServiceSpec { address: address.to_owned(), ..web(port) }
}

#[test]
fn a_service_is_where_its_node_is_or_where_it_says() {
    let mut world = one();
    let heard = world.ask("Web.Service.consul", Kind::A);
    assert_eq!((heard.rcode(), heard.answers()), ("NOERROR", vec!["Web.Service.consul. 0 IN A 10.0.0.1".to_owned()]));
    let flags = heard.message.metadata;
    assert!(flags.authoritative && !flags.truncation && flags.recursion_desired && !flags.recursion_available);
    assert!(heard.authorities().is_empty() && heard.additionals().is_empty());
    world.service("n1", at("10.9.9.9", 80), &[]);
    assert_eq!(world.ask("web.service.dc1.consul", Kind::A).answers(), ["web.service.dc1.consul. 0 IN A 10.9.9.9"]);
}

#[test]
fn places_are_told_with_the_addresses_of_their_targets() {
    let mut world = one();
    let heard = world.ask("web.service.consul", Kind::Srv);
    assert_eq!(heard.answers(), ["web.service.consul. 0 IN SRV 1 1 80 n1.node.dc1.consul."]);
    assert_eq!(heard.additionals(), ["n1.node.dc1.consul. 0 IN A 10.0.0.1"]);
    world.service("n1", at("2001:db8::7", 80), &[]);
    let heard = world.ask("web.service.consul", Kind::Srv);
    assert_eq!(heard.answers(), ["web.service.consul. 0 IN SRV 1 1 80 20010db8000000000000000000000007.addr.dc1.consul."]);
    assert_eq!(heard.additionals(), ["20010db8000000000000000000000007.addr.dc1.consul. 0 IN AAAA 2001:db8::7"]);
}

#[test]
fn nodes_tell_their_meta_beside_a_place_once_and_only_if_they_should() {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[("rack", "r1")]);
    world.service("n1", at("10.0.0.5", 80), &[]);
    world.service("n1", at("10.0.0.5", 81), &[]);
    let txt = "n1.node.dc1.consul. 0 IN TXT rack=r1";
    let address = "0a000005.addr.dc1.consul. 0 IN A 10.0.0.5";
    let heard = world.ask("web.service.consul", Kind::Srv);
    assert_eq!((heard.answers().len(), heard.additionals()), (2, vec![address.to_owned(), txt.to_owned()]));
    assert!(world.ask("web.service.consul", Kind::A).additionals().is_empty());
    world.settings.node_meta_txt = false;
    assert_eq!(world.ask("web.service.consul", Kind::Srv).additionals(), [address]);
}

#[test]
fn two_on_one_node_are_one_address_but_two_places() {
    let mut world = one();
    world.service("n1", web(81), &[]);
    world.service("n1", ServiceSpec { id: "again".to_owned(), ..web(81) }, &[]);
    assert_eq!(world.ask("web.service.consul", Kind::A).answers().len(), 1);
    let heard = world.ask("web.service.consul", Kind::Srv);
    assert_eq!(heard.answers(), [80, 81].map(|port| format!("web.service.consul. 0 IN SRV 1 1 {port} n1.node.dc1.consul.")));
    assert_eq!(heard.additionals(), ["n1.node.dc1.consul. 0 IN A 10.0.0.1"]);
}

#[test]
fn weights_follow_the_checks_and_can_be_scaled() {
    let weighted = |passing, warning| ServiceSpec { weights: Weights { passing, warning }, ..web(80) };
    for (statuses, factor, expected) in
        [(&["passing"][..], 1, 9), (&["passing", "warning"], 1, 3), (&[], 256, 2304), (&["warning"], 65535, 65535)]
    {
        let mut world = one();
        world.settings.weight_factor = factor;
        world.service("n1", weighted(9, 3), statuses);
        let answers = world.ask("web.service.consul", Kind::Srv).answers();
        assert_eq!(answers, [format!("web.service.consul. 0 IN SRV 1 {expected} 80 n1.node.dc1.consul.")], "{statuses:?}");
    }
}

#[test]
fn whoever_is_critical_is_left_out_and_whoever_warns_if_so_configured() {
    let mut world = World::new();
    for (node, address, status) in [("n1", "10.0.0.1", "critical"), ("n2", "10.0.0.2", "warning"), ("n3", "10.0.0.3", "passing")] {
        world.node(node, address, &[]);
        world.service(node, web(80), &["passing", status]);
    }
    let found = |world: &mut World| world.ask("web.service.consul", Kind::A).answers();
    let of = |last: u8| format!("web.service.consul. 0 IN A 10.0.0.{last}");
    assert_eq!(found(&mut world), [of(2), of(3)]);
    world.settings.only_passing = true;
    assert_eq!(found(&mut world), [of(3)]);
    world.check_node("n3", CheckStatus::Critical);
    let heard = world.ask("web.service.consul", Kind::A);
    assert_eq!((heard.rcode(), heard.authorities()), ("NXDOMAIN", vec![SOA.to_owned()]));
}

#[test]
fn nobody_there_is_no_such_name() {
    let mut world = one();
    for (text, kind) in [("none.service.consul", Kind::A), ("none.service.consul", Kind::Srv), ("v3.web.service.consul", Kind::Txt)] {
        let heard = world.ask(text, kind);
        assert_eq!((heard.rcode(), heard.answers(), heard.authorities()), ("NXDOMAIN", vec![], vec![SOA.to_owned()]));
        assert!(heard.message.metadata.authoritative);
    }
}

#[test]
fn a_service_without_what_is_asked_for_says_so() {
    let mut world = one();
    for kind in [Kind::Aaaa, Kind::Other(15), Kind::Txt, Kind::Soa, Kind::Ns, Kind::Cname, Kind::Https] {
        let heard = world.ask("web.service.consul", kind);
        assert_eq!((heard.rcode(), heard.answers(), heard.authorities()), ("NOERROR", vec![], vec![SOA.to_owned()]), "{kind:?}");
    }
}

#[test]
fn both_families_answer_any() {
    let mut world = one();
    world.service("n1", at("2001:db8::7", 81), &[]);
    let answers = world.ask("web.service.consul", Kind::Any).answers();
    assert_eq!(answers, ["web.service.consul. 0 IN A 10.0.0.1", "web.service.consul. 0 IN AAAA 2001:db8::7"]);
}

#[test]
fn a_doubt_is_never_no_such_name() {
    let mut world = one();
    for text in ["web.service.consul", "none.service.consul", "n1.node.consul", "q.query.consul", "1.0.0.10.in-addr.arpa"] {
        let kind = if text.ends_with("arpa") { Kind::Ptr } else { Kind::A };
        let heard = world.ask_so(text, kind, Manner { known: false, ..EDNS });
        assert_eq!((heard.rcode(), heard.answers().len(), heard.authorities().len()), ("SERVFAIL", 0, 0), "{text}");
    }
}

#[test]
fn a_tag_chooses_in_any_case_and_may_have_dots() {
    let mut world = one();
    world.service("n1", ServiceSpec { tags: vec!["V1".to_owned(), "a.b".to_owned()], address: "10.0.0.5".to_owned(), ..web(81) }, &[]);
    for text in ["v1.web.service.consul", "V1.WEB.service.consul", "a.b.web.service.consul", "_web._v1.service.consul"] {
        let answers = world.ask(text, Kind::A).answers();
        assert_eq!(answers, [format!("{text}. 0 IN A 10.0.0.5")]);
    }
    assert_eq!(world.ask("_web._tcp.service.consul", Kind::Srv).answers().len(), 2);
    assert_eq!(world.ask("_web._tcp.consul", Kind::Srv).answers().len(), 2);
    assert_eq!(world.ask("_web._udp.consul", Kind::Srv).rcode(), "NXDOMAIN");
}

#[test]
fn a_service_registered_in_capitals_is_found_however_it_is_asked_for() {
    let mut world = one();
    world.service("n1", ServiceSpec::new("w", "Web"), &[]);
    world.service("n1", ServiceSpec { address: "10.0.0.9".to_owned(), ..ServiceSpec::new("d", "Db.Main") }, &[]);
    for asked in ["_Db.Main._tcp.service.consul.", "_db.main._tcp.service.consul.", "_DB.MAIN._TCP.service.consul."] {
        assert_eq!(world.ask(asked.trim_end_matches('.'), Kind::A).answers(), [format!("{asked} 0 IN A 10.0.0.9")]);
    }
    assert_eq!(world.ask("web.service.consul", Kind::A).answers(), ["web.service.consul. 0 IN A 10.0.0.1"]);
}

#[test]
fn an_address_that_is_a_name_is_an_alias_only_where_there_is_no_address() {
    let mut world = one();
    world.service("n1", at("www.example.test", 81), &[]);
    let heard = world.ask("web.service.consul", Kind::A);
    assert_eq!((heard.answers(), heard.alias), (vec!["web.service.consul. 0 IN A 10.0.0.1".to_owned()], None));
    let heard = world.ask("web.service.consul", Kind::Aaaa);
    assert_eq!(heard.answers(), ["web.service.consul. 0 IN CNAME www.example.test."]);
    assert_eq!(heard.alias, Some(name("www.example.test")));
    let targets = world.ask("web.service.consul", Kind::Srv);
    assert!(targets.answers().contains(&"web.service.consul. 0 IN SRV 1 1 81 www.example.test.".to_owned()));
    assert_eq!(targets.additionals(), ["n1.node.dc1.consul. 0 IN A 10.0.0.1"]);
}

#[test]
fn what_was_found_under_an_alias_stands_behind_it() {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    world.service("n1", at("www.example.test", 80), &[]);
    let record = |last: u8| Record {
        owner: name("www.example.test"),
        ttl: Ttl::of_secs(60),
        content: Content::Address([198, 51, 100, last].into()),
    };
    let followed: Vec<Record> = (1..=9).map(record).collect();
    let heard = world.ask_so("web.service.consul", Kind::A, Manner { followed: &followed, ..PLAIN });
    assert_eq!(heard.message.answers.len(), 1 + 5);
    assert_eq!(heard.message.answers[0].to_string(), "web.service.consul. 0 IN CNAME www.example.test.");
    assert_eq!(heard.message.answers[1].to_string(), "www.example.test. 60 IN A 198.51.100.1");
    assert_eq!(world.ask_so("web.service.consul", Kind::A, Manner { followed: &followed, ..EDNS }).message.answers.len(), 1 + 9);
}

#[test]
fn ttls_are_those_of_the_service() {
    let mut world = one();
    world.settings.service_ttl = ServiceTtls::from_iter([("web*".to_owned(), Duration::from_secs(20))]);
    assert_eq!(world.ask("web.service.consul", Kind::A).answers(), ["web.service.consul. 20 IN A 10.0.0.1"]);
    let heard = world.ask("WEB.service.consul", Kind::Srv);
    assert_eq!(heard.answers(), ["WEB.service.consul. 20 IN SRV 1 1 80 n1.node.dc1.consul."]);
    assert_eq!(heard.additionals(), ["n1.node.dc1.consul. 20 IN A 10.0.0.1"]);
}

#[test]
fn each_instance_comes_first_as_often_as_any_other() {
    let mut world = World::new();
    world.fleet(4, |n| format!("n{n}"));
    let mut firsts: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..4000 {
        let heard = world.ask_so("web.service.consul", Kind::A, TCP);
        assert_eq!(heard.message.answers.len(), 4);
        *firsts.entry(heard.message.answers[0].to_string()).or_default() += 1;
    }
    assert_eq!(firsts.len(), 4);
    assert!(firsts.values().all(|count| (850..1150).contains(count)), "{firsts:?}");
}

#[test]
fn places_that_cannot_be_written_are_left_out_or_told_by_address() {
    let mut world = World::new();
    world.node("has a.very..odd name", "10.0.0.1", &[]);
    world.service("has a.very..odd name", web(80), &[]);
    let heard = world.ask("web.service.consul", Kind::Srv);
    assert_eq!(heard.answers(), ["web.service.consul. 0 IN SRV 1 1 80 0a000001.addr.dc1.consul."]);
    assert_eq!(heard.additionals(), ["0a000001.addr.dc1.consul. 0 IN A 10.0.0.1"]);
    world.service("has a.very..odd name", web(70_000), &[]);
    world.service("has a.very..odd name", at("no name..", 90), &[]);
    assert_eq!(world.ask("web.service.consul", Kind::Srv).answers().len(), 1);
}
