//! What is asked of the agent's registrations.

use crate::health::TreeFault;
use crate::model::{CheckDefinition, CheckStatus, ServiceDefinition};

/// One change to the agent's registrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocalChange {
    /// Registers a service with its checks, or replaces the one of the same id.
    RegisterService {
        /// What is registered.
        definition: Box<ServiceDefinition>,
        /// What becomes of the service's checks that the definition does not name.
        others: OtherChecks,
    },
    /// Removes a service and its checks.
    DeregisterService {
        /// Which.
        id: String,
    },
    /// Registers a check, or replaces the one of the same id; its status stays.
    RegisterCheck {
        /// What is registered.
        definition: Box<CheckDefinition>,
    },
    /// Removes a check.
    DeregisterCheck {
        /// Which.
        id: String,
    },
    /// Tells a TTL check how it stands.
    Heartbeat {
        /// Which.
        id: String,
        /// How it stands.
        status: CheckStatus,
        /// What it says.
        output: String,
    },
    /// Takes a service out of use, or back into it.
    ServiceMaintenance {
        /// Which.
        id: String,
        /// Out or in.
        maintenance: Maintenance,
    },
    /// Takes the node out of use, or back into it.
    NodeMaintenance(Maintenance),
}

/// What becomes of a service's checks that a new registration does not name (`replace-existing-checks`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherChecks {
    /// They stay.
    Keep,
    /// They go.
    Drop,
}

/// Whether something is in maintenance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maintenance {
    /// It is; the reason may be empty.
    On {
        /// Why.
        reason: String,
    },
    /// It is not.
    Off,
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// No such service.
    #[error("unknown service ID: {0}")]
    UnknownService(String),
    /// No such check.
    #[error("unknown check ID: {0}")]
    UnknownCheck(String),
    /// The check is there but is not one that is told how it stands.
    #[error("CheckID \"{0}\" does not have associated TTL")]
    NoTtl(String),
    /// The service that a check is to belong to is not there.
    #[error("ServiceID \"{0}\" does not exist")]
    NoServiceForCheck(String),
    /// Checks that run programs are turned off.
    #[error("Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true")]
    ScriptsDisabled,
    /// A check that cannot be looked after.
    #[error("Invalid check: {id:?}: {fault}")]
    InvalidCheck {
        /// Which.
        id: String,
        /// Why not.
        fault: TreeFault,
    },
    /// A bound was reached.
    #[error("{0}")]
    Full(String),
    /// What was to be remembered could not be written.
    #[error("failed to persist: {0}")]
    Disk(String),
}
