//! Taking a service or the node out of use: a check that is critical for as long as it is there.

use super::change::Maintenance;
use crate::model::{CheckDefinition, CheckStatus, Probe, Thresholds};
use std::time::Duration;

/// The id of the check that takes the node out of use.
pub const NODE_MAINTENANCE: &str = "_node_maintenance";

/// What the id of a check begins with that takes a service out of use; the service's id follows.
pub const SERVICE_MAINTENANCE: &str = "_service_maintenance:";

/// The id of the check that takes this service out of use.
pub fn maintenance_of(service: &str) -> String {
    format!("{SERVICE_MAINTENANCE}{service}")
}

/// Whether a check's id says that something is out of use.
pub fn is_maintenance(check: &str) -> bool {
    check == NODE_MAINTENANCE || check.starts_with(SERVICE_MAINTENANCE)
}

/// What is taken out of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject<'a> {
    /// All of the node.
    Node,
    /// One service.
    Service(&'a str),
}

impl Subject<'_> {
    /// The check's id.
    pub fn check_id(self) -> String {
        match self {
            Subject::Node => NODE_MAINTENANCE.to_owned(),
            Subject::Service(id) => maintenance_of(id),
        }
    }

    /// The check that takes it out of use, unless it is to be in use.
    pub fn check(self, maintenance: &Maintenance) -> Option<CheckDefinition> {
        let Maintenance::On { reason } = maintenance else { return None };
        let (name, what, service_id) = match self {
            Subject::Node => ("Node Maintenance Mode", "node", ""),
            Subject::Service(id) => ("Service Maintenance Mode", "service", id),
        };
        let unexplained = || format!("Maintenance mode is enabled for this {what}, but no reason was provided. This is a default message.");
        Some(CheckDefinition {
            id: self.check_id(),
            name: name.to_owned(),
            notes: if reason.is_empty() { unexplained() } else { reason.clone() },
            service_id: service_id.to_owned(),
            initial: Some(CheckStatus::Critical),
            probe: Probe::Maintenance,
            interval: Duration::ZERO,
            timeout: None,
            thresholds: Thresholds::default(),
            deregister_after: None,
            output_limit: None,
            token: String::new(),
        })
    }
}
