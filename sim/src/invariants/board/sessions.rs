//! What commands make of sessions, and how these end.

use super::Board;
use muster::model::{CatalogStatus, CheckStatus, Index, Key, SessionId};
use muster::state::CatalogCommand;
use muster::state::sessions::{Behavior, LONGEST_LOCK_DELAY, SessionCommand, SessionSpec};
use muster::state::timers::{Expiry, Timer};
use std::collections::BTreeSet;

impl Board {
    pub(super) fn session(&mut self, index: Index, command: &SessionCommand) {
        match command {
            SessionCommand::Create { id, spec } => {
                if spec.ttl.as_ref().is_some_and(|ttl| !ttl.length.is_zero()) {
                    self.timers.insert(Timer::Session(*id), index);
                }
                self.sessions.insert(*id, spec.clone());
            }
            SessionCommand::Destroy { id } => self.end(index, *id),
        }
    }

    pub(super) fn end(&mut self, index: Index, id: SessionId) {
        let Some(spec) = self.sessions.remove(&id) else { return };
        self.timers.remove(&Timer::Session(id));
        let held: BTreeSet<Key> = self.rows.iter().filter(|(_, row)| row.holder == Some(id)).map(|(key, _)| key.clone()).collect();
        for key in &held {
            match spec.behavior {
                Behavior::Delete => self.delete(key),
                Behavior::Release => self.release(index, key),
            }
        }
        if !held.is_empty() && !spec.lock_delay.min(LONGEST_LOCK_DELAY).is_zero() {
            self.delayed.insert(id, held);
            self.timers.insert(Timer::LockDelay(id), index);
        }
    }

    /// The time of a key that has one begins anew, as with every change.
    fn release(&mut self, index: Index, key: &Key) {
        if let Some(row) = self.rows.get_mut(key) {
            (row.holder, row.modified) = (None, index);
            self.touched.insert(key.clone());
        }
        self.timers.entry(Timer::Key(key.clone())).and_modify(|since| *since = index);
    }

    pub(super) fn expire(&mut self, index: Index, expiry: &Expiry) {
        if !self.stands(expiry) {
            return;
        }
        match &expiry.timer {
            Timer::Session(id) => self.end(index, *id),
            Timer::Key(key) => self.delete(key),
            Timer::LockDelay(id) => {
                self.delayed.remove(id);
                self.timers.remove(&expiry.timer);
            }
        }
    }

    /// Sessions end with their node, and with a check that turns critical or goes.
    pub(super) fn catalog(&mut self, index: Index, command: &CatalogCommand) {
        let gone = match command {
            CatalogCommand::Register { node, checks, .. } => {
                let critical = checks.iter().filter(|check| check.status == CatalogStatus::Known(CheckStatus::Critical));
                critical.flat_map(|check| self.standing_on(node.name.as_str(), Some(&check.id))).collect()
            }
            CatalogCommand::DeregisterNode { node, .. } => self.standing_on(node.as_str(), None),
            CatalogCommand::DeregisterCheck { node, check } => self.standing_on(node.as_str(), Some(check)),
            CatalogCommand::DeregisterService { .. } => Vec::new(),
        };
        gone.into_iter().for_each(|id| self.end(index, id));
    }

    /// The sessions of a node, or those that stand on one of its checks.
    fn standing_on(&self, node: &str, check: Option<&str>) -> Vec<SessionId> {
        let stands = |spec: &SessionSpec| {
            let same = spec.node.as_str().eq_ignore_ascii_case(node);
            same && check.is_none_or(|check| {
                spec.node_checks.iter().any(|id| id == check) || spec.service_checks.iter().any(|service| service.id == check)
            })
        };
        self.sessions.iter().filter(|(_, spec)| stands(spec)).map(|(id, _)| *id).collect()
    }
}
