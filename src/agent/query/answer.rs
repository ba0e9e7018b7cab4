//! Answers: rows shared with the view they come from, and how current they are.

use super::prepared::{self, Executed, Explained, NotExecuted};
use super::{Query, catalog, health, kv, past};
use crate::model::{Index, Key};
use crate::state::autopilot::AutopilotRow;
use crate::state::checks::Check;
use crate::state::kv::{Change, Entry, Window};
use crate::state::nodes::Node;
use crate::state::queries::PreparedQuery;
use crate::state::services::Service;
use crate::state::sessions::Session;
use crate::state::{Marks, State, TxnReply, txn};
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
    /// Everything there is, by node.
    WholeNodes(Vec<WholeNode>),
    /// Nothing.
    Absent,
    /// Autopilot's settings, once they were set.
    Autopilot(Option<AutopilotRow>),
    /// Sessions, by id.
    Sessions(Vec<Arc<Session>>),
    /// What came of a transaction's reads.
    Txn(TxnReply),
    /// Changes of keys, the oldest first.
    Changes {
        /// What is remembered.
        window: Window,
        /// They.
        changes: Vec<Arc<Change>>,
        /// All there are up to this index.
        through: Index,
    },
    /// It is not remembered.
    OutsideWindow(Window),
    /// Prepared queries, by id.
    PreparedQueries(Vec<Arc<PreparedQuery>>),
    /// What a prepared query found.
    Executed(Result<Box<Executed>, NotExecuted>),
    /// What a prepared query says.
    Explained(Result<Box<Explained>, NotExecuted>),
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
    /// Answers from a view. After a restore everything counts as changed then, so that indexes go on rising and whoever waits hears of it.
    pub fn answer(&self, state: &State) -> Answer {
        let Answer { marks, rows } = self.found(state);
        Answer { marks: marks.at_least(state.restored_at()), rows }
    }

    fn found(&self, state: &State) -> Answer {
        match self {
            Query::KvGet { key } => kv::entry(state.kv(), key),
            Query::KvList { prefix } => kv::list(state.kv(), prefix),
            Query::KvKeys { prefix, separator } => kv::keys(state.kv(), prefix, separator),
            Query::CatalogNodes { choice } => catalog::nodes(state, choice),
            Query::CatalogServices { choice } => catalog::services(state, choice),
            Query::CatalogService { service, choice } => catalog::service(state, service, choice),
            Query::CatalogNode { node, choice } => catalog::node(state, node, choice),
            Query::WholeNode { node } => catalog::whole_node(state, node),
            Query::AtAddress { address } => catalog::at_address(state, *address),
            Query::WholeCatalog => catalog::whole(state),
            Query::HealthService { service, choice } => health::service(state, service, choice),
            Query::HealthChecks { service, choice } => health::checks(state, service, choice),
            Query::HealthState { state: word, choice } => health::state(state, word, choice),
            Query::HealthNode { node, choice } => health::node(state, node, choice),
            Query::AutopilotConfiguration => {
                Answer { marks: Marks::at(state.autopilot().index()), rows: Rows::Autopilot(state.autopilot().row().cloned()) }
            }
            Query::Session { id } => sessions(state, state.sessions().get(*id)),
            Query::Sessions => sessions(state, state.sessions().iter()),
            Query::SessionsOfNode { node } => sessions(state, state.sessions().of_node(node)),
            Query::Txn { reads } => Answer { marks: Marks::at(state.last_change()), rows: Rows::Txn(txn::read(state, reads)) },
            Query::KvAt { key, at } => past::entry(state, key, *at),
            Query::KvListAt { prefix, at } => past::list(state, prefix, *at),
            Query::KvHistory { key } => past::of_key(state, key),
            Query::KvChanges { prefix, after } => past::changes(state, prefix, *after),
            Query::PreparedQueries { id } => prepared::list(state, id.as_deref()),
            Query::ExecutePrepared { name, execution } => prepared::execute(state, name, execution),
            Query::ExecuteForOther { query, execution } => prepared::execute_for_other(state, query, execution),
            Query::ExplainPrepared { name, segment } => prepared::explain(state, name, segment),
            Query::LastChange => Answer { marks: Marks::at(state.last_change()), rows: Rows::Absent },
            Query::Absent => Answer { marks: Marks::at(0), rows: Rows::Absent },
        }
    }
}

fn sessions<'a>(state: &State, rows: impl IntoIterator<Item = &'a Arc<Session>>) -> Answer {
    Answer { marks: state.sessions().marks(), rows: Rows::Sessions(rows.into_iter().cloned().collect()) }
}
