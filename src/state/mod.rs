//! Floor 1: the replicated state. [`State::apply`] is the only mutation; it is a function of the state, the index and the stamped command.
//!
//! One file a table. A new table adds a field to [`State`], a [`Command`], its [`crate::model::Topic`]s and a kind of section in `snapshot`.

#[cfg(test)]
pub(crate) mod arbitrary;
pub mod autopilot;
mod catalog;
pub mod checks;
mod command;
mod departed;
mod home;
pub mod kv;
pub mod nodes;
mod order;
mod pool;
pub mod services;
mod snapshot;

pub use crate::model::Touched;
pub use command::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Reply, Stamped};

use crate::model::{Index, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All tables. Cloning is cheap and gives an immutable view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    kv: kv::Kv,
    nodes: nodes::Nodes,
    services: services::Services,
    checks: checks::Checks,
    pools: pool::Pools,
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
            Command::Catalog(command) => catalog::apply(self, index, command, &mut touched),
            Command::Autopilot { settings, condition } => self.autopilot.set(index, settings, *condition, &mut touched),
        };
        (reply, touched)
    }

    /// Puts the checks of an instance, or of the node itself if `service_id` is empty, where readers of its row find them.
    fn seat_checks(&mut self, folded: &str, service_id: &str) {
        let own: checks::Own = self.checks.of(folded, service_id).cloned().collect();
        match service_id {
            "" => self.nodes.rows.get_mut(folded).into_iter().for_each(|slot| slot.own = own.clone()),
            id => self.services.set_own(folded, id, own),
        }
    }

    /// The index of the last command that changed anything.
    pub fn last_change(&self) -> Index {
        self.kv.index.max(self.nodes.index).max(self.services.index).max(self.checks.index).max(self.autopilot.index())
    }

    /// The KV store.
    pub fn kv(&self) -> &kv::Kv {
        &self.kv
    }

    /// The catalog's nodes.
    pub fn nodes(&self) -> &nodes::Nodes {
        &self.nodes
    }

    /// The catalog's instances.
    pub fn services(&self) -> &services::Services {
        &self.services
    }

    /// The names of services, in order, with the tags of their instances, sorted and once each.
    pub fn services_listed(&self) -> impl Iterator<Item = (Arc<str>, Vec<Arc<str>>)> {
        self.pools.tags_by_name()
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
