//! A read: the question, what it waits for, and its answer from a view. Questions and answers travel between agents.

mod answer;
mod blocking;
mod choice;
mod fields;
mod records;

pub use crate::api::read::{CacheControl, ReadMode, ReadOptions};
pub use answer::{Answer, Instance, NodeServices, Rows, WholeNode};
pub use blocking::{Verdict, judge, patience};
pub use choice::{Choice, Chooser, Health, Subject};
pub use records::CheckRecord;

use crate::model::{Key, Table, Topic};
use crate::state::nodes::fold;
use serde::{Deserialize, Serialize};

/// One question to the replicated state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Autopilot's settings.
    AutopilotConfiguration,
}

impl Query {
    /// What changes when the answer does: a blocking query waits on these.
    pub fn topics(&self) -> Vec<Topic> {
        match self {
            Query::KvGet { key } => vec![Topic::Key(key.clone())],
            Query::KvList { prefix } | Query::KvKeys { prefix, .. } => vec![Topic::KeyPrefix(prefix.clone())],
            Query::CatalogNodes { .. } => vec![Topic::Table(Table::Nodes)],
            Query::HealthNode { node, .. } | Query::CatalogNode { node, .. } | Query::WholeNode { node } => vec![Topic::Node(fold(node))],
            Query::CatalogServices { .. }
            | Query::CatalogService { .. }
            | Query::HealthService { .. }
            | Query::HealthChecks { .. }
            | Query::HealthState { .. } => vec![Topic::Table(Table::Checks)],
            Query::AutopilotConfiguration => vec![Topic::Table(Table::Autopilot)],
        }
    }
}

#[cfg(test)]
mod tests;
