//! The catalog's health checks. For now those of nodes; checks of services are to come with the services.

mod row;

pub use row::Check;
pub(crate) use row::CheckShape;

use super::State;
use super::home::fold;
use crate::model::{CatalogStatus, CheckStatus, Index, NodeName, Table, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The id of the check the leader keeps for every member: whether gossip can reach it.
pub const SERF_HEALTH: &str = "serfHealth";

/// What is registered about a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSpec {
    /// Unique on its node.
    pub id: String,
    /// For people.
    pub name: String,
    /// How it stands.
    pub status: CatalogStatus,
    /// What it is about.
    pub notes: String,
    /// What it said last.
    pub output: String,
    /// The service instance it belongs to; empty for a check of the node.
    pub service_id: String,
    /// What it does (`http`, `ttl`, ..); may be empty.
    pub kind: String,
    /// Time between runs as clients see it; may be empty.
    pub interval: String,
    /// How long a run may take, as clients see it; may be empty.
    pub timeout: String,
    /// How it is run, as JSON text for whoever runs checks of external nodes; empty if nobody said.
    pub definition: String,
}

impl CheckSpec {
    /// The check the leader keeps for a member that is alive.
    pub fn serf_alive() -> CheckSpec {
        CheckSpec::serf(CheckStatus::Passing, "Agent alive and reachable")
    }

    /// The check the leader keeps for a member that failed.
    pub fn serf_failed() -> CheckSpec {
        CheckSpec::serf(CheckStatus::Critical, "Agent not live or unreachable")
    }

    fn serf(status: CheckStatus, output: &str) -> CheckSpec {
        CheckSpec::of_node(SERF_HEALTH, "Serf Health Status", status, output)
    }

    /// A check of a node, with nothing said about how it is run.
    pub fn of_node(id: &str, name: &str, status: CheckStatus, output: &str) -> CheckSpec {
        CheckSpec {
            id: id.to_owned(),
            name: name.to_owned(),
            status: status.into(),
            notes: String::new(),
            output: output.to_owned(),
            service_id: String::new(),
            kind: String::new(),
            interval: String::new(),
            timeout: String::new(),
            definition: String::new(),
        }
    }
}

/// The checks of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checks {
    /// By node name in lower case and check id.
    pub(super) rows: OrdMap<(Arc<str>, Arc<str>), Arc<Check>>,
    /// The last change of anything.
    pub(super) index: Index,
}

impl Checks {
    /// A check by its node's name, compared without case, and its id.
    pub fn get(&self, node: &str, id: &str) -> Option<&Arc<Check>> {
        self.rows.get(&(fold(node), id.into()))
    }

    /// The checks of a node, by id.
    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Arc<Check>> {
        let node = fold(node);
        let from = (node.clone(), "".into());
        self.rows.range(from..).take_while(move |((of, _), _)| *of == node).map(|(_, check)| check)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The last change of any row.
    pub fn index(&self) -> Index {
        self.index
    }

    pub(super) fn remove_all(&mut self, index: Index, node: &Arc<str>, touched: &mut Touched) {
        let ids: Vec<Arc<str>> = self.of_node(node).map(|check| check.id().into()).collect();
        if ids.is_empty() {
            return;
        }
        for id in ids {
            self.rows.remove(&(node.clone(), id));
        }
        self.index = index;
        touch(touched, node);
    }
}

/// Creates or updates a check of a node that is there.
pub(super) fn register(state: &mut State, index: Index, node: &NodeName, spec: &CheckSpec, touched: &mut Touched) {
    let folded = fold(node.as_str());
    let key = (folded.clone(), spec.id.as_str().into());
    let existing = state.checks.rows.get(&key);
    if existing.is_some_and(|check| check.is_as(spec) && check.node() == node) {
        return;
    }
    let create_index = existing.map_or(index, |check| check.create_index());
    let check = Check::new(node, spec, None, create_index, index);
    state.checks.rows.insert(key, Arc::new(check));
    state.checks.index = index;
    state.nodes.note_check(index, &folded);
    touch(touched, &folded);
}

pub(super) fn deregister(state: &mut State, index: Index, node: &NodeName, id: &str, touched: &mut Touched) {
    let folded = fold(node.as_str());
    if state.checks.rows.remove(&(folded.clone(), id.into())).is_some() {
        state.checks.index = index;
        state.nodes.note_check(index, &folded);
        touch(touched, &folded);
    }
}

fn touch(touched: &mut Touched, folded: &Arc<str>) {
    touched.add(Topic::Node(folded.clone()));
    touched.add(Topic::Table(Table::Checks));
}
