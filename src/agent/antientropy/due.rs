//! What the catalog may have wrong, and what has just been found to be refused or lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is to be written, if it differs from what the catalog is believed to hold.
#[derive(Debug, Default)]
pub(super) struct Due {
    pub node: bool,
    /// Services, with checks of theirs. A service that is only here for its checks may itself be as it should be.
    pub services: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Checks of the node, and checks that are gone.
    pub checks: BTreeSet<Arc<str>>,
}

impl Due {
    pub fn add_service(&mut self, id: &Arc<str>) {
        self.services.entry(id.clone()).or_default();
    }

    /// Adds a check; `service` is its service, if it is registered and belongs to one.
    pub fn add_check(&mut self, id: &Arc<str>, service: Option<Arc<str>>) {
        match service {
            Some(service) => {
                self.services.entry(service).or_default().insert(id.clone());
            }
            None => {
                self.checks.insert(id.clone());
            }
        }
    }

    pub fn len(&self) -> usize {
        usize::from(self.node) + self.services.len() + self.checks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Due) {
        self.node |= other.node;
        for (service, checks) in other.services {
            self.services.entry(service).or_default().extend(checks);
        }
        self.checks.extend(other.checks);
    }
}
