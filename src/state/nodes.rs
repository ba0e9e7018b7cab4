//! The catalog's nodes.
//!
//! Names are unique without regard to case; ids are unique; a node that comes back with its id under another name was renamed.

use super::State;
use super::checks::SERF_HEALTH;
pub use super::home::fold;
use crate::model::{CheckStatus, Index, NodeId, NodeName, Table, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is registered about a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Its identity; nodes registered by hand may have none.
    pub id: Option<NodeId>,
    /// Its name.
    pub name: NodeName,
    /// Where it is: an address or a host name.
    pub address: String,
    /// Further addresses by their use (`lan`, `wan`, ..).
    pub tagged_addresses: BTreeMap<String, String>,
    /// Free pairs.
    pub meta: BTreeMap<String, String>,
}

/// A row of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What was registered.
    pub spec: NodeSpec,
    /// When it came to be.
    pub create_index: Index,
    /// When the row last changed.
    pub modify_index: Index,
}

/// A node and when what belongs to it last changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slot {
    pub(super) row: Arc<Node>,
    /// When the row or one of the node's checks last changed.
    pub(super) checks: Index,
}

/// The nodes of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nodes {
    /// By name in lower case.
    pub(super) rows: OrdMap<Arc<str>, Slot>,
    /// From id to name in lower case.
    pub(super) names: OrdMap<NodeId, Arc<str>>,
    /// The last change of anything.
    pub(super) index: Index,
}

/// Another node holds the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{renaming}Node name {wanted} is reserved by node {holder} with name {name} ({address})")]
pub struct NameTaken {
    renaming: String,
    wanted: NodeName,
    holder: String,
    name: NodeName,
    address: String,
}

impl Nodes {
    /// The node of that name, compared without case.
    pub fn get(&self, name: &str) -> Option<&Arc<Node>> {
        self.rows.get(&fold(name)).map(|slot| &slot.row)
    }

    /// The node with that id.
    pub fn with_id(&self, id: NodeId) -> Option<&Arc<Node>> {
        Some(&self.rows.get(self.names.get(&id)?)?.row)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.rows.values().map(|slot| &slot.row)
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

    /// When the node of that name or one of its checks last changed.
    pub fn checks_index(&self, name: &str) -> Option<Index> {
        self.rows.get(&fold(name)).map(|slot| slot.checks)
    }

    fn insert(&mut self, node: Node) {
        let folded = fold(node.spec.name.as_str());
        if let Some(id) = node.spec.id {
            self.names.insert(id, folded.clone());
        }
        let checks = node.modify_index;
        self.rows.insert(folded, Slot { row: Arc::new(node), checks });
    }

    /// Notes that a check of the node called `folded` changed.
    pub(super) fn note_check(&mut self, index: Index, folded: &str) {
        if let Some(row) = self.rows.get_mut(folded) {
            row.checks = index;
        }
    }
}

pub(super) fn register(state: &mut State, index: Index, spec: &NodeSpec, touched: &mut Touched) -> Result<(), NameTaken> {
    let same_id = spec.id.and_then(|id| state.nodes.with_id(id)).cloned();
    let same_name = state.nodes.get(spec.name.as_str()).cloned();
    let renamed = same_id.clone().filter(|node| fold(node.spec.name.as_str()) != fold(spec.name.as_str()));
    let mut existing = same_id.or_else(|| same_name.clone());
    if let (Some(id), Some(holder)) = (spec.id, same_name)
        && holder.spec.id != Some(id)
    {
        match claim(state, spec, id, &holder, renamed.is_some())? {
            Claim::Adopt => {}
            Claim::Replace => {
                remove(state, index, &holder, touched);
                existing.clone_from(&renamed);
            }
        }
    }
    if let Some(old) = &renamed {
        remove(state, index, old, touched);
    }
    let id = spec.id.or_else(|| existing.as_ref()?.spec.id);
    let spec = NodeSpec { id, ..spec.clone() };
    if renamed.is_none() && existing.as_ref().is_some_and(|node| node.spec == spec) {
        return Ok(());
    }
    touch(touched, spec.name.as_str());
    let create_index = existing.map_or(index, |node| node.create_index);
    state.nodes.insert(Node { spec, create_index, modify_index: index });
    state.nodes.index = index;
    Ok(())
}

/// What becomes of a row whose name a node with another id wants.
enum Claim {
    /// It never had an id, so it was registered ahead of the agent: it is the agent's now.
    Adopt,
    /// Its machine failed: the new one takes the name, and what belonged to the old one goes.
    Replace,
}

fn claim(state: &State, spec: &NodeSpec, id: NodeId, holder: &Node, renaming: bool) -> Result<Claim, NameTaken> {
    let name = &holder.spec.name;
    if holder.spec.id.is_none() && !renaming {
        return Ok(Claim::Adopt);
    }
    if state.checks.get(name.as_str(), SERF_HEALTH).is_some_and(|check| *check.status() == CheckStatus::Critical) {
        return Ok(Claim::Replace);
    }
    Err(NameTaken {
        renaming: if renaming { format!("Error while renaming Node ID: {id} ({}): ", spec.address) } else { String::new() },
        wanted: spec.name.clone(),
        holder: holder.spec.id.map_or_else(String::new, |id| id.to_string()),
        name: name.clone(),
        address: holder.spec.address.clone(),
    })
}

pub(super) fn deregister(state: &mut State, index: Index, name: &NodeName, only_id: Option<NodeId>, touched: &mut Touched) {
    let Some(node) = state.nodes.get(name.as_str()).cloned() else { return };
    if only_id.is_none_or(|id| node.spec.id == Some(id)) {
        remove(state, index, &node, touched);
    }
}

/// Removes a node with all that belongs to it.
fn remove(state: &mut State, index: Index, node: &Node, touched: &mut Touched) {
    let folded = fold(node.spec.name.as_str());
    state.checks.remove_all(index, &folded, touched);
    state.nodes.rows.remove(&folded);
    if let Some(id) = node.spec.id {
        state.nodes.names.remove(&id);
    }
    state.nodes.index = index;
    touch(touched, node.spec.name.as_str());
}

fn touch(touched: &mut Touched, name: &str) {
    touched.add(Topic::Node(fold(name)));
    touched.add(Topic::Table(Table::Nodes));
}
