//! Answers: rows shared with the view they come from, and how current they are.

use super::Query;
use crate::model::Key;
use crate::state::autopilot::AutopilotRow;
use crate::state::checks::Check;
use crate::state::kv::{Entry, Kv};
use crate::state::nodes::Node;
use crate::state::services::Service;
use crate::state::{Marks, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a view answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How current it is.
    pub marks: Marks,
    /// What was found.
    pub rows: Rows,
}

/// What was found. Rows are shared with the state, not copied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Rows {
    /// A key, if it is there.
    Entry(Option<Arc<Entry>>),
    /// Keys with their values, in the order of the keys.
    Entries(Vec<Arc<Entry>>),
    /// Names of keys, in order.
    Keys(Vec<Key>),
    /// Nodes, by name.
    Nodes(Vec<Arc<Node>>),
    /// Checks, by node and id.
    Checks(Vec<Arc<Check>>),
    /// Names of services, in order, with the tags of their instances, sorted and once each.
    ServiceNames(Vec<(Arc<str>, Vec<Arc<str>>)>),
    /// Instances, by node and id.
    Instances(Vec<Instance>),
    /// A node with its instances, if it is there.
    NodeServices(Option<NodeServices>),
    /// Everything there is of a node, if it is there.
    WholeNode(Option<WholeNode>),
    /// Autopilot's settings, once they were set.
    Autopilot(Option<AutopilotRow>),
}

/// An instance with its node and, where they were asked for, its checks: those of the node first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Where it runs.
    pub node: Arc<Node>,
    /// The instance.
    pub service: Arc<Service>,
    /// Its checks and its node's.
    pub checks: Vec<Arc<Check>>,
}

/// A node with its instances, by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeServices {
    /// The node.
    pub node: Arc<Node>,
    /// Its instances.
    pub services: Vec<Arc<Service>>,
}

/// A node with its instances and all checks, by id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeNode {
    /// The node.
    pub node: Arc<Node>,
    /// Its instances.
    pub services: Vec<Arc<Service>>,
    /// Its checks and theirs.
    pub checks: Vec<Arc<Check>>,
}

impl Query {
    /// Answers from a view.
    pub fn answer(&self, state: &State) -> Answer {
        match self {
            Query::KvGet { key } => Answer { marks: state.kv().marks_of_key(key), rows: Rows::Entry(state.kv().get(key).cloned()) },
            Query::KvList { prefix } => list(state.kv(), prefix),
            Query::KvKeys { prefix, separator } => keys(state.kv(), prefix, separator),
            Query::CatalogNodes { .. } => {
                Answer { marks: Marks::at(state.nodes().index()), rows: Rows::Nodes(state.nodes().iter().cloned().collect()) }
            }
            Query::HealthNode { node, .. } => health_of_node(state, node),
            Query::HealthChecks { .. } | Query::HealthState { .. } => Answer { marks: Marks::at(0), rows: Rows::Checks(Vec::new()) },
            Query::CatalogServices { .. } => Answer { marks: Marks::at(0), rows: Rows::ServiceNames(Vec::new()) },
            Query::CatalogService { .. } | Query::HealthService { .. } => Answer { marks: Marks::at(0), rows: Rows::Instances(Vec::new()) },
            Query::CatalogNode { .. } => Answer { marks: Marks::at(0), rows: Rows::NodeServices(None) },
            Query::WholeNode { .. } => Answer { marks: Marks::at(0), rows: Rows::WholeNode(None) },
            Query::AutopilotConfiguration => {
                Answer { marks: Marks::at(state.autopilot().index()), rows: Rows::Autopilot(state.autopilot().row().cloned()) }
            }
        }
    }
}

fn list(kv: &Kv, prefix: &Key) -> Answer {
    let entries: Vec<Arc<Entry>> = kv.below(prefix).cloned().collect();
    let latest = entries.iter().map(|entry| entry.modify_index).max().unwrap_or(0);
    Answer { marks: kv.marks_below(prefix, latest), rows: Rows::Entries(entries) }
}

fn keys(kv: &Kv, prefix: &Key, separator: &Key) -> Answer {
    let mut latest = 0;
    let mut keys: Vec<Key> = Vec::new();
    for entry in kv.below(prefix) {
        latest = latest.max(entry.modify_index);
        match folded_length(&entry.key, prefix.len(), separator) {
            None => keys.push(entry.key.clone()),
            Some(length) if keys.last().is_some_and(|last| **last == entry.key[..length]) => {}
            Some(length) => keys.push(Key::new(&entry.key[..length])),
        }
    }
    Answer { marks: kv.marks_below(prefix, latest), rows: Rows::Keys(keys) }
}

/// Where a key is cut: after the first `separator` behind the prefix. `None` if there is none.
fn folded_length(key: &[u8], prefix: usize, separator: &[u8]) -> Option<usize> {
    let behind = &key[prefix..];
    let at = match separator {
        [] => None,
        [byte] => behind.iter().position(|b| b == byte),
        text => behind.windows(text.len()).position(|window| window == text),
    };
    at.map(|at| prefix + at + separator.len())
}

fn health_of_node(state: &State, node: &str) -> Answer {
    let marks = match state.nodes().checks_index(node) {
        Some(index) => Marks::at(index),
        None => Marks::at(state.nodes().index().max(state.checks().index())),
    };
    Answer { marks, rows: Rows::Checks(state.checks().of_node(node).cloned().collect()) }
}
