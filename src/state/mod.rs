//! Floor 1: the replicated state. [`State::apply`] is the only mutation; it is a function of the state, the index and the stamped command.
//!
//! One file a table. A new table adds a field to [`State`], a [`Command`], its [`crate::model::Topic`]s and a kind of section in `snapshot`.

mod addresses;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod archive;
pub mod autopilot;
mod catalog;
pub mod checks;
mod command;
pub mod coordinates;
mod departed;
mod fences;
mod home;
pub mod kv;
pub mod nodes;
mod order;
mod pool;
pub mod queries;
mod restore;
pub mod services;
pub mod sessions;
mod snapshot;
pub mod timers;
pub mod txn;

pub use crate::model::Touched;
pub use command::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Reply, Stamped, WriteOrder};
pub use fences::MOST_OPEN;
pub use queries::QueryCommand;
pub use restore::RestoreCommand;
pub use sessions::SessionCommand;
pub use txn::{CatalogOp, TxnOp, TxnRead, TxnReply};

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
    fences: fences::Fences,
    pools: pool::Pools,
    autopilot: autopilot::Autopilot,
    sessions: sessions::Sessions,
    timers: timers::Timers,
    coordinates: coordinates::Coordinates,
    queries: queries::Queries,
    lineage: restore::Lineage,
    /// Apart, since it is there only while one is under way.
    restoring: Option<Box<restore::Restoring>>,
}

/// When a command is applied.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Its place in the log.
    index: Index,
    /// Its stamp.
    at: Timestamp,
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

    /// Raises both to `floor`.
    #[must_use]
    pub fn at_least(self, floor: Index) -> Marks {
        Marks { index: self.index.max(floor), changed: self.changed.max(floor) }
    }
}

impl State {
    /// Applies the command of the log entry at `log`, which must be greater than that of any command before. Its changes have
    /// [the index](State::index_of) of that entry.
    pub fn apply(&mut self, log: Index, stamped: &Stamped) -> (Reply, Touched) {
        let index = self.index_of(log);
        assert!(index > self.last_change(), "commands are applied in the order of their indexes");
        let mut touched = Touched::default();
        self.kv.history.turn(stamped.at);
        let at = Moment { index, at: stamped.at };
        let reply = match &stamped.command {
            Command::Nothing => Reply::Done,
            Command::Kv(command) => self.apply_kv(at, command, &mut touched),
            Command::Fenced { token, then } => match self.kv.check_token(token) {
                Ok(()) => self.apply_kv(at, then, &mut touched),
                Err(lost) => Reply::LockLost(lost.to_string()),
            },
            Command::Catalog(command) => catalog::apply(self, at, command, &mut touched),
            Command::Ordered { order, command } => catalog::apply_ordered(self, at, order, command, &mut touched),
            Command::Autopilot { settings, condition } => self.autopilot.set(index, settings, *condition, &mut touched),
            Command::Session(command) => sessions::apply(self, at, command, &mut touched),
            Command::Expire(expired) => self.expire(at, expired, &mut touched),
            Command::Txn(ops) => txn::apply(self, at, ops, &mut touched),
            Command::Locate(said) => {
                coordinates::set(self, index, said, &mut touched);
                Reply::Done
            }
            Command::Restore(command) => self.restore(log, stamped.at, command, &mut touched),
            Command::Query(command) => queries::apply(self, index, command, &mut touched),
        };
        (reply, touched)
    }

    fn apply_kv(&mut self, at: Moment, command: &KvCommand, touched: &mut Touched) -> Reply {
        let mut bonds = kv::Bonds { sessions: &mut self.sessions, timers: &mut self.timers };
        self.kv.apply(at, command, &mut bonds, touched)
    }

    /// Ends what the leader saw expire, unless it was set anew since.
    fn expire(&mut self, at: Moment, expired: &[timers::Expiry], touched: &mut Touched) -> Reply {
        for expiry in expired {
            if !self.timers.stands(expiry) {
                continue;
            }
            match &expiry.timer {
                timers::Timer::Session(id) => sessions::end(self, at, *id, touched),
                timers::Timer::LockDelay(id) => sessions::end_lock_delay(self, *id, touched),
                timers::Timer::Key(key) => {
                    let mut bonds = kv::Bonds { sessions: &mut self.sessions, timers: &mut self.timers };
                    self.kv.delete(at, [key.clone()].into(), &mut bonds, touched);
                }
            }
        }
        Reply::Done
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
        let catalog = self.nodes.index.max(self.services.index).max(self.checks.index);
        self.kv
            .index
            .max(catalog)
            .max(self.autopilot.index())
            .max(self.queries.index())
            .max(self.sessions.index)
            .max(self.coordinates.index)
            .max(self.restored_at())
    }

    /// Prepared queries.
    pub fn queries(&self) -> &queries::Queries {
        &self.queries
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

    /// The sessions.
    pub fn sessions(&self) -> &sessions::Sessions {
        &self.sessions
    }

    /// What ends by itself.
    pub fn timers(&self) -> &timers::Timers {
        &self.timers
    }

    /// Autopilot's settings.
    pub fn autopilot(&self) -> &autopilot::Autopilot {
        &self.autopilot
    }

    /// Where nodes lie in the network.
    pub fn coordinates(&self) -> &coordinates::Coordinates {
        &self.coordinates
    }

    /// Whether a leader whose clock shows `now` should propose [`KvCommand::ReapTombstones`].
    pub fn reaping_is_due(&self, now: Timestamp) -> bool {
        self.kv.reaping_is_due(now)
    }
}

#[cfg(test)]
mod tests;
