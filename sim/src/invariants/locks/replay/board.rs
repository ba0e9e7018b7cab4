//! The plain maps.

use super::Expected;
use muster::model::{CatalogStatus, CheckStatus, Index, Key, LockToken, SessionId};
use muster::state::sessions::{Behavior, LONGEST_LOCK_DELAY, SessionCommand, SessionSpec};
use muster::state::timers::{Expiry, Timer};
use muster::state::txn::TxnOp;
use muster::state::{CatalogCommand, Command, Condition, KvCommand};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default, PartialEq)]
struct Cell {
    value: Vec<u8>,
    flags: u64,
    created: Index,
    modified: Index,
    locks: u64,
    holder: Option<SessionId>,
}

/// Keys, sessions, and what keeps keys from being locked.
#[derive(Debug, Clone, Default)]
pub struct Board {
    cells: BTreeMap<Key, Cell>,
    sessions: BTreeMap<SessionId, SessionSpec>,
    delayed: BTreeMap<SessionId, BTreeSet<Key>>,
    /// Since when each timer runs.
    timers: BTreeMap<Timer, Index>,
}

impl Board {
    /// Everybody who lives.
    pub fn sessions(&self) -> BTreeSet<SessionId> {
        self.sessions.keys().copied().collect()
    }

    /// The tokens of all locks that are held.
    pub fn tokens(&self) -> BTreeSet<LockToken> {
        let token = |(key, cell): (&Key, &Cell)| {
            Some(LockToken { session: cell.holder?, key: key.clone(), create_index: cell.created, lock_index: cell.locks })
        };
        self.cells.iter().filter_map(token).collect()
    }

    /// What its client has to be told, where this judge knows.
    pub fn play(&mut self, index: Index, command: &Command) -> Option<Expected> {
        match command {
            Command::Kv(command) => self.kv(index, command),
            Command::Fenced { token, then } if self.tokens().contains(token) => self.kv(index, then),
            Command::Fenced { .. } => Some(Expected::LockLost),
            Command::Session(SessionCommand::Create { id, spec }) => {
                self.create(index, *id, spec);
                None
            }
            Command::Session(SessionCommand::Destroy { id }) => {
                self.end(index, *id);
                None
            }
            Command::Expire(expired) => {
                expired.iter().for_each(|expiry| self.expire(index, expiry));
                None
            }
            Command::Txn(ops) => {
                self.txn(index, ops);
                None
            }
            Command::Catalog(command) => {
                self.catalog(index, command);
                None
            }
            Command::Ordered { command, .. } => {
                self.catalog(index, command);
                None
            }
            // A restore puts another state in place, which this scenario does not do.
            Command::Nothing | Command::Autopilot { .. } | Command::Locate(_) | Command::Restore(_) | Command::Query(_) => None,
        }
    }

    fn kv(&mut self, index: Index, command: &KvCommand) -> Option<Expected> {
        match command {
            KvCommand::Put { key, value, flags, condition } => {
                let holds = self.holds(key, *condition);
                if holds {
                    self.write(index, key, value, *flags);
                }
                Some(Expected::Took(holds))
            }
            KvCommand::PutFor { key, value, flags, condition, .. } => {
                let holds = self.holds(key, *condition);
                if holds {
                    self.write(index, key, value, *flags);
                    self.cells.entry(key.clone()).and_modify(|cell| cell.modified = index);
                    self.timers.insert(Timer::Key(key.clone()), index);
                }
                Some(Expected::Took(holds))
            }
            KvCommand::Delete { key, condition } => {
                let holds = !self.cells.contains_key(key) || self.holds(key, *condition);
                if holds {
                    self.delete(key);
                }
                Some(Expected::Took(holds))
            }
            KvCommand::DeleteTree { prefix } => {
                let gone: Vec<Key> = self.cells.keys().filter(|key| key.starts_with(prefix)).cloned().collect();
                gone.iter().for_each(|key| self.delete(key));
                Some(Expected::Took(true))
            }
            KvCommand::Lock { key, value, flags, session } => Some(self.lock(index, key, value, *flags, *session)),
            KvCommand::Unlock { key, value, flags, session } => {
                let held = self.cells.get(key).is_some_and(|cell| cell.holder == Some(*session));
                if held {
                    self.write(index, key, value, *flags);
                    self.cells.entry(key.clone()).and_modify(|cell| (cell.holder, cell.modified) = (None, index));
                }
                Some(Expected::Took(held))
            }
            KvCommand::ReapTombstones => None,
        }
    }

    fn holds(&self, key: &Key, condition: Condition) -> bool {
        let existing = self.cells.get(key).map(|cell| cell.modified);
        match condition {
            Condition::Always => true,
            Condition::Absent => existing.is_none(),
            Condition::At(index) => existing == Some(index),
        }
    }

    fn write(&mut self, index: Index, key: &Key, value: &[u8], flags: u64) {
        let fresh = Cell { created: index, ..Cell::default() };
        let cell = self.cells.entry(key.clone()).or_insert(fresh);
        if cell.modified == 0 || cell.value != value || cell.flags != flags {
            (cell.value, cell.flags, cell.modified) = (value.to_vec(), flags, index);
            self.timers.remove(&Timer::Key(key.clone()));
        }
    }

    fn delete(&mut self, key: &Key) {
        self.cells.remove(key);
        self.timers.remove(&Timer::Key(key.clone()));
    }

    fn lock(&mut self, index: Index, key: &Key, value: &[u8], flags: u64, session: SessionId) -> Expected {
        if !self.sessions.contains_key(&session) {
            return Expected::NoSession;
        }
        let holder = self.cells.get(key).and_then(|cell| cell.holder);
        if self.delayed.values().any(|keys| keys.contains(key)) || holder.is_some_and(|holder| holder != session) {
            return Expected::Took(false);
        }
        self.write(index, key, value, flags);
        self.cells.entry(key.clone()).and_modify(|cell| {
            if cell.holder.is_none() {
                (cell.holder, cell.locks, cell.modified) = (Some(session), cell.locks + 1, index);
            }
        });
        Expected::Took(true)
    }

    fn create(&mut self, index: Index, id: SessionId, spec: &SessionSpec) {
        if spec.ttl.as_ref().is_some_and(|ttl| !ttl.length.is_zero()) {
            self.timers.insert(Timer::Session(id), index);
        }
        self.sessions.insert(id, spec.clone());
    }

    fn end(&mut self, index: Index, id: SessionId) {
        let Some(spec) = self.sessions.remove(&id) else { return };
        self.timers.remove(&Timer::Session(id));
        let held: BTreeSet<Key> = self.cells.iter().filter(|(_, cell)| cell.holder == Some(id)).map(|(key, _)| key.clone()).collect();
        for key in &held {
            match spec.behavior {
                Behavior::Delete => self.delete(key),
                Behavior::Release => {
                    self.cells.entry(key.clone()).and_modify(|cell| (cell.holder, cell.modified) = (None, index));
                }
            }
        }
        if !held.is_empty() && !spec.lock_delay.min(LONGEST_LOCK_DELAY).is_zero() {
            self.delayed.insert(id, held);
            self.timers.insert(Timer::LockDelay(id), index);
        }
    }

    fn expire(&mut self, index: Index, expiry: &Expiry) {
        if self.timers.get(&expiry.timer) != Some(&expiry.since) {
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

    /// Only what the workload puts into transactions: unconditional writes and writes that stand on an index.
    fn txn(&mut self, index: Index, ops: &[TxnOp]) {
        let before = self.clone();
        for op in ops {
            let done = match op {
                TxnOp::Kv(command) => self.kv(index, command) == Some(Expected::Took(true)),
                TxnOp::Read(read) => self.demand(read),
                TxnOp::DestroySession { id } => {
                    self.end(index, *id);
                    true
                }
                TxnOp::Catalog(_) => true,
            };
            if !done {
                *self = before;
                return;
            }
        }
    }

    fn demand(&self, read: &muster::state::txn::TxnRead) -> bool {
        use muster::state::txn::TxnRead;
        match read {
            TxnRead::Get { key } => self.cells.contains_key(key),
            TxnRead::CheckIndex { key, index } => self.cells.get(key).is_some_and(|cell| cell.modified == *index),
            TxnRead::CheckNotExists { key } => !self.cells.contains_key(key),
            TxnRead::CheckToken { token } => self.tokens().contains(token),
            TxnRead::GetOrEmpty { .. } | TxnRead::GetTree { .. } | TxnRead::CheckSession { .. } => true,
            TxnRead::Node { .. } | TxnRead::Service { .. } | TxnRead::Check { .. } => true,
        }
    }

    /// Sessions end with their node, and with a check that turns critical or goes.
    fn catalog(&mut self, index: Index, command: &CatalogCommand) {
        let stands = |spec: &SessionSpec, node: &str, check: Option<&str>| {
            let same = spec.node.as_str().eq_ignore_ascii_case(node);
            same && check.is_none_or(|check| {
                spec.node_checks.iter().any(|id| id == check) || spec.service_checks.iter().any(|service| service.id == check)
            })
        };
        let hit = |board: &Board, node: &str, check: Option<&str>| -> Vec<SessionId> {
            board.sessions.iter().filter(|(_, spec)| stands(spec, node, check)).map(|(id, _)| *id).collect()
        };
        let mut gone = Vec::new();
        match command {
            CatalogCommand::Register { node, checks, .. } => {
                let critical = checks.iter().filter(|check| check.status == CatalogStatus::Known(CheckStatus::Critical));
                gone.extend(critical.flat_map(|check| hit(self, node.name.as_str(), Some(&check.id))));
            }
            CatalogCommand::DeregisterNode { node, .. } => gone.extend(hit(self, node.as_str(), None)),
            CatalogCommand::DeregisterCheck { node, check } => gone.extend(hit(self, node.as_str(), Some(check))),
            CatalogCommand::DeregisterService { .. } => {}
        }
        gone.into_iter().for_each(|id| self.end(index, id));
    }
}
