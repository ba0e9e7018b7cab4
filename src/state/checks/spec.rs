//! What is registered about a check.

use crate::model::{CatalogStatus, CheckStatus};
use serde::{Deserialize, Serialize};

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
