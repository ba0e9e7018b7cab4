//! Nodes.

use super::SOA;
use super::world::{PLAIN, World, name};
use crate::dns::{Kind, Ttl};

fn world() -> World {
    let mut world = World::new();
    world.node("n1", "10.0.0.1", &[("key", "value"), ("rfc1035-note", "plain"), ("a=`b", " c`d")]);
    world.node("six", "2001:db8::5", &[]);
    world.node("dotted.name", "10.0.0.2", &[]);
    world.node("named", "www.example.test", &[("k", "v")]);
    world
}

/// What a node's meta looks like (RFC 1464).
fn texts(ttl: u32) -> Vec<String> {
    [r"a`=``b= c``d", "key=value", "plain"].map(|text| format!("n1.node.consul. {ttl} IN TXT {text}")).to_vec()
}

#[test]
fn a_node_has_an_address_and_its_meta_beside_it() {
    let mut world = world();
    world.settings.node_ttl = Ttl::of_secs(11);
    let heard = world.ask("n1.node.consul", Kind::A);
    assert_eq!((heard.answers(), heard.additionals()), (vec!["n1.node.consul. 11 IN A 10.0.0.1".to_owned()], texts(11)));
    world.settings.node_meta_txt = false;
    assert!(world.ask("n1.node.consul", Kind::A).additionals().is_empty());
    assert_eq!(world.ask("n1.node.consul", Kind::Txt).answers(), texts(11));
}

#[test]
fn any_is_the_address_and_the_meta() {
    let heard = world().ask("n1.node.consul", Kind::Any);
    let mut all = texts(0);
    all.insert(0, "n1.node.consul. 0 IN A 10.0.0.1".to_owned());
    assert_eq!((heard.answers(), heard.additionals()), (all, vec![]));
}

#[test]
fn a_node_without_what_is_asked_for_says_so_with_the_zones_record() {
    let mut world = world();
    let heard = world.ask("n1.node.consul", Kind::Aaaa);
    assert_eq!((heard.rcode(), heard.answers(), heard.authorities()), ("NOERROR", vec![], vec![SOA.to_owned()]));
    assert_eq!(heard.additionals(), texts(0));
    for kind in [Kind::Srv, Kind::Other(15), Kind::Ptr] {
        let heard = world.ask("n1.node.consul", kind);
        assert_eq!((heard.rcode(), heard.answers(), heard.authorities()), ("NOERROR", vec![], vec![SOA.to_owned()]));
    }
    assert_eq!(world.ask("six.node.consul", Kind::Aaaa).answers(), ["six.node.consul. 0 IN AAAA 2001:db8::5"]);
}

#[test]
fn nodes_are_found_in_any_case_and_with_dots_in_their_names() {
    let mut world = world();
    assert_eq!(world.ask("N1.NODE.dc1.CONSUL", Kind::A).answers(), ["N1.NODE.dc1.CONSUL. 0 IN A 10.0.0.1"]);
    assert_eq!(world.ask("dotted.name.node.consul", Kind::A).answers().len(), 1);
    assert_eq!(world.ask("n1.node.DC1.dc.consul", Kind::A).answers().len(), 1);
    assert_eq!(world.ask("none.node.consul", Kind::A).rcode(), "NXDOMAIN");
}

#[test]
fn a_node_whose_address_is_a_name_is_an_alias() {
    let mut world = world();
    let heard = world.ask("named.node.consul", Kind::A);
    assert_eq!(heard.answers(), ["named.node.consul. 0 IN CNAME www.example.test."]);
    assert_eq!(heard.alias, Some(name("www.example.test")));
    assert_eq!(world.ask("named.node.consul", Kind::Cname).answers().len(), 1);
    assert_eq!(world.ask("named.node.consul", Kind::Txt).answers(), ["named.node.consul. 0 IN TXT k=v"]);
}

#[test]
fn a_text_that_is_longer_than_a_string_is_divided() {
    let mut world = World::new();
    let long = "x".repeat(600);
    world.node("n1", "10.0.0.1", &[("k", &long)]);
    let heard = world.ask_so("n1.node.consul", Kind::Txt, super::world::TCP);
    let text = heard.message.answers[0].data.to_string();
    assert_eq!(text.matches('x').count(), 600);
    assert_eq!(heard.bytes[heard.bytes.len() - (602 + 3)], 255, "the first of three strings");
    // It has no room in a datagram, which is told.
    assert!(world.ask_so("n1.node.consul", Kind::Txt, PLAIN).is_truncated());
}
