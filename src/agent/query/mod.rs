//! A read: the question, what it waits for, and its answer from a view. Questions and answers travel between agents.

mod answer;
mod blocking;

pub use answer::{Answer, Rows};
pub use blocking::{Verdict, judge, patience};

use crate::model::{Index, Key, Table, Topic};
use crate::state::nodes::fold;
use serde::{Deserialize, Serialize};
use std::time::Duration;

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

/// How current an answer must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadMode {
    /// The leader answers while its lease holds.
    #[default]
    Default,
    /// The leader asks a quorum first.
    Consistent,
    /// Any server answers with what it has, however old.
    Stale {
        /// At most this old; an older answer is asked of the leader instead.
        max_age: Option<Duration>,
    },
}

/// How a question is to be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// How current.
    pub mode: ReadMode,
    /// Wait until something asked for changed after this index; 0 answers at once.
    pub min_index: Index,
    /// How long to wait at most; `None` is the server's default, more than its maximum is cut.
    pub wait: Option<Duration>,
    /// The datacenter to ask, `None` for the agent's own.
    pub dc: Option<String>,
}

#[cfg(test)]
mod tests;
