//! What names mean, beyond what answers show.

use super::world::name;
use crate::dns::grammar::{Subject, reversed, subject};
use crate::dns::{Name, NoName, OwnedName};
use crate::model::Datacenter;

fn means(text: &str) -> Subject {
    of(&name(text))
}

fn of(name: &OwnedName) -> Subject {
    let domain = super::world::name("consul");
    let offset = name.as_name().offset_of(domain.as_name()).expect("a name of ours");
    subject(name.as_name(), offset, &Datacenter::parse("dc1").unwrap())
}

fn service(name: &str, tag: Option<&str>) -> Subject {
    Subject::Service { name: name.to_owned(), tag: tag.map(str::to_owned) }
}

const FORM: Subject = Subject::NoName(NoName::Form);

#[test]
fn services_nodes_and_queries_have_their_forms() {
    for (text, subject) in [
        ("web.service.consul", service("web", None)),
        ("a.b.web.service.dc1.consul", service("web", Some("a.b"))),
        ("_web._tcp.service.consul", service("web", None)),
        ("_web._primary.service.consul", service("web", Some("primary"))),
        ("_web._udp.consul", service("web", Some("udp"))),
        ("_web._tcp.dc1.consul", service("web", None)),
        ("_my.web._tcp.service.consul", service("my.web", None)),
        ("_web.service.consul", service("_web", None)),
        // The last word counts, so that even words can be names.
        ("node.service.consul", service("node", None)),
        ("service.service.consul", service("service", None)),
        ("n1.node.consul", Subject::Node("n1".to_owned())),
        ("_x.service.node.consul", Subject::Node("_x.service".to_owned())),
        ("my.q.query.dc1.consul", Subject::PreparedQuery("my.q".to_owned())),
        ("_q._tcp.query.consul", Subject::PreparedQuery("q".to_owned())),
        ("consul", Subject::Apex),
        ("_services._dns-sd._udp.consul", Subject::ServiceList),
        ("b._dns-sd._udp.consul", Subject::Domains),
        ("web.consul", FORM),
        ("dc1.consul", FORM),
        ("service.dc1.consul", FORM),
        ("web.service.dc1.x.consul", FORM),
        ("web.virtual.consul", Subject::NoName(NoName::Mesh)),
        ("web.service.dc9.consul", Subject::NoName(NoName::Datacenter("dc9".to_owned()))),
        ("web.service.dc9.dc.consul", Subject::NoName(NoName::Datacenter("dc9".to_owned()))),
        ("web.service.dc1.dc.consul", service("web", None)),
    ] {
        assert_eq!(means(text), subject, "{text}");
    }
}

#[test]
fn what_is_written_in_capitals_means_the_same() {
    assert_eq!(means("V1.Web.SERVICE.consul"), service("web", Some("v1")));
    assert_eq!(means("_My.Web._TCP.consul"), service("my.web", None));
}

#[test]
fn an_instance_is_named_below_its_service() {
    let expected = Subject::Instance { name: "web".to_owned(), label: "web-80@n1.corp".to_owned() };
    let instance = Name::read(b"\x0eweb-80@n1.corp\x04_web\x04_tcp\x06consul\x00").unwrap().to_owned();
    assert_eq!(of(&instance), expected);
}

#[test]
fn a_label_that_is_no_text_is_the_name_of_nothing() {
    let odd = Name::read(b"\x02\xff\xfe\x07service\x06consul\x00").unwrap().to_owned();
    assert_eq!(of(&odd), FORM);
    // A dot within a label divides nothing.
    let dotted = Name::read(b"\x0bweb.service\x06consul\x00").unwrap().to_owned();
    assert_eq!(of(&dotted), FORM);
}

#[test]
fn names_of_addresses_are_read_backwards() {
    let of = |text: &str| reversed(name(text).as_name());
    assert_eq!(of("4.3.2.1.In-Addr.ARPA"), Some("1.2.3.4".parse().unwrap()));
    let six = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    assert_eq!(of(six), Some("2001:db8::567:89ab".parse().unwrap()));
    for text in [
        "3.2.1.in-addr.arpa",
        "256.3.2.1.in-addr.arpa",
        "+4.3.2.1.in-addr.arpa",
        "x.3.2.1.in-addr.arpa",
        "in-addr.arpa",
        "arpa",
        "1.ip6.arpa",
        ".",
    ] {
        assert_eq!(of(text), None, "{text}");
    }
}
