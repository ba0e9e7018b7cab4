//! Records of what anyone may register, as another parser reads them.

use hickory_proto::op::Message;
use hickory_proto::rr::{Name as ReadName, RData};
use muster::agent::query::{Instance, NodeServices, Rows};
use muster::dns::{Composer, Domain, Found, Inquiry, Kind, Order, OwnedName, Plan, Request, Settings, Transport, question};
use muster::model::{Datacenter, NodeName, ServiceSpec, Timestamp, Weights};
use muster::state::nodes::{Node, NodeSpec};
use muster::state::services::Service;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The pieces between zero bytes are a node's name and address, the name, id and address of its instance, protocols, key and value of the node's
/// meta, and its port. What an answer says of them is what was registered, whatever it was.
pub fn run(input: &[u8]) {
    let mut pieces = input.split(|byte| *byte == 0).map(|piece| String::from_utf8_lossy(piece).into_owned());
    let mut next = || pieces.next().unwrap_or_default();
    let Ok(name) = NodeName::parse(&next()) else { return };
    let (address, service, id, own, alpn) = (next(), next(), next(), next(), next());
    let node = NodeSpec { id: None, name, address, tagged_addresses: BTreeMap::new(), meta: [(next(), next())].into() };
    let spec = ServiceSpec {
        address: own,
        port: next().parse().unwrap_or(80),
        meta: [("alpn".to_owned(), alpn)].into(),
        weights: Weights { passing: input.len() as i64 * 37, warning: 1 },
        ..ServiceSpec::new(id, service)
    };
    let node = Arc::new(Node { spec: node, create_index: 1, modify_index: 1 });
    let service = Arc::new(Service::new(&node.spec.name, &spec, 1, 1));
    let instance = Instance { node, service, checks: Vec::new() };
    for kind in [Kind::A, Kind::Aaaa, Kind::Any, Kind::Srv, Kind::Https, Kind::Svcb, Kind::Ptr, Kind::Txt, Kind::Cname] {
        of_service(&instance, kind);
        of_node(&instance, kind);
    }
}

fn of_service(instance: &Instance, kind: Kind) {
    let rows = Rows::Instances(vec![instance.clone()]);
    for (read, data) in told("web.service.consul", kind, &rows) {
        assert_eq!(read.to_ascii(), "web.service.consul.");
        judge(instance, &data);
    }
}

fn of_node(instance: &Instance, kind: Kind) {
    let services = vec![instance.service.clone()];
    let rows = Rows::NodeServices(Some(NodeServices { node: instance.node.clone(), services }));
    for (_, data) in told("n.node.consul", kind, &rows) {
        match data {
            RData::A(address) => assert_eq!(Ok(IpAddr::from(address.0)), instance.node.spec.address.parse()),
            RData::AAAA(address) => assert_eq!(Ok(IpAddr::from(address.0)), instance.node.spec.address.parse()),
            RData::CNAME(name) => assert!(is_name(&name.0, &instance.node.spec.address)),
            RData::TXT(text) => judge_text(&text.txt_data.concat(), &instance.node.spec.meta),
            other => panic!("a node has no {other}"),
        }
    }
}

/// The answers to a question about it: owners and what they have.
fn told(name: &str, kind: Kind, rows: &Rows) -> Vec<(ReadName, RData)> {
    let settings = Settings::new(Domain::parse("consul").expect("a domain"), None, Datacenter::parse("dc1").expect("a datacenter"));
    let name = OwnedName::parse(name).expect("a name");
    let message = question(1, name.as_name(), kind);
    let request = Request::read(&message, Transport::Tcp).expect("a question");
    let plan = Plan::of(request.name, kind, &settings);
    let found = Found::Rows { rows, order: Order::AsFound, age: Duration::ZERO };
    let inquiry = Inquiry { settings: &settings, request: &request, plan: &plan, found };
    let mut composer = Composer::default();
    composer.choose(&inquiry, &mut ChaCha8Rng::seed_from_u64(0));
    composer.compose(&inquiry, &[], Timestamp::default());
    let read = Message::from_vec(composer.message()).expect("an answer that another parser reads");
    read.answers.into_iter().map(|record| (record.name, record.data)).collect()
}

fn judge(instance: &Instance, data: &RData) {
    let (service, node) = (&instance.service, &instance.node.spec);
    let address = if service.address().is_empty() { &node.address } else { service.address() };
    match data {
        RData::A(read) => assert_eq!(Ok(IpAddr::from(read.0)), address.parse()),
        RData::AAAA(read) => assert_eq!(Ok(IpAddr::from(read.0)), address.parse()),
        RData::CNAME(name) => assert!(is_name(&name.0, address)),
        RData::SRV(srv) => {
            assert_eq!((i64::from(srv.port), srv.priority), (service.port(), 1));
            assert_eq!(i64::from(srv.weight), service.weights().passing.min(65_535));
            judge_target(instance, &srv.target);
        }
        RData::SVCB(svcb) | RData::HTTPS(hickory_proto::rr::rdata::HTTPS(svcb)) => judge_target(instance, &svcb.target_name),
        RData::PTR(name) => {
            let label = format!("{}@{}", service.id(), node.name.as_str());
            assert_eq!(name.0.iter().next(), Some(label.as_bytes()));
        }
        other => panic!("a service has no {other}"),
    }
}

fn judge_target(instance: &Instance, target: &ReadName) {
    let (service, node) = (&instance.service, &instance.node.spec);
    let of_node = format!("{}.node.dc1.consul", node.name.as_str().trim_end_matches('.'));
    let is_ours = is_name(target, &of_node) && service.address().is_empty();
    let is_hex = target.iter().nth(1) == Some(b"addr") && target.iter().next().is_some_and(|hex| matches!(hex.len(), 8 | 32));
    assert!(is_ours || is_hex || is_name(target, service.address()), "{target}");
}

/// Whether the labels of a name are those that dots divide `text` into.
fn is_name(name: &ReadName, text: &str) -> bool {
    name.iter().eq(text.strip_suffix('.').unwrap_or(text).split('.').map(str::as_bytes))
}

/// Whether a text tells the only pair.
fn judge_text(text: &[u8], meta: &BTreeMap<String, String>) {
    let (key, value) = meta.first_key_value().expect("a pair");
    if key.to_ascii_lowercase().starts_with("rfc1035-") {
        assert_eq!(text, value.as_bytes());
    } else {
        assert_eq!(pair(text), (key.as_bytes().to_vec(), value.as_bytes().to_vec()));
    }
}

/// A pair as RFC 1464 writes it: the first `=` that is not quoted ends the key.
fn pair(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut parts = [Vec::new(), Vec::new()];
    let (mut part, mut quoted) = (0, false);
    for &byte in text {
        match byte {
            b'`' if !quoted => quoted = true,
            b'=' if !quoted && part == 0 => part = 1,
            byte => {
                parts[part].push(byte);
                quoted = false;
            }
        }
    }
    let [key, value] = parts;
    (key, value)
}

/// Registrations of all sorts.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("plain", &["n1", "10.0.0.1", "web", "web-1", "", "h2,h3", "rack", "r1", "80"][..]),
        ("addressed", &["n1", "10.0.0.1", "web", "web-1", "10.0.0.5", "", "rfc1035-note", "plain", "8080"]),
        ("named", &["n1", "www.example.test", "web", "web-1", "cdn.example.test.", "h2", "a=b`", "c`d=", "65535"]),
        ("six", &["n.1", "2001:db8::1", "my.web", "w 1", "2001:db8::5", "http/1.1", " k", "", "0"]),
        ("odd", &["n..1", "no name..", "", "", "..", ",", "", "", "-1"]),
    ]
    .map(|(name, pieces)| (name, pieces.join("\0").into_bytes()))
    .to_vec()
}
