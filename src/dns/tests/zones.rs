//! The domain itself, addresses, prepared queries, others' names.

use super::SOA;
use super::world::{EDNS, PLAIN, World, web};
use crate::agent::query::Rows;
use crate::dns::{Composer, Domain, Found, Inquiry, Kind, Order, Plan, Recursion, Request, Soa, Transport, Ttl, question};
use crate::model::{ServiceSpec, Timestamp};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Duration;

fn world() -> World {
    let mut world = World::new();
    for (node, address) in [("s1", "10.0.0.1"), ("s2", "2001:db8::2"), ("s3", "10.0.0.3"), ("s4", "10.0.0.4"), ("s.5", "10.0.0.5")] {
        world.node(node, address, &[]);
        world.service(node, ServiceSpec::new("consul", "consul"), &["passing"]);
    }
    world.service("s4", ServiceSpec::new("consul", "consul"), &["critical"]);
    world
}

const SERVERS: [&str; 3] = ["s1", "s2", "s3"];

#[test]
fn the_zone_names_its_servers_and_where_they_are() {
    let mut world = world();
    let servers = SERVERS.map(|name| format!("consul. 0 IN NS {name}.node.dc1.consul."));
    let glue = ["s1.node.dc1.consul. 0 IN A 10.0.0.1", "s2.node.dc1.consul. 0 IN AAAA 2001:db8::2", "s3.node.dc1.consul. 0 IN A 10.0.0.3"];
    let heard = world.ask("consul", Kind::Ns);
    assert_eq!((heard.answers(), heard.additionals()), (servers.to_vec(), glue.map(str::to_owned).to_vec()));
    let heard = world.ask("consul", Kind::Soa);
    assert_eq!((heard.answers(), heard.authorities(), heard.additionals().len()), (vec![SOA.to_owned()], servers.to_vec(), 3));
}

#[test]
fn the_zone_is_there_without_its_servers() {
    let mut world = world();
    let unknown = super::world::Manner { known: false, ..EDNS };
    assert_eq!(world.ask_so("consul", Kind::Soa, unknown).answers(), [SOA]);
    assert_eq!(world.ask_so("consul", Kind::Ns, unknown).rcode(), "SERVFAIL");
    // It has no address: that is no doubt.
    let heard = world.ask_so("consul", Kind::A, unknown);
    assert_eq!((heard.rcode(), heard.authorities()), ("NOERROR", vec![SOA.to_owned()]));
}

#[test]
fn the_zones_record_is_as_configured() {
    let mut world = world();
    world.settings.soa = Soa { refresh: 1, retry: 2, expire: 3, min_ttl: Ttl::of_secs(60) };
    let heard = world.ask("none.service.consul", Kind::A);
    assert_eq!(heard.authorities(), ["consul. 60 IN SOA ns.consul. hostmaster.consul. 1700000000 1 2 3 60"]);
}

#[test]
fn names_of_no_form_are_no_names() {
    let mut world = world();
    for text in ["x.foo.consul", "service.consul", "node.consul", "ns.consul", "web.connect.consul", "consul.service.nowhere.consul"] {
        let heard = world.ask(text, Kind::A);
        assert_eq!((heard.rcode(), heard.answers(), heard.authorities()), ("NXDOMAIN", vec![], vec![SOA.to_owned()]), "{text}");
    }
}

#[test]
fn an_address_can_be_a_name() {
    let mut world = world();
    assert_eq!(world.ask("0A000005.addr.consul", Kind::A).answers(), ["0A000005.addr.consul. 0 IN A 10.0.0.5"]);
    let six = "20010db8000000000000000000000007.addr.dc2.consul";
    assert_eq!(world.ask(six, Kind::Aaaa).answers(), [format!("{six}. 0 IN AAAA 2001:db8::7")]);
    let heard = world.ask("0a000005.addr.consul", Kind::Aaaa);
    assert_eq!((heard.rcode(), heard.answers().len(), heard.additionals().len()), ("NOERROR", 0, 1));
    for text in ["0a0000.addr.consul", "0a00000g.addr.consul", "+a000005.addr.consul", "x.0a000005.addr.consul"] {
        assert_eq!(world.ask(text, Kind::A).rcode(), "NXDOMAIN", "{text}");
    }
}

#[test]
fn an_address_has_the_name_of_its_node_or_else_of_its_service() {
    let mut world = world();
    world.service("s1", ServiceSpec { address: "10.7.7.7".to_owned(), ..web(80) }, &["critical"]);
    let of = |world: &mut World, text: &str| {
        let heard = world.ask(text, Kind::Ptr);
        (heard.rcode(), heard.answers(), heard.message.metadata.authoritative)
    };
    let ptr = |text: &str, name: &str| ("NOERROR", vec![format!("{text}. 0 IN PTR {name}")], true);
    assert_eq!(of(&mut world, "1.0.0.10.in-addr.arpa"), ptr("1.0.0.10.in-addr.arpa", "s1.node.dc1.consul."));
    assert_eq!(of(&mut world, "7.7.7.10.in-addr.arpa"), ptr("7.7.7.10.in-addr.arpa", "web.service.dc1.consul."));
    let six = format!("2.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
    assert_eq!(of(&mut world, &six), ptr(&six, "s2.node.dc1.consul."));
    let heard = world.ask("9.9.9.9.in-addr.arpa", Kind::Ptr);
    assert_eq!((heard.rcode(), heard.authorities()), ("NXDOMAIN", vec![SOA.to_owned()]));
}

#[test]
fn others_names_are_the_recursors_or_refused() {
    let mut world = world();
    let heard = world.ask("www.example.test", Kind::A);
    assert_eq!((heard.rcode(), heard.answers(), heard.message.metadata.authoritative), ("REFUSED", vec![], false));
    world.settings.recursion = Recursion::Offered;
    let heard = world.ask("www.example.test", Kind::A);
    assert_eq!((heard.rcode(), heard.message.metadata.recursion_available), ("SERVFAIL", true));
    assert!(world.ask("none.node.consul", Kind::A).message.metadata.recursion_available);
}

#[test]
fn both_domains_hold_the_same_and_names_of_ours_lie_in_the_first() {
    let mut world = world();
    (world.settings.domain, world.settings.alt_domain) = (Domain::parse("corp").unwrap(), Some(Domain::parse("alt.test").unwrap()));
    world.service("s1", web(80), &[]);
    let heard = world.ask("web.service.alt.test", Kind::Srv);
    assert_eq!(heard.answers(), ["web.service.alt.test. 0 IN SRV 1 1 80 s1.node.dc1.corp."]);
    assert_eq!(heard.additionals(), ["s1.node.dc1.corp. 0 IN A 10.0.0.1"]);
    // Nobody believes a negative answer with the record of another zone.
    let soa = "alt.test. 0 IN SOA ns.alt.test. hostmaster.alt.test. 1700000000 3600 600 86400 0";
    assert_eq!(world.ask("none.service.alt.test", Kind::A).authorities(), [soa]);
    assert_eq!(world.ask("web.service.consul", Kind::A).rcode(), "REFUSED");
}

#[test]
fn a_prepared_query_answers_with_what_it_chose_in_its_order() {
    let mut world = world();
    assert_eq!(world.ask("q.query.consul", Kind::A).rcode(), "NXDOMAIN");
    world.fleet(3, |n| format!("n{n}"));
    let message = question(7, super::world::name("q.query.consul").as_name(), Kind::Srv);
    let request = Request::read(&message, Transport::Udp).unwrap();
    let plan = Plan::of(request.name, request.kind, &world.settings);
    assert_eq!(plan, Plan::PreparedQuery { name: "q".to_owned() });
    let query = crate::agent::query::Query::HealthService { service: "web".to_owned(), choice: Default::default() };
    let Rows::Instances(instances) = query.answer(&world.state).rows else { panic!("instances") };
    let executed =
        |ttl| Found::Executed { instances: &instances, service: "web", datacenter: "dc2", order: Order::AsFound, ttl, age: Duration::ZERO };
    let inquiry = Inquiry { settings: &world.settings, request: &request, plan: &plan, found: executed(Some(Ttl::of_secs(7))) };
    let mut composer = Composer::default();
    composer.choose(&inquiry, &mut ChaCha8Rng::seed_from_u64(3));
    let composed = composer.compose(&inquiry, &[], Timestamp::default());
    let heard = super::world::heard(&request, composer.message(), composed, None);
    let told: Vec<String> = heard.message.answers.iter().map(ToString::to_string).collect();
    assert_eq!(told, [0, 1, 2].map(|n| format!("q.query.consul. 7 IN SRV 1 1 80 n{n}.node.dc2.consul.")));
}

#[test]
fn the_name_of_a_zone_is_written_as_we_write_it() {
    let heard = world().ask_so("none.service.CONSUL", Kind::A, PLAIN);
    assert_eq!(heard.authorities(), [SOA]);
}
