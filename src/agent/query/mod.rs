//! A read: the question, what it waits for, and its answer from a view. Questions and answers travel between agents.

mod answer;
mod blocking;

pub use crate::api::read::{ReadMode, ReadOptions};
pub use answer::{Answer, Rows};
pub use blocking::{Verdict, judge, patience};

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
    CatalogNodes,
    /// The checks of one node.
    HealthNode {
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
            Query::CatalogNodes => vec![Topic::Table(Table::Nodes)],
            Query::HealthNode { node } => vec![Topic::Node(fold(node))],
            Query::AutopilotConfiguration => vec![Topic::Table(Table::Autopilot)],
        }
    }
}

#[cfg(test)]
mod tests;
