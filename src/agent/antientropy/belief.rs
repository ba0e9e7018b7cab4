//! What the catalog is believed to hold of the node.

use crate::model::{Instant, ServiceSpec};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is believed of one row.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Belief<T> {
    /// Nothing: it was never read, or nobody knows what came of the last write.
    #[default]
    Unknown,
    /// It is not there.
    Absent,
    /// It is there.
    Is {
        row: T,
        /// When that was last found, or written.
        since: Instant,
    },
}

impl<T: PartialEq> Belief<T> {
    /// Whether it is known to hold exactly this.
    pub fn is(&self, wanted: &T) -> bool {
        matches!(self, Belief::Is { row, .. } if row == wanted)
    }

    pub fn row(&self) -> Option<&T> {
        match self {
            Belief::Is { row, .. } => Some(row),
            Belief::Unknown | Belief::Absent => None,
        }
    }
}

/// Whether the catalog was read at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Read {
    /// Not yet: of what is not listed nothing is known.
    #[default]
    Never,
    /// It was: what is not listed is not there.
    Once,
}

/// What is believed of all rows.
#[derive(Debug, Default)]
pub(super) struct Beliefs {
    pub read: Read,
    pub node: Belief<NodeSpec>,
    pub services: BTreeMap<Arc<str>, Belief<ServiceSpec>>,
    pub checks: BTreeMap<Arc<str>, Belief<CheckSpec>>,
}

impl Beliefs {
    pub fn service(&self, id: &str) -> &Belief<ServiceSpec> {
        self.services.get(id).unwrap_or(match self.read {
            Read::Never => &Belief::Unknown,
            Read::Once => &Belief::Absent,
        })
    }

    pub fn check(&self, id: &str) -> &Belief<CheckSpec> {
        self.checks.get(id).unwrap_or(match self.read {
            Read::Never => &Belief::Unknown,
            Read::Once => &Belief::Absent,
        })
    }
}
