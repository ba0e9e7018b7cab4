//! A node's name as its rows carry it.

use crate::model::NodeName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The form in which names of nodes are compared.
pub fn fold(name: &str) -> Arc<str> {
    name.to_lowercase().into()
}

/// A node's name and the form it is compared in: one for all rows of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "NodeName", into = "NodeName")]
pub(crate) struct Home {
    pub(super) name: NodeName,
    pub(super) folded: Arc<str>,
}

impl From<NodeName> for Home {
    fn from(name: NodeName) -> Home {
        Home { folded: fold(name.as_str()), name }
    }
}

impl From<Home> for NodeName {
    fn from(home: Home) -> NodeName {
        home.name
    }
}
