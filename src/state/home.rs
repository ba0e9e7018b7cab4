//! The form in which names are compared, and a node's name as its rows carry it.

use crate::model::NodeName;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// The form in which names of nodes are compared.
pub fn fold(name: &str) -> Arc<str> {
    name.to_lowercase().into()
}

/// The form in which names of services are compared. Most are in it as they are written.
pub fn folded(name: &str) -> Cow<'_, str> {
    match name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_lowercase()),
    }
}

/// The same of a name that is shared.
pub(super) fn folded_shared(name: &Arc<str>) -> Arc<str> {
    match folded(name) {
        Cow::Borrowed(_) => name.clone(),
        Cow::Owned(folded) => folded.into(),
    }
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
