//! What a health query pays beyond finding its rows: the expression made ready, applied to instances, and the answer written.
//! `cargo bench --bench filter`.

use muster::agent::query::{Choice, Health, Instance, Subject};
use muster::api::catalog::Blank;
use muster::api::document::Document;
use muster::api::health::write_instance;
use muster::api::json::Layout;
use muster::model::{CheckStatus, Datacenter, NodeId, NodeName, ServiceSpec};
use muster::runtime::{Runtime, tokio::Tokio};
use muster::state::checks::{Check, CheckSpec};
use muster::state::nodes::{Node, NodeSpec};
use muster::state::services::Service;
use std::hint::black_box;
use std::sync::Arc;

/// How often each thing is done for one figure.
const ROUNDS: u32 = 2_000;

const EXPRESSIONS: [&str; 5] = [
    "Service.Port == 8080",
    "v1 in Service.Tags and Node.Meta.rack != r9",
    "Checks.Status == critical or Service.Meta.version == \"1.2.3\"",
    "Node.ID == \"00000000-0000-4000-8000-000000000007\"",
    "Service.ID matches \"^web-[0-9]+$\"",
];

fn main() {
    println!("{:<64}{:>14}{:>14}", "expression", "ready, ns", "a row, ns");
    let instances: Vec<Instance> = (0..100).map(instance).collect();
    for expression in EXPRESSIONS {
        let choice = Choice { filter: expression.to_owned(), ..Choice::default() };
        let ready = each(ROUNDS, || drop(black_box(choice.ready(Subject::Instances))));
        let chooser = choice.ready(Subject::Instances);
        let row = each(ROUNDS, || {
            black_box(instances.iter().filter(|one| chooser.takes_instance(one)).count());
        }) / 100.0;
        println!("{expression:<64}{ready:>14.0}{row:>14.1}");
    }
    let passing = Choice { health: Health::Passing, tags: vec!["V1".to_owned()], ..Choice::default() };
    let chooser = passing.ready(Subject::Instances);
    let row = each(ROUNDS, || {
        black_box(instances.iter().filter(|one| chooser.takes_instance(one)).count());
    }) / 100.0;
    println!("{:<64}{:>14}{row:>14.1}", "passing, tag=V1, no expression", "");
    println!("\n{:<64}{:>14}{:>14}", "answer written", "us", "bytes");
    for count in [10, 100, 1_000] {
        let instances: Vec<Instance> = (0..count).map(instance).collect();
        let bytes = written(&instances).len();
        let whole = each(ROUNDS.min(200_000 / count as u32), || drop(black_box(written(&instances)))) / 1_000.0;
        println!("{:<64}{whole:>14.1}{bytes:>14}", format!("health/service of {count} instances"));
    }
}

fn written(instances: &[Instance]) -> Vec<u8> {
    let datacenter = Datacenter::parse("dc1").expect("a name");
    let mut to = Document::with_capacity(instances.len() * 1_424);
    to.list(instances, |to, one| write_instance(to, &one.node, &one.service, &one.checks, &datacenter, Blank::List));
    to.finish(Layout::Compact)
}

/// Nanoseconds for one of so many.
fn each(rounds: u32, mut once: impl FnMut()) -> f64 {
    once();
    let began = Tokio::now();
    (0..rounds).for_each(|_| once());
    Tokio::now().since(began).as_nanos() as f64 / f64::from(rounds)
}

/// An instance with two checks, as an agent registers one.
fn instance(number: usize) -> Instance {
    let name = NodeName::parse(&format!("node-{number:04}")).expect("a name");
    let address = format!("10.0.{}.{}", number / 250, number % 250 + 1);
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let spec = NodeSpec {
        id: Some(NodeId::from_u128(0x4000_8000_0000_0000_0000 + number as u128)),
        name: name.clone(),
        address: address.clone(),
        tagged_addresses: map(&[("lan", &address), ("lan_ipv4", &address), ("wan", &address), ("wan_ipv4", &address)]),
        meta: map(&[("consul-network-segment", ""), ("rack", "r1")]),
    };
    let service = ServiceSpec {
        tags: vec!["v1".to_owned()],
        port: 8080,
        meta: map(&[("version", "1.2.3")]),
        ..ServiceSpec::new(format!("web-{number}"), "web")
    };
    let service = Service::new(&name, &service, 10, 10);
    let http = CheckSpec {
        service_id: service.id().to_owned(),
        kind: "http".to_owned(),
        ..CheckSpec::of_node(
            "service:web",
            "Service 'web' check",
            CheckStatus::Passing,
            "HTTP GET http://127.0.0.1:8080/: 200 OK Output: fine",
        )
    };
    let checks =
        vec![Arc::new(Check::new(&name, &CheckSpec::serf_alive(), None, 5, 5)), Arc::new(Check::new(&name, &http, Some(&service), 10, 10))];
    Instance { node: Arc::new(Node { spec, create_index: 5, modify_index: 5 }), service: Arc::new(service), checks }
}
