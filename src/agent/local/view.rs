//! The agent's registrations as they stand, to be read without waiting for anyone.

use crate::model::{CheckDefinition, CheckStatus, ServiceSpec};
use imbl::OrdMap;
use std::sync::Arc;

/// All registrations at one moment. Cloning is cheap.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LocalView {
    /// Services by id.
    pub services: OrdMap<Arc<str>, Arc<LocalService>>,
    /// Checks by id, those of maintenance too.
    pub checks: OrdMap<Arc<str>, Arc<LocalCheck>>,
}

/// A service of this agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalService {
    /// What was registered.
    pub spec: ServiceSpec,
    /// Where the registration comes from.
    pub origin: Origin,
    /// The token it uses; empty for the agent's.
    pub token: String,
}

/// A check of this agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCheck {
    /// What it does.
    pub definition: Arc<CheckDefinition>,
    /// How it stands.
    pub status: CheckStatus,
    /// What it said last.
    pub output: String,
    /// Where the registration comes from.
    pub origin: Origin,
    /// Whether it came with its service.
    pub embedding: Embedding,
}

/// Where a registration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A definition file; gone from there, it goes at the next reload.
    File,
    /// The HTTP interface; kept on disk until it is deregistered.
    Api,
    /// The agent itself (maintenance). Kept on disk until it is taken back.
    Agent,
}

/// Whether a check came with its service: clients are shown interval and timeout only of one that did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Embedding {
    /// Within the service's definition.
    InService,
    /// By a definition of its own, be it of a service or of the node.
    Alone,
}
