//! Autopilot's settings: one row, replicated so that every leader follows the same.

use super::{Condition, Reply};
use crate::model::{Index, Table, Topic, Touched};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How the leader looks after the servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutopilotSettings {
    /// Remove failed servers once others have taken their place.
    pub cleanup_dead_servers: bool,
    /// A server silent for longer is unhealthy.
    pub last_contact_threshold: Duration,
    /// A server further behind than so many entries is unhealthy.
    pub max_trailing_logs: u64,
    /// Cleaning up never leaves fewer voters.
    pub min_quorum: u32,
    /// How long a server must be healthy before it votes.
    pub server_stabilization_time: Duration,
    /// Kept for clients, without effect here.
    pub redundancy_zone_tag: String,
    /// Kept for clients, without effect here.
    pub disable_upgrade_migration: bool,
    /// Kept for clients, without effect here.
    pub upgrade_version_tag: String,
}

/// The row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutopilotRow {
    /// What was set.
    pub settings: AutopilotSettings,
    /// When it was first set.
    pub create_index: Index,
    /// When it was last set.
    pub modify_index: Index,
}

/// The table: empty until the first leader writes its configuration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Autopilot {
    pub(super) row: Option<AutopilotRow>,
}

impl Autopilot {
    /// The settings, once they were set.
    pub fn row(&self) -> Option<&AutopilotRow> {
        self.row.as_ref()
    }

    /// The last change.
    pub fn index(&self) -> Index {
        self.row.as_ref().map_or(0, |row| row.modify_index)
    }

    pub(super) fn set(&mut self, index: Index, settings: &AutopilotSettings, condition: Condition, touched: &mut Touched) -> Reply {
        if !condition.holds(self.row.as_ref().map(|row| row.modify_index)) {
            return Reply::Took(false);
        }
        let create_index = self.row.as_ref().map_or(index, |row| row.create_index);
        self.row = Some(AutopilotRow { settings: settings.clone(), create_index, modify_index: index });
        touched.add(Topic::Table(Table::Autopilot));
        Reply::Took(true)
    }
}
