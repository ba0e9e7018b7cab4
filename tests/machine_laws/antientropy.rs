//! Anti-entropy, whose agent changes and whose catalog answers at random.

use super::specimen::Specimen;
use muster::agent::antientropy::{AntiEntropy, Fetch, Input, Outcome, Output, Setup, Write, node_spec};
use muster::agent::local::{LocalService, LocalView, Origin, Touched};
use muster::agent::query::WholeNode;
use muster::model::{Instant, NodeId, NodeName, ServiceSpec, TagAuthority};
use muster::state::nodes::{Node, NodeSpec};
use muster::state::services::Service;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A machine for the node `n1`.
pub struct OfAntiEntropy;

impl Specimen for OfAntiEntropy {
    type Input = Input;
    type Output = Output;
    type Machine = AntiEntropy;

    fn build(&self, seed: u64, now: Instant) -> AntiEntropy {
        AntiEntropy::new(
            now,
            Setup { id: NodeId::from_u128(1), life: 1, node: node(1), check_update_interval: Duration::from_secs(20), seed },
        )
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        prop_oneof![
            4 => local(),
            4 => answer(),
            1 => (0..3000usize).prop_map(Input::Members),
            1 => Just(Input::ServerFound),
            1 => (1..3u128).prop_map(|id| Input::Node(node(id))),
        ]
        .prop_map(|input| vec![input])
        .boxed()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(150)
    }
}

fn node(id: u128) -> NodeSpec {
    let ip = "10.0.0.1".parse().expect("an address");
    node_spec(NodeId::from_u128(id), NodeName::parse("n1").expect("a name"), ip, ip, BTreeMap::new())
}

fn specs() -> impl Strategy<Value = ServiceSpec> {
    let authorities = select(vec![TagAuthority::Agent, TagAuthority::Catalog]);
    (select(vec!["a", "b", "c"]), 0..3i64, authorities).prop_map(|(id, port, tag_authority)| ServiceSpec {
        port,
        tag_authority,
        ..ServiceSpec::new(id, id)
    })
}

fn local() -> impl Strategy<Value = Input> {
    let ids = || select(vec!["a", "b", "c"]).prop_map(Arc::from);
    let touched = prop_oneof![ids().prop_map(Touched::Service), ids().prop_map(Touched::Check), ids().prop_map(Touched::Output)];
    (vec(specs(), 0..4), vec(touched, 0..4)).prop_map(|(specs, touched)| {
        let service =
            |spec: ServiceSpec| (Arc::from(spec.id.as_str()), Arc::new(LocalService { spec, origin: Origin::Api, token: String::new() }));
        let view = LocalView { services: specs.into_iter().map(service).collect(), ..LocalView::default() };
        Input::Local { view, touched }
    })
}

fn answer() -> impl Strategy<Value = Input> {
    let outcomes = select(vec![Outcome::Done, Outcome::Refused("no".to_owned()), Outcome::Unknown]);
    prop_oneof![
        3 => (1..20u64, outcomes).prop_map(|(write, outcome)| Input::Written { write: Write(write), outcome }),
        2 => (1..6u64, 1..3u128, vec(specs(), 0..3)).prop_map(|(fetch, id, specs)| {
            let spec = node(id);
            let services = specs.iter().map(|service| Arc::new(Service::new(&spec.name, service, 1, 1))).collect();
            let node = Arc::new(Node { spec, create_index: 1, modify_index: 1 });
            Input::Fetched { fetch: Fetch(fetch), found: Some(WholeNode { node, services, checks: Vec::new() }) }
        }),
        1 => (1..6u64).prop_map(|fetch| Input::FetchFailed(Fetch(fetch))),
    ]
}
