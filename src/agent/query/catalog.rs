//! Answers about nodes and instances, healthy or not.

use super::{Answer, Choice, Instance, NodeServices, Rows, Subject, WholeNode};
use crate::state::checks::Check;
use crate::state::nodes::{Node, fold};
use crate::state::services::Service;
use crate::state::{Marks, State};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

/// The nodes that are chosen.
pub(super) fn nodes(state: &State, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Nodes);
    let nodes = state.nodes().iter().filter(|node| chooser.takes_node(node)).cloned().collect();
    Answer { marks: Marks::at(state.nodes().index()), rows: Rows::Nodes(nodes) }
}

/// The names of services. Only a choice makes it look at instances.
pub(super) fn services(state: &State, choice: &Choice) -> Answer {
    if choice.takes_all() {
        let names = state.services_listed().collect();
        return Answer { marks: state.services().marks_of_list(), rows: Rows::ServiceNames(names) };
    }
    let chooser = choice.ready(Subject::CatalogServices);
    let mut names = BTreeMap::new();
    for name in state.services().names() {
        let chosen = bare_instances(state, name).filter(|instance| chooser.takes_instance(instance));
        for instance in chosen {
            let tags: &mut BTreeSet<Arc<str>> = names.entry(instance.service.name().clone()).or_default();
            tags.extend(instance.service.tags().iter().cloned());
        }
    }
    let names = names.into_iter().map(|(name, tags)| (name, tags.into_iter().collect())).collect();
    Answer { marks: Marks::at(state.services().index().max(state.nodes().index())), rows: Rows::ServiceNames(names) }
}

/// The instances of a service without their checks.
pub(super) fn service(state: &State, name: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::CatalogServices);
    let instances = bare_instances(state, name).filter(|instance| chooser.takes_instance(instance)).collect();
    Answer { marks: state.services().marks_of_rows(name), rows: Rows::Instances(instances) }
}

fn bare_instances<'a>(state: &'a State, name: &'a str) -> impl Iterator<Item = Instance> + 'a {
    seats(state, name).map(|seat| Instance { node: seat.node.clone(), service: seat.service.clone(), checks: Vec::new() })
}

/// An instance where it runs.
#[derive(Clone, Copy)]
pub(super) struct Seat<'a> {
    pub(super) node: &'a Arc<Node>,
    /// The node's own checks.
    pub(super) above: &'a [Arc<Check>],
    pub(super) service: &'a Arc<Service>,
    /// The instance's own checks.
    pub(super) own: &'a [Arc<Check>],
}

/// The instances of a service with their nodes and checks; several on one node cost one look.
pub(super) fn seats<'a>(state: &'a State, name: &'a str) -> impl Iterator<Item = Seat<'a>> {
    let mut last: Option<Seat<'a>> = None;
    state.services().named_with_checks(name).filter_map(move |(service, own)| {
        let (node, above) = match last {
            Some(last) if last.service.folded_node() == service.folded_node() => (last.node, last.above),
            Some(_) | None => state.nodes().with_checks(service.folded_node())?,
        };
        last = Some(Seat { node, above, service, own });
        last
    })
}

/// A node by name or id, with the instances that are chosen.
pub(super) fn node(state: &State, text: &str, choice: &Choice) -> Answer {
    let chooser = choice.ready(Subject::Services);
    let rows = state.nodes().find(text).map(|node| {
        let folded = fold(node.spec.name.as_str());
        let services = state.services().on(&folded).filter(|service| chooser.takes_service(service)).cloned().collect();
        NodeServices { node: node.clone(), services }
    });
    Answer { marks: state.nodes().marks_of_found(text), rows: Rows::NodeServices(rows) }
}

/// The first node at an address; if there is none, the first instance with that address of its own.
pub(super) fn at_address(state: &State, address: IpAddr) -> Answer {
    let marks = Marks::at(state.nodes().index().max(state.services().index()));
    if let Some(node) = state.nodes().at_address(address) {
        return Answer { marks, rows: Rows::Nodes(vec![node.clone()]) };
    }
    let instance = state.services().at_address(address).and_then(|service| {
        let node = state.nodes().at(service.folded_node())?.clone();
        Some(Instance { node, service: service.clone(), checks: Vec::new() })
    });
    Answer { marks, rows: Rows::Instances(instance.into_iter().collect()) }
}

/// All there is of a node.
pub(super) fn whole_node(state: &State, name: &str) -> Answer {
    let folded = fold(name);
    let rows = state.nodes().at(&folded).map(|node| whole_of(state, node));
    Answer { marks: state.nodes().marks_of_whole(&folded), rows: Rows::WholeNode(rows) }
}

/// All there is of every node.
pub(super) fn whole(state: &State) -> Answer {
    let index = state.nodes().index().max(state.services().index()).max(state.checks().index());
    Answer { marks: Marks::at(index), rows: Rows::WholeNodes(state.nodes().iter().map(|node| whole_of(state, node)).collect()) }
}

fn whole_of(state: &State, node: &Arc<Node>) -> WholeNode {
    let folded = fold(node.spec.name.as_str());
    WholeNode {
        node: node.clone(),
        services: state.services().on(&folded).cloned().collect(),
        checks: state.checks().on(&folded).cloned().collect(),
    }
}
