//! The catalog's part of a snapshot.

use super::batches;
use crate::model::{Index, NodeId, NodeName, ServiceSpec};
use crate::state::State;
use crate::state::checks::{Check, CheckSpec, Own};
use crate::state::departed::Departed;
use crate::state::fences::Fence;
use crate::state::home::Home;
use crate::state::nodes::{Node, NodeSpec, Slot};
use crate::state::services::{Name, Service};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A run of rows of one table. Nodes come first, then instances and the marks of their names, then checks.
#[derive(Serialize, Deserialize)]
pub(super) enum CatalogSection {
    Nodes(Vec<(Arc<Node>, Index, Index)>),
    Services(Vec<Row<ServiceSpec>>),
    /// Names with their marks: health, rows, checks.
    Names(Vec<(Arc<str>, [Index; 3])>),
    Checks(Vec<Row<CheckSpec>>),
    GoneNodes(Vec<(Index, Arc<str>)>),
    GoneNames(Vec<(Index, Arc<str>)>),
    Marks {
        nodes: Index,
        services: Index,
        listed: Index,
        checks: Index,
        gone_nodes: (Index, Index),
        gone_names: (Index, Index),
    },
    /// What is still taken of the agents' writes.
    Fences(Vec<(NodeId, Arc<Fence>)>),
}

/// What was registered on a node, when it came and when it changed.
type Row<T> = (NodeName, T, Index, Index);

pub(super) fn sections(state: &State) -> impl Iterator<Item = CatalogSection> + '_ {
    let nodes = state.nodes.rows.values().map(|slot| (slot.row.clone(), slot.services, slot.checks));
    let nodes = batches(nodes, |(node, ..)| bytes_of_node(&node.spec)).map(CatalogSection::Nodes);
    let services = state.services.iter().map(|row| (row.node().clone(), row.spec(), row.create_index(), row.modify_index()));
    let services = batches(services, |(_, spec, ..)| bytes_of_service(spec)).map(CatalogSection::Services);
    let names = state.services.names.iter().map(|(name, marks)| (name.clone(), [marks.health, marks.rows, marks.checks]));
    let names = batches(names, |(name, _)| name.len()).map(CatalogSection::Names);
    let checks = state.checks.iter().map(|row| (row.node().clone(), row.spec(), row.create_index(), row.modify_index()));
    let checks = batches(checks, |(_, spec, ..)| bytes_of_check(spec)).map(CatalogSection::Checks);
    let gone = |departed: &Departed| departed.iter().cloned().collect::<Vec<_>>().into_iter();
    let gone_nodes = batches(gone(&state.nodes.gone), |(_, name)| name.len()).map(CatalogSection::GoneNodes);
    let gone_names = batches(gone(&state.services.gone), |(_, name)| name.len()).map(CatalogSection::GoneNames);
    let fences = batches(state.fences.iter(), |_| 0).map(CatalogSection::Fences);
    let marks = CatalogSection::Marks {
        nodes: state.nodes.index,
        services: state.services.index,
        listed: state.services.listed,
        checks: state.checks.index,
        gone_nodes: state.nodes.gone.marks(),
        gone_names: state.services.gone.marks(),
    };
    nodes.chain(services).chain(names).chain(checks).chain(gone_nodes).chain(gone_names).chain(fences).chain([marks])
}

/// Adds a run of rows. Whether they are in order, and what they belong to is there.
pub(super) fn add(state: &mut State, section: CatalogSection) -> bool {
    match section {
        CatalogSection::Nodes(rows) => rows.into_iter().all(|(node, services, checks)| add_node(state, node, services, checks)),
        CatalogSection::Services(rows) => rows.into_iter().all(|row| add_service(state, row)),
        CatalogSection::Names(names) => names.into_iter().all(|(name, marks)| add_name(state, &name, marks)),
        CatalogSection::Checks(rows) => rows.into_iter().all(|row| add_check(state, row)),
        CatalogSection::GoneNodes(names) => names.into_iter().all(|(index, name)| {
            let there = state.nodes.rows.contains_key(&name);
            state.nodes.gone.restore(name, index) && !there
        }),
        CatalogSection::GoneNames(names) => names.into_iter().all(|(index, name)| {
            let there = state.services.names.contains_key(&name);
            state.services.gone.restore(name, index) && !there
        }),
        CatalogSection::Marks { nodes, services, listed, checks, gone_nodes, gone_names } => {
            state.nodes.gone.restore_marks(gone_nodes);
            state.services.gone.restore_marks(gone_names);
            (state.nodes.index, state.checks.index) = (nodes, checks);
            (state.services.index, state.services.listed) = (services, listed);
            true
        }
        CatalogSection::Fences(fences) => {
            let State { fences: kept, nodes, .. } = state;
            fences.into_iter().all(|(node, fence)| kept.restore(node, fence, &nodes.names))
        }
    }
}

/// Whether every name has got its marks.
pub(super) fn is_whole(state: &State) -> bool {
    state.services.names.values().all(|name| name.rows > 0)
}

fn add_node(state: &mut State, node: Arc<Node>, services: Index, checks: Index) -> bool {
    let home = Arc::new(Home::from(node.spec.name.clone()));
    let ascends = state.nodes.rows.get_max().is_none_or(|(last, _)| *last < home.folded);
    let taken = node.spec.id.and_then(|id| state.nodes.names.insert(id, home.folded.clone()));
    state.nodes.put(Slot { row: node, home, own: Own::None, services, checks });
    ascends && taken.is_none()
}

/// The home of the rows of a node that is there.
fn home_of(state: &State, node: &NodeName) -> Option<Arc<Home>> {
    let folded = Home::from(node.clone()).folded;
    state.nodes.rows.get(&folded).map(|slot| slot.home.clone()).filter(|home| home.name == *node)
}

fn add_service(state: &mut State, (node, spec, create_index, modify_index): Row<ServiceSpec>) -> bool {
    let Some(home) = home_of(state, &node) else { return false };
    let row = Arc::new(Service::pooled(&mut state.pools, home, &spec, create_index, modify_index));
    let ascends = state.services.last().is_none_or(|last| (&last.home.folded, &last.id) < (&row.home.folded, &row.id));
    state.services.put(row);
    ascends
}

fn add_name(state: &mut State, name: &str, [health, rows, checks]: [Index; 3]) -> bool {
    let Some(known) = state.services.names.get_mut(name) else { return false };
    let new = known.rows == 0;
    *known = Name { instances: known.instances, health, rows, checks };
    new && rows > 0
}

fn add_check(state: &mut State, (node, spec, create_index, modify_index): Row<CheckSpec>) -> bool {
    let Some(home) = home_of(state, &node) else { return false };
    let service = state.services.at(&home.folded, &spec.service_id).cloned().filter(|_| !spec.service_id.is_empty());
    if service.is_none() && !spec.service_id.is_empty() {
        return false;
    }
    let row = Arc::new(Check::pooled(&mut state.pools, home, &spec, service.as_deref(), create_index, modify_index));
    let ascends = state.checks.last().is_none_or(|last| (&last.home.folded, &last.id) < (&row.home.folded, &row.id));
    state.checks.put(row.clone());
    state.seat_checks(&row.home.folded, row.service_id());
    ascends
}

/// What a text is reckoned beside itself.
const TEXT: usize = 8;

fn bytes_of_node(spec: &NodeSpec) -> usize {
    let pairs = spec.meta.iter().chain(&spec.tagged_addresses).map(|(key, value)| key.len() + value.len() + TEXT);
    spec.name.as_str().len() + spec.address.len() + pairs.sum::<usize>()
}

fn bytes_of_service(spec: &ServiceSpec) -> usize {
    let texts = spec.id.len() + spec.name.len() + spec.address.len() + spec.socket_path.len();
    let tags = spec.tags.iter().map(|tag| tag.len() + TEXT);
    let meta = spec.meta.iter().map(|(key, value)| key.len() + value.len() + TEXT);
    let tagged = spec.tagged_addresses.iter().map(|(tag, at)| tag.len() + at.address.len() + TEXT);
    let mesh = spec.mesh.as_ref().map_or(0, |mesh| mesh.kind.len() + mesh.proxy.len());
    texts + mesh + tags.chain(meta).chain(tagged).sum::<usize>()
}

fn bytes_of_check(spec: &CheckSpec) -> usize {
    let CheckSpec { id, name, status, notes, output, service_id, kind, interval, timeout, definition } = spec;
    [id, name, notes, output, service_id, kind, interval, timeout, definition].iter().map(|text| text.len()).sum::<usize>()
        + status.as_str().len()
}

#[cfg(test)]
mod tests {
    use super::super::{SECTION_BYTES, Section, frame};
    use super::CatalogSection;
    use crate::model::{NodeId, NodeName, ServiceSpec, Timestamp};
    use crate::state::checks::{CheckSpec, SERF_HEALTH};
    use crate::state::nodes::{Node, NodeSpec};
    use crate::state::{CatalogCommand, Command, NodeUpdate, Stamped, State};
    use std::sync::Arc;

    fn bytes(sections: Vec<CatalogSection>) -> Vec<u8> {
        let end = frame(&Section::End { sections: sections.len() as u64 });
        let sections = sections.into_iter().map(|section| frame(&Section::Catalog(section)));
        sections.chain([end]).collect::<Vec<_>>().concat()
    }

    fn node(name: &str, id: u128) -> (Arc<Node>, u64, u64) {
        let (tagged_addresses, meta) = Default::default();
        let spec = NodeSpec {
            id: Some(NodeId::from_u128(id)),
            name: NodeName::parse(name).unwrap(),
            address: String::new(),
            tagged_addresses,
            meta,
        };
        (Arc::new(Node { spec, create_index: 1, modify_index: 1 }), 1, 1)
    }

    fn nodes(nodes: &[(&str, u128)]) -> CatalogSection {
        CatalogSection::Nodes(nodes.iter().map(|(name, id)| node(name, *id)).collect())
    }

    fn service(node: &str, id: &str) -> CatalogSection {
        CatalogSection::Services(vec![(NodeName::parse(node).unwrap(), ServiceSpec::new(id, "web"), 1, 1)])
    }

    fn check(node: &str, service: &str) -> CatalogSection {
        let spec = CheckSpec { service_id: service.to_owned(), ..CheckSpec::serf_alive() };
        CatalogSection::Checks(vec![(NodeName::parse(node).unwrap(), spec, 1, 1)])
    }

    fn marks(name: &str) -> CatalogSection {
        CatalogSection::Names(vec![(name.into(), [1, 1, 1])])
    }

    #[test]
    fn two_nodes_with_one_id_or_one_name_are_refused() {
        assert!(State::decode(&bytes(vec![nodes(&[("a", 1), ("b", 2)])])).is_ok());
        assert!(State::decode(&bytes(vec![nodes(&[("a", 1), ("b", 1)])])).is_err());
        assert!(State::decode(&bytes(vec![nodes(&[("a", 1), ("A", 2)])])).is_err());
        assert!(State::decode(&bytes(vec![nodes(&[("b", 1), ("a", 2)])])).is_err());
    }

    #[test]
    fn a_large_catalog_is_written_in_sections_of_bounded_size() {
        let mut state = State::default();
        for index in 1..=1_000 {
            let spec = node(&format!("n{index:04}"), index.into()).0.spec.clone();
            let service = ServiceSpec { tags: vec!["t".repeat(500)], ..ServiceSpec::new("web", format!("web-{index}")) };
            let own = CheckSpec { service_id: "web".to_owned(), output: "x".repeat(1_000), ..CheckSpec::serf_failed() };
            let command = CatalogCommand::Register { node: spec, update: NodeUpdate::Apply, service: Some(service), checks: vec![own] };
            state.apply(index, &Stamped { at: Timestamp::default(), command: Command::Catalog(command) });
        }
        let sizes: Vec<usize> = state.sections().map(|section| section.len()).collect();
        assert!(sizes.len() > 8 && sizes.iter().all(|size| *size < SECTION_BYTES + 4_096), "{sizes:?}");
        assert_eq!(State::decode(&state.encode()), Ok(state));
    }

    #[test]
    fn rows_without_what_they_belong_to_are_refused() {
        let whole = || vec![nodes(&[("a", 1)]), service("a", "web-1"), marks("web")];
        let state = State::decode(&bytes([whole(), vec![check("a", "web-1")]].into_iter().flatten().collect())).unwrap();
        assert_eq!(state.checks().get("a", SERF_HEALTH).unwrap().service_name(), "web");
        for wrong in
            [check("a", "web-2"), check("b", ""), check("A", ""), service("b", "x"), service("a", "web-1"), marks("web"), marks("x")]
        {
            let sections = whole().into_iter().chain([wrong]).collect();
            assert!(State::decode(&bytes(sections)).is_err());
        }
        assert!(State::decode(&bytes(vec![nodes(&[("a", 1)]), service("a", "web-1")])).is_err(), "a name without its marks");
        let gone = |name: &str| CatalogSection::GoneNames(vec![(5, name.into())]);
        assert!(State::decode(&bytes(whole().into_iter().chain([gone("other")]).collect())).is_ok());
        assert!(State::decode(&bytes(whole().into_iter().chain([gone("web")]).collect())).is_err());
    }
}
