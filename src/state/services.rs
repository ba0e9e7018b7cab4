//! The catalog's service instances.

use crate::model::{Index, NodeName, ServiceSpec};
use serde::{Deserialize, Serialize};

/// A row of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its node.
    pub node: NodeName,
    /// What was registered.
    pub spec: ServiceSpec,
    /// When it came to be.
    pub create_index: Index,
    /// When it last changed.
    pub modify_index: Index,
}
