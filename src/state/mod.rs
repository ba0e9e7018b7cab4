//! Floor 1: the replicated state. [`State::apply`] is the only mutation; it is a function of the state, the index and the stamped command.
//!
//! One file a table. A new table adds a field to [`State`], a [`Command`], its [`crate::model::Topic`]s and a kind of section in `snapshot`.

pub mod autopilot;
pub mod checks;
mod command;
mod home;
pub mod kv;
pub mod nodes;
mod pool;
pub mod services;
mod snapshot;

pub use crate::model::Touched;
pub use command::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Reply, Stamped};

use crate::model::{Index, Timestamp};
use serde::{Deserialize, Serialize};

/// All tables. Cloning is cheap and gives an immutable view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    kv: kv::Kv,
    nodes: nodes::Nodes,
    checks: checks::Checks,
    autopilot: autopilot::Autopilot,
}

/// How current an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// What the client is told (`X-Consul-Index`). It never goes back while the state lives.
    pub index: Index,
    /// The last change of exactly what was asked, as far as it is remembered; at most `index`. A blocking query waits while this is at most
    /// the client's index: for an absent key `index` is the whole table's and would end the wait with every unrelated write.
    pub changed: Index,
}

impl Marks {
    /// The same for both.
    pub const fn at(index: Index) -> Marks {
        Marks { index, changed: index }
    }
}

impl State {
    /// Applies one command at `index`, which must be greater than that of any command before.
    pub fn apply(&mut self, index: Index, stamped: &Stamped) -> (Reply, Touched) {
        assert!(index > self.last_change(), "commands are applied in the order of their indexes");
        let mut touched = Touched::default();
        let reply = match &stamped.command {
            Command::Nothing => Reply::Done,
            Command::Kv(command) => self.kv.apply(index, stamped.at, command, &mut touched),
            Command::Catalog(command) => self.apply_to_catalog(index, command, &mut touched),
            Command::Autopilot { settings, condition } => self.autopilot.set(index, settings, *condition, &mut touched),
        };
        (reply, touched)
    }

    fn apply_to_catalog(&mut self, index: Index, command: &CatalogCommand, touched: &mut Touched) -> Reply {
        match command {
            CatalogCommand::Register { node, update: _, service, checks } => {
                if service.is_some() {
                    return Reply::Refused("services are not kept yet".to_owned());
                }
                if let Err(refusal) = nodes::register(self, index, node, touched) {
                    return Reply::Refused(refusal.to_string());
                }
                for check in checks {
                    checks::register(self, index, &node.name, check, touched);
                }
            }
            CatalogCommand::DeregisterNode { node, only_id } => nodes::deregister(self, index, node, *only_id, touched),
            CatalogCommand::DeregisterService { .. } => {}
            CatalogCommand::DeregisterCheck { node, check } => checks::deregister(self, index, node, check, touched),
        }
        Reply::Done
    }

    /// The index of the last command that changed anything.
    pub fn last_change(&self) -> Index {
        self.kv.index.max(self.nodes.index).max(self.checks.index).max(self.autopilot.index())
    }

    /// The KV store.
    pub fn kv(&self) -> &kv::Kv {
        &self.kv
    }

    /// The catalog's nodes.
    pub fn nodes(&self) -> &nodes::Nodes {
        &self.nodes
    }

    /// The catalog's checks.
    pub fn checks(&self) -> &checks::Checks {
        &self.checks
    }

    /// Autopilot's settings.
    pub fn autopilot(&self) -> &autopilot::Autopilot {
        &self.autopilot
    }

    /// Whether a leader whose clock shows `now` should propose [`KvCommand::ReapTombstones`].
    pub fn reaping_is_due(&self, now: Timestamp) -> bool {
        self.kv.reaping_is_due(now)
    }
}

#[cfg(test)]
mod tests;
