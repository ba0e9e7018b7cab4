//! A read: the question, what it waits for, and its answer from a view. Questions and answers travel between agents.

mod answer;
mod blocking;
mod catalog;
mod choice;
mod fields;
mod fingerprint;
mod health;
mod kv;
mod near;
mod past;
mod prepared;
mod records;

pub use crate::api::read::{CacheControl, ReadMode, ReadOptions};
pub use answer::{Answer, Instance, NodeServices, Rows, WholeNode};
pub use blocking::{Verdict, Wait, judge, patience};
pub use choice::{Choice, Chooser, Health, Subject};
pub use near::sort_by_distance;
pub use prepared::{Executed, Execution, Explained, NotExecuted};
pub use records::CheckRecord;

use crate::model::{Index, Key, SessionId, Table, Topic};
use crate::state::nodes::fold;
use crate::state::queries::ServiceQuery;
use crate::state::{State, TxnRead};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One question to the replicated state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Query {
    /// One key with its value.
    KvGet {
        /// Which.
        key: Key,
    },
    /// Every key with this prefix, with its value.
    KvList {
        /// Text that the keys begin with.
        prefix: Key,
    },
    /// The names of the keys with this prefix.
    KvKeys {
        /// Text that the keys begin with.
        prefix: Key,
        /// Names end with the first of these after the prefix, and each is given once. Empty: names are given whole.
        separator: Key,
    },
    /// The nodes of the catalog.
    CatalogNodes {
        /// Which of them.
        choice: Choice,
    },
    /// The names of services with the tags their instances have.
    CatalogServices {
        /// Which instances count.
        choice: Choice,
    },
    /// The instances of a service, healthy or not.
    CatalogService {
        /// Its name, compared as it is written.
        service: String,
        /// Which of them.
        choice: Choice,
    },
    /// A node and its instances.
    CatalogNode {
        /// Its name, compared without case, or its id, or two characters or more that only its id begins with.
        node: String,
        /// Which instances.
        choice: Choice,
    },
    /// The instances of a service with their nodes and checks.
    HealthService {
        /// Its name, compared as it is written.
        service: String,
        /// Which of them.
        choice: Choice,
    },
    /// The checks of a service's instances.
    HealthChecks {
        /// Its name, compared as it is written.
        service: String,
        /// Which of them.
        choice: Choice,
    },
    /// The checks that stand so.
    HealthState {
        /// A word, or `any`.
        state: String,
        /// Which of them.
        choice: Choice,
    },
    /// The checks of one node and its instances.
    HealthNode {
        /// Its name, compared without case.
        node: String,
        /// Which of them.
        choice: Choice,
    },
    /// Everything the catalog has of one node, for the agent that puts it right.
    WholeNode {
        /// Its name, compared without case.
        node: String,
    },
    /// Who has an address: the first node, or else the first instance.
    AtAddress {
        /// Which.
        address: IpAddr,
    },
    /// Everything the catalog has, node by node.
    WholeCatalog,
    /// Autopilot's settings.
    AutopilotConfiguration,
    /// Where nodes lie in the network.
    Coordinates {
        /// Which of them, by names compared without case; `None` is all that are known.
        nodes: Option<Vec<String>>,
    },
    /// Prepared queries as they are kept.
    PreparedQueries {
        /// Only the one with this id.
        id: Option<String>,
    },
    /// The instances that a prepared query finds.
    ExecutePrepared {
        /// Its id or name.
        name: String,
        /// How it is carried out.
        execution: Execution,
    },
    /// The instances that a prepared query of another datacenter finds here.
    ExecuteForOther {
        /// What it asks for.
        query: Box<ServiceQuery>,
        /// How it is carried out.
        execution: Execution,
    },
    /// What a prepared query says when it is asked by this name.
    ExplainPrepared {
        /// Its id or name.
        name: String,
        /// The segment of the agent that was asked.
        segment: String,
    },
    /// What a key was as of an index. Of the past an answer may be that it is not remembered.
    KvAt {
        /// Which.
        key: Key,
        /// The index.
        at: Index,
    },
    /// What every key with this prefix was as of an index.
    KvListAt {
        /// Text that the keys begin with.
        prefix: Key,
        /// The index.
        at: Index,
    },
    /// How a key came to be what it is.
    KvHistory {
        /// Which.
        key: Key,
    },
    /// What changed among the keys with this prefix, the oldest first, as much as goes into one answer.
    KvChanges {
        /// Text that the keys begin with.
        prefix: Key,
        /// Behind this index.
        after: Index,
    },
    /// When anything was last changed.
    LastChange,
    /// One session.
    Session {
        /// Which.
        id: SessionId,
    },
    /// All sessions.
    Sessions,
    /// The sessions of one node.
    SessionsOfNode {
        /// Its name, compared without case.
        node: String,
    },
    /// A transaction that changes nothing, on one view. It does not wait.
    Txn {
        /// Its operations.
        reads: Vec<TxnRead>,
    },
}

impl Query {
    /// What changes when the answer does: a blocking query that has looked at `state` waits on these, and asks anew after it looked again.
    pub fn topics(&self, state: &State) -> Vec<Topic> {
        match self {
            Query::KvGet { key } => vec![Topic::Key(key.clone())],
            Query::KvList { prefix } | Query::KvKeys { prefix, .. } => vec![Topic::KeyPrefix(prefix.clone())],
            Query::CatalogNodes { .. } => vec![Topic::Table(Table::Nodes)],
            Query::CatalogServices { choice } if choice.takes_all() => vec![Topic::Table(Table::ServiceNames)],
            Query::CatalogServices { .. } => vec![Topic::Table(Table::Services), Topic::Table(Table::Nodes)],
            Query::CatalogService { service, .. } => vec![Topic::Service(fold(service))],
            Query::CatalogNode { node, .. } => topics_of_node(node, state),
            Query::HealthService { service, .. } | Query::HealthChecks { service, .. } => {
                vec![Topic::ServiceHealth(fold(service))]
            }
            Query::HealthState { choice, .. } if choice.node_meta.is_empty() => vec![Topic::Table(Table::Checks)],
            Query::HealthState { .. } => vec![Topic::Table(Table::Checks), Topic::Table(Table::Nodes)],
            Query::HealthNode { node, .. } => vec![Topic::NodeChecks(fold(node))],
            Query::WholeNode { node } => vec![Topic::Node(fold(node)), Topic::NodeChecks(fold(node))],
            Query::AtAddress { .. } => vec![Topic::Table(Table::Nodes), Topic::Table(Table::Services)],
            Query::WholeCatalog => vec![Topic::Table(Table::Nodes), Topic::Table(Table::Services), Topic::Table(Table::Checks)],
            Query::AutopilotConfiguration => vec![Topic::Table(Table::Autopilot)],
            Query::Session { .. } | Query::Sessions | Query::SessionsOfNode { .. } => vec![Topic::Table(Table::Sessions)],
            Query::Coordinates { .. } => vec![Topic::Table(Table::Coordinates)],
            Query::KvChanges { prefix, .. } => vec![Topic::KeyPrefix(prefix.clone())],
            Query::KvAt { .. } | Query::KvListAt { .. } | Query::KvHistory { .. } => Vec::new(),
            Query::PreparedQueries { .. } => vec![Topic::Table(Table::Queries)],
            Query::ExecutePrepared { .. } | Query::ExecuteForOther { .. } | Query::ExplainPrepared { .. } => Vec::new(),
            Query::LastChange | Query::Txn { .. } => Vec::new(),
        }
    }
}

/// A node that is found by its name waits on that name; what may be an id waits for every node that could be meant, and on the one that is.
fn topics_of_node(text: &str, state: &State) -> Vec<Topic> {
    let mut topics = vec![Topic::Node(fold(text))];
    if state.nodes().get(text).is_none() && state.nodes().may_be_id(text) {
        topics.push(Topic::Table(Table::Nodes));
        topics.extend(state.nodes().find(text).map(|node| Topic::Node(fold(node.spec.name.as_str()))));
    }
    topics
}

#[cfg(test)]
mod tests;
