//! The catalog's nodes.
//!
//! Names are unique without regard to case; ids are unique; a node that comes back with its id under another name was renamed.

use super::addresses::Addresses;
use super::checks::{Check, Own, SERF_HEALTH};
use super::departed::Departed;
use super::home::Home;
pub use super::home::{fold, folded};
use super::{Marks, State};
use crate::model::{CheckStatus, Index, NodeId, NodeName, Table, Topic, Touched};
use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
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
    /// Its name, for all its rows.
    pub(super) home: Arc<Home>,
    /// Its checks without those of its instances.
    pub(super) own: Own,
    /// When the row or one of its instances last changed.
    pub(super) services: Index,
    /// When one of its checks or of its instances' last changed, or the node came.
    pub(super) checks: Index,
}

/// The nodes of the catalog.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nodes {
    /// By name in lower case.
    pub(super) rows: OrdMap<Arc<str>, Slot>,
    /// From id to name in lower case.
    pub(super) names: OrdMap<NodeId, Arc<str>>,
    by_address: Addresses<Arc<str>>,
    /// Names that are no longer there.
    pub(super) gone: Departed,
    /// The last change of anything.
    pub(super) index: Index,
}

/// Another node holds the name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{renaming}Node name {wanted} is reserved by node ID {holder} with name {name} ({address})")]
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

    /// The node of that name, given in lower case.
    pub fn at(&self, folded: &str) -> Option<&Arc<Node>> {
        self.rows.get(folded).map(|slot| &slot.row)
    }

    /// The node of that name, given in lower case, with its checks without those of its instances.
    pub fn with_checks(&self, folded: &str) -> Option<(&Arc<Node>, &[Arc<Check>])> {
        self.rows.get(folded).map(|slot| (&slot.row, slot.own.as_slice()))
    }

    /// The node with that id.
    pub fn with_id(&self, id: NodeId) -> Option<&Arc<Node>> {
        self.at(self.names.get(&id)?)
    }

    /// The node of that name, or else with that id, or else the only one whose id begins so, given two characters or more of it.
    pub fn find(&self, text: &str) -> Option<&Arc<Node>> {
        self.get(text).or_else(|| {
            let mut within = self.names.range(NodeId::beginning(text)?);
            let (_, name) = within.next()?;
            within.next().is_none().then(|| self.at(name))?
        })
    }

    /// Whether [`find`](Nodes::find) would look for an id.
    pub fn may_be_id(&self, text: &str) -> bool {
        NodeId::beginning(text).is_some()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.rows.values().map(|slot| &slot.row)
    }

    /// The first node, by name, at that address.
    pub fn at_address(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.at(self.by_address.first(address)?)
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

    /// How current an answer about a node that was looked for with [`find`](Nodes::find) and its instances is.
    pub fn marks_of_found(&self, text: &str) -> Marks {
        let folded = fold(text);
        match self.rows.get(&folded) {
            Some(slot) => Marks::at(slot.services),
            // What an id means can change with every node that comes or goes.
            None if self.may_be_id(text) => {
                let found = self.find(text).and_then(|node| self.rows.get(&fold(node.spec.name.as_str())));
                Marks::at(found.map_or(self.index, |slot| slot.services.max(self.index)))
            }
            None => self.marks_of_none(&folded),
        }
    }

    /// How current an answer about the checks of a node and its instances is. The name is in lower case.
    pub fn marks_of_checks(&self, folded: &str) -> Marks {
        self.rows.get(folded).map_or_else(|| self.marks_of_none(folded), |slot| Marks::at(slot.checks))
    }

    /// How current an answer about all there is of a node is. The name is in lower case.
    pub fn marks_of_whole(&self, folded: &str) -> Marks {
        self.rows.get(folded).map_or_else(|| self.marks_of_none(folded), |slot| Marks::at(slot.services.max(slot.checks)))
    }

    fn marks_of_none(&self, folded: &str) -> Marks {
        Marks { index: self.gone.last(), changed: self.gone.at(folded) }
    }

    fn insert(&mut self, node: Node, home: Arc<Home>, own: Own, checks: Index) {
        if let Some(id) = node.spec.id {
            self.names.insert(id, home.folded.clone());
        }
        self.gone.returned(&home.folded);
        let services = node.modify_index;
        self.put(Slot { row: Arc::new(node), home, own, services, checks });
    }

    /// Puts a node in its place.
    pub(super) fn put(&mut self, slot: Slot) {
        let (folded, row) = (slot.home.folded.clone(), slot.row.clone());
        if let Some(old) = self.rows.insert(folded.clone(), slot) {
            self.by_address.take(&old.row.spec.address, folded.clone());
        }
        self.by_address.put(&row.spec.address, folded);
    }

    /// Takes a row out, not what belongs to the node.
    pub(super) fn take(&mut self, slot: &Slot, index: Index, touched: &mut Touched) {
        self.rows.remove(&slot.home.folded);
        self.by_address.take(&slot.row.spec.address, slot.home.folded.clone());
        if let Some(id) = slot.row.spec.id {
            self.names.remove(&id);
        }
        self.gone.note(&slot.home.folded, index);
        self.note(index, &slot.home.folded, touched);
        touched.add(Topic::NodeChecks(slot.home.folded.clone()));
    }

    fn note(&mut self, index: Index, folded: &Arc<str>, touched: &mut Touched) {
        self.index = index;
        touched.add(Topic::Node(folded.clone()));
        touched.add(Topic::Table(Table::Nodes));
    }

    /// An instance on the node changed.
    pub(super) fn note_service(&mut self, index: Index, folded: &Arc<str>, touched: &mut Touched) {
        if let Some(slot) = self.rows.get_mut(folded) {
            slot.services = index;
        }
        touched.add(Topic::Node(folded.clone()));
    }

    /// A check of the node or of one of its instances changed.
    pub(super) fn note_check(&mut self, index: Index, folded: &Arc<str>, touched: &mut Touched) {
        if let Some(slot) = self.rows.get_mut(folded) {
            slot.checks = index;
        }
        touched.add(Topic::NodeChecks(folded.clone()));
    }
}

/// What a registration makes of the nodes.
#[derive(Debug)]
pub(super) struct Plan {
    /// A node that gives up its name, with all that belongs to it.
    pub(super) replaced: Option<Slot>,
    /// The node that is there already, perhaps under another name.
    pub(super) existing: Option<Slot>,
    /// Its row as it is to be; `None` if it stays as it is.
    pub(super) spec: Option<NodeSpec>,
}

impl Plan {
    /// The node is there and stays as it is.
    pub(super) fn of(existing: Slot) -> Plan {
        Plan { replaced: None, existing: Some(existing), spec: None }
    }
}

/// Decides without changing anything.
pub(super) fn plan(state: &State, spec: &NodeSpec) -> Result<Plan, NameTaken> {
    let slots = &state.nodes.rows;
    let folded = fold(spec.name.as_str());
    let same_id = spec.id.and_then(|id| slots.get(state.nodes.names.get(&id)?)).cloned();
    let same_name = slots.get(&folded).cloned();
    let renamed = same_id.as_ref().is_some_and(|slot| slot.home.folded != folded);
    let mut existing = same_id.clone().or_else(|| same_name.clone());
    let mut replaced = None;
    if let (Some(id), Some(holder)) = (spec.id, same_name)
        && holder.row.spec.id != Some(id)
    {
        match claim(state, spec, id, &holder.row, renamed)? {
            Claim::Adopt => {}
            Claim::Replace => {
                replaced = Some(holder);
                existing = same_id;
            }
        }
    }
    let id = spec.id.or_else(|| existing.as_ref()?.row.spec.id);
    let spec = NodeSpec { id, ..spec.clone() };
    let same = existing.as_ref().is_some_and(|slot| slot.row.spec == spec);
    Ok(Plan { replaced, existing, spec: (!same).then_some(spec) })
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

/// Writes the row of a node; gives its home. What belongs to it is moved by the caller if the home is another.
pub(super) fn write(state: &mut State, index: Index, existing: Option<&Slot>, spec: NodeSpec, touched: &mut Touched) -> Arc<Home> {
    let same_home = existing.filter(|slot| slot.home.name == spec.name);
    let home = same_home.map_or_else(|| Arc::new(Home::from(spec.name.clone())), |slot| slot.home.clone());
    if let Some(old) = existing.filter(|slot| slot.home.folded != home.folded) {
        state.nodes.take(old, index, touched);
        // Its agent says again where it lies, under its new name.
        state.coordinates.forget(&old.home.folded, index, touched);
    }
    let same_slot = existing.filter(|slot| slot.home.folded == home.folded);
    let (own, checks) = same_slot.map_or((Own::None, index), |slot| (slot.own.clone(), slot.checks));
    let create_index = existing.map_or(index, |slot| slot.row.create_index);
    state.nodes.insert(Node { spec, create_index, modify_index: index }, home.clone(), own, checks);
    state.nodes.note(index, &home.folded, touched);
    if same_slot.is_none() {
        touched.add(Topic::NodeChecks(home.folded.clone()));
    }
    home
}
