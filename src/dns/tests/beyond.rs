//! What Consul has not: SVCB and HTTPS, reasons, browsing; and subnets and cookies.

use super::world::{EDNS, Heard, Manner, PLAIN, World, pairs, web};
use crate::dns::{CookieSecret, Kind, Name, Request, Transport};
use crate::model::ServiceSpec;
use std::time::Duration;

fn world() -> World {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    world.service("n1", ServiceSpec { meta: pairs(&[("alpn", "h2, http/1.1")]), ..web(8443) }, &[]);
    world.service("n1", ServiceSpec { meta: pairs(&[("alpn", "h3")]), address: "2001:db8::7".to_owned(), ..web(8444) }, &[]);
    world.service("n1", web(80), &[]);
    world
}

#[test]
fn instances_that_say_their_protocols_are_told_with_them() {
    let mut world = world();
    let told = [
        "1 20010db8000000000000000000000007.addr.dc1.consul. alpn=h3 port=8444 ipv6hint=2001:db8::7",
        "1 n1.node.dc1.consul. alpn=h2,http/1.1 port=8443 ipv4hint=10.0.0.1",
    ];
    for (kind, word) in [(Kind::Https, "HTTPS"), (Kind::Svcb, "SVCB")] {
        let heard = world.ask_so("web.service.consul", kind, EDNS);
        let answers: Vec<String> = heard.answers().iter().map(|answer| answer.replace(", ", ",").replace([',', ' '], " ")).collect();
        let expected = told.map(|told| format!("web.service.consul. 0 IN {word} {told}").replace(',', " "));
        let squeezed =
            |texts: &[String]| texts.iter().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
        assert_eq!(squeezed(&answers), squeezed(&expected));
        assert_eq!(heard.additionals().len(), 2);
    }
}

#[test]
fn protocols_that_cannot_be_written_are_none() {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    for (port, alpn) in [(1, ""), (2, "h2,,h3"), (3, &*"x".repeat(256)), (4, &*"h2,".repeat(400))] {
        world.service("n1", ServiceSpec { meta: pairs(&[("alpn", alpn)]), ..web(port) }, &[]);
    }
    let heard = world.ask("web.service.consul", Kind::Https);
    assert_eq!((heard.rcode(), heard.answers().len(), heard.authorities().len()), ("NOERROR", 0, 1));
}

/// The extended error's code and text.
fn reason(heard: &Heard) -> Option<(u16, String)> {
    let option = option(heard, 15)?;
    Some((u16::from_be_bytes([option[0], option[1]]), String::from_utf8(option[2..].to_vec()).unwrap()))
}

/// An option of the OPT record that ends an answer.
fn option(heard: &Heard, code: u16) -> Option<Vec<u8>> {
    use hickory_proto::rr::rdata::opt::EdnsCode;
    use hickory_proto::serialize::binary::BinEncodable;
    let option = heard.message.edns.as_ref()?.option(EdnsCode::from(code))?;
    Some(option.to_bytes().unwrap())
}

#[test]
fn an_empty_answer_says_why() {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[]);
    (1..=3).for_each(|port| world.service("n1", web(port), &["critical"]));
    for (text, code, why) in [
        ("web.service.consul", 0, "3 instances, none passing"),
        ("none.service.consul", 0, "no instance of none is registered"),
        ("v1.web.service.consul", 0, "no instance of web has the tag v1"),
        ("n9.node.consul", 0, "no node n9 is registered"),
        ("x.consul", 0, "no name of ours has this form"),
        ("web.service.dc9.consul", 0, "no datacenter dc9 is known"),
        ("www.example.test", 20, "not a name of ours, and there are no recursors"),
    ] {
        let heard = world.ask_so(text, Kind::A, EDNS);
        assert_eq!(reason(&heard), Some((code, why.to_owned())), "{text}");
    }
    let heard = world.ask_so("web.service.consul", Kind::A, Manner { known: false, ..EDNS });
    assert_eq!(reason(&heard), Some((22, "no server answers".to_owned())));
    assert_eq!(reason(&world.ask_so("n1.node.consul", Kind::A, EDNS)), None);
}

#[test]
fn an_answer_from_before_contact_was_lost_says_so() {
    let mut world = world();
    let aged = |secs| Manner { age: Duration::from_secs(secs), ..EDNS };
    assert_eq!(reason(&world.ask_so("web.service.consul", Kind::A, aged(5))), None);
    let heard = world.ask_so("web.service.consul", Kind::A, aged(61));
    assert_eq!((heard.answers().len(), reason(&heard)), (1, Some((3, "as of 61 s ago: no server answers".to_owned()))));
    assert_eq!(reason(&world.ask_so("none.service.consul", Kind::A, aged(61))).map(|(code, _)| code), Some(19));
}

#[test]
fn a_reason_that_has_no_room_is_left_out() {
    let mut world = World::new();
    let label = "x".repeat(62);
    let long = format!("{label}.{label}.{label}.node.consul");
    let heard = world.ask_so(&long, Kind::A, Manner { edns: Some((512, &[])), ..PLAIN });
    assert_eq!(heard.rcode(), "NXDOMAIN");
    assert!(reason(&heard).is_none_or(|(_, why)| why.len() <= 160));
}

#[test]
fn the_askers_subnet_comes_back_and_no_answer_is_for_it_alone() {
    let mut world = world();
    let subnet = [0, 8, 0, 7, 0, 1, 24, 0, 198, 51, 100];
    let heard = world.ask_so("web.service.consul", Kind::A, Manner { edns: Some((1232, &subnet)), ..PLAIN });
    assert!(heard.bytes.windows(11).any(|window| window == subnet));
    assert_eq!(heard.message.edns.as_ref().map(|edns| edns.max_payload()), Some(1232));
    let heard = world.ask_so("q.query.consul", Kind::A, Manner { edns: Some((1232, &subnet)), ..PLAIN });
    let scoped = [0, 8, 0, 7, 0, 1, 24, 24, 198, 51, 100];
    assert!(heard.bytes.windows(11).any(|window| window == scoped));
}

#[test]
fn a_cookie_that_was_made_is_sent() {
    let secret = CookieSecret::new([7; 16]);
    let message = b"\0\x01\x01\0\0\x01\0\0\0\0\0\x01\x06consul\0\0\x06\0\x01\0\0\x29\x10\0\0\0\0\0\0\x0c\0\x0a\0\x08ABCDEFGH";
    let mut request = Request::read(message, Transport::Udp).unwrap();
    let cookie = request.edns.unwrap().cookie.unwrap();
    let full = secret.make(cookie.client, "10.0.0.9".parse().unwrap(), 1);
    request.cookie = Some(full);
    let world = World::new();
    let plan = crate::dns::Plan::of(request.name, request.kind, &world.settings);
    let inquiry = crate::dns::Inquiry { settings: &world.settings, request: &request, plan: &plan, found: crate::dns::Found::Unknown };
    let mut composer = crate::dns::Composer::default();
    composer.compose(&inquiry, &[], crate::model::Timestamp::default());
    assert!(composer.message().windows(24).any(|window| window == full.as_bytes()));
}

#[test]
fn services_can_be_browsed_down_to_one_instance() {
    let mut world = world();
    let heard = world.ask("_services._dns-sd._udp.consul", Kind::Ptr);
    assert_eq!(heard.answers(), ["_services._dns-sd._udp.consul. 0 IN PTR _web._tcp.consul."]);
    assert_eq!(world.ask("lb._dns-sd._udp.consul", Kind::Ptr).answers(), ["lb._dns-sd._udp.consul. 0 IN PTR consul."]);
    let heard = world.ask("_web._tcp.consul", Kind::Ptr);
    let instances = heard.answers();
    assert_eq!(instances.len(), 3);
    assert!(instances.contains(&"_web._tcp.consul. 0 IN PTR web-8443\\@n1._web._tcp.consul.".to_owned()), "{instances:?}");
    let one = Name::read(b"\x0bweb-8443@n1\x04_web\x04_tcp\x06consul\x00").unwrap();
    let srv = world.ask_name(one, Kind::Srv, PLAIN).answers();
    assert_eq!(srv, ["web-8443\\@n1._web._tcp.consul. 0 IN SRV 1 1 8443 n1.node.dc1.consul."]);
    let txt = world.ask_name(one, Kind::Txt, PLAIN).answers();
    assert_eq!(txt, ["web-8443\\@n1._web._tcp.consul. 0 IN TXT alpn=h2, http/1.1"]);
    let none = Name::read(b"\x07none@n1\x04_web\x04_tcp\x06consul\x00").unwrap();
    assert_eq!(world.ask_name(none, Kind::Srv, PLAIN).rcode(), "NXDOMAIN");
}
