//! Sessions: on whose behalf keys are locked. A session ends with its node, with a check it stands on, when it is destroyed, or when nobody renews it.

mod ending;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod tests;

pub(super) use ending::{end, end_all, end_lock_delay};

use super::nodes::fold;
use super::timers::Timer;
use super::{Marks, Reply, State};
use crate::model::{CheckStatus, Index, Key, NodeName, SessionId, Table, Topic, Touched};
use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// The longest lock-delay that takes effect; a longer one is kept and shown, and acts as this one.
pub const LONGEST_LOCK_DELAY: Duration = Duration::from_secs(60);

/// What becomes of the keys a session holds when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Behavior {
    /// Their locks are released.
    Release,
    /// They are deleted: ephemeral keys.
    Delete,
}

/// How long a session lives after it was last renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTtl {
    /// As it was asked for (`90s`).
    pub text: String,
    /// What that is; zero is for ever.
    pub length: Duration,
}

/// A check of an instance that a session stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCheck {
    /// The check's id.
    pub id: String,
    /// Kept for clients, without effect here.
    pub namespace: String,
}

/// What a session is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSpec {
    /// For people.
    pub name: String,
    /// The node it belongs to, compared without case.
    pub node: NodeName,
    /// For how long the keys it held cannot be locked after it was invalidated. More than [`LONGEST_LOCK_DELAY`] acts as that.
    pub lock_delay: Duration,
    /// What becomes of the keys it holds.
    pub behavior: Behavior,
    /// How long it lives without being renewed; `None` is for ever.
    pub ttl: Option<SessionTtl>,
    /// Checks of its node, or of instances on it: the session ends when one turns critical or goes away.
    pub node_checks: Vec<String>,
    /// Further ones.
    pub service_checks: Vec<ServiceCheck>,
}

impl SessionSpec {
    /// All checks it stands on, once each.
    fn checks(&self) -> BTreeSet<&str> {
        self.node_checks.iter().map(String::as_str).chain(self.service_checks.iter().map(|check| check.id.as_str())).collect()
    }

    fn ttl_length(&self) -> Option<Duration> {
        self.ttl.as_ref().map(|ttl| ttl.length).filter(|length| !length.is_zero())
    }
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// What was asked for, with the node's name as the catalog has it.
    pub spec: SessionSpec,
    /// When it came to be.
    pub create_index: Index,
    /// When the row last changed: renewals do not change it.
    pub modify_index: Index,
}

/// A change to the sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionCommand {
    /// Creates a session. Answered [`Reply::Done`], or refused if its node or a check is not there, or a check is critical.
    Create {
        /// Drawn by the server that took the request.
        id: SessionId,
        /// What it is to be.
        spec: SessionSpec,
    },
    /// Ends a session, with its lock-delay. Answered [`Reply::Took`], true: also if there is none.
    Destroy {
        /// Which.
        id: SessionId,
    },
}

/// Keys that cannot be locked for a while, since the session that held them was invalidated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Delay {
    pub(super) length: Duration,
    pub(super) since: Index,
    pub(super) keys: Arc<[Key]>,
}

/// The sessions, what they hold, and what those that are gone still keep from others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sessions {
    pub(super) rows: OrdMap<SessionId, Arc<Session>>,
    /// By the node's name in lower case.
    by_node: OrdMap<Arc<str>, OrdSet<SessionId>>,
    /// By that and a check's id.
    by_check: OrdMap<(Arc<str>, Arc<str>), OrdSet<SessionId>>,
    /// The keys that each has locked: the same as the entries say.
    pub(super) held: OrdMap<SessionId, OrdSet<Key>>,
    /// By the session that was invalidated.
    pub(super) delays: OrdMap<SessionId, Delay>,
    /// From the keys in `delays` to the session.
    delayed: OrdMap<Key, SessionId>,
    /// The last change of any row.
    pub(super) index: Index,
}

/// Why a session was not created.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("Missing node registration")]
    NoNode,
    #[error("Missing check '{0}' registration")]
    NoCheck(String),
    #[error("Check '{0}' is in critical state")]
    Critical(String),
    #[error("session id {0} is in use")]
    IdInUse(SessionId),
}

impl Sessions {
    /// The session with that id.
    pub fn get(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.rows.get(&id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.rows.values()
    }

    /// Those of a node, compared without case, by id.
    pub fn of_node(&self, node: &str) -> impl Iterator<Item = &Arc<Session>> {
        let ids = self.by_node.get(&fold(node));
        ids.into_iter().flatten().filter_map(|id| self.rows.get(id))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How current an answer about sessions is.
    pub fn marks(&self) -> Marks {
        Marks::at(self.index)
    }

    /// The keys that a session has locked, in order.
    pub fn held_by(&self, id: SessionId) -> impl Iterator<Item = &Key> {
        self.held.get(&id).into_iter().flatten()
    }

    /// The sessions that were invalidated and whose lock-delay is not over, by id, each with the keys that it keeps from being locked.
    pub fn delays(&self) -> impl Iterator<Item = (SessionId, &[Key])> {
        self.delays.iter().map(|(id, delay)| (*id, &*delay.keys))
    }

    /// The session whose lock-delay keeps `key` from being locked.
    pub fn delayed(&self, key: &[u8]) -> Option<SessionId> {
        self.delayed.get(key).copied()
    }

    pub(super) fn hold(&mut self, id: SessionId, key: &Key) {
        self.held.entry(id).or_default().insert(key.clone());
    }

    pub(super) fn let_go(&mut self, id: SessionId, key: &Key) {
        if let Some(keys) = self.held.get_mut(&id) {
            keys.remove(key);
            if keys.is_empty() {
                self.held.remove(&id);
            }
        }
    }

    /// Puts a row in, where it can be found by its node and its checks.
    pub(super) fn put(&mut self, session: Arc<Session>) {
        let folded = fold(session.spec.node.as_str());
        for check in session.spec.checks() {
            self.by_check.entry((folded.clone(), check.into())).or_default().insert(session.id);
        }
        self.by_node.entry(folded).or_default().insert(session.id);
        self.rows.insert(session.id, session);
    }

    /// Takes a row out, not what it holds.
    fn take(&mut self, id: SessionId) -> Option<Arc<Session>> {
        let session = self.rows.remove(&id)?;
        let folded = fold(session.spec.node.as_str());
        for check in session.spec.checks() {
            remove(&mut self.by_check, &(folded.clone(), check.into()), id);
        }
        remove(&mut self.by_node, &folded, id);
        Some(session)
    }

    /// The sessions on a node, given by its name in lower case.
    pub(super) fn on(&self, folded: &str) -> Vec<SessionId> {
        self.by_node.get(folded).into_iter().flatten().copied().collect()
    }

    /// The sessions that stand on a check.
    pub(super) fn on_check(&self, folded: &Arc<str>, check: &Arc<str>) -> Vec<SessionId> {
        if self.by_check.is_empty() {
            return Vec::new();
        }
        self.by_check.get(&(folded.clone(), check.clone())).into_iter().flatten().copied().collect()
    }

    /// A node was renamed: its sessions stay with it.
    pub(super) fn move_rows(&mut self, folded: &str, name: &NodeName, index: Index, touched: &mut Touched) {
        for id in self.on(folded) {
            let Some(session) = self.take(id) else { continue };
            let spec = SessionSpec { node: name.clone(), ..session.spec.clone() };
            self.put(Arc::new(Session { spec, modify_index: index, ..*session }));
            self.note(index, touched);
        }
    }

    pub(super) fn note(&mut self, index: Index, touched: &mut Touched) {
        self.index = index;
        touched.add(Topic::Table(Table::Sessions));
    }

    /// Keeps keys from being locked. None of them is kept so already: only a key that was locked is.
    pub(super) fn delay(&mut self, id: SessionId, delay: Delay) {
        for key in delay.keys.iter() {
            self.delayed.insert(key.clone(), id);
        }
        self.delays.insert(id, delay);
    }

    fn end_delay(&mut self, id: SessionId) {
        for key in self.delays.remove(&id).iter().flat_map(|delay| delay.keys.iter()) {
            self.delayed.remove(key);
        }
    }
}

fn remove<K: Ord + Clone>(index: &mut OrdMap<K, OrdSet<SessionId>>, key: &K, id: SessionId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}

/// Creates or destroys.
pub(super) fn apply(state: &mut State, at: super::Moment, command: &SessionCommand, touched: &mut Touched) -> Reply {
    match command {
        SessionCommand::Create { id, spec } => match create(state, at.index, *id, spec, touched) {
            Ok(()) => Reply::Done,
            Err(refusal) => Reply::Refused(refusal.to_string()),
        },
        SessionCommand::Destroy { id } => {
            end(state, at, *id, touched);
            Reply::Took(true)
        }
    }
}

fn create(state: &mut State, index: Index, id: SessionId, spec: &SessionSpec, touched: &mut Touched) -> Result<(), Refusal> {
    let node = state.nodes.get(spec.node.as_str()).ok_or(Refusal::NoNode)?;
    let name = node.spec.name.clone();
    for check in spec.checks() {
        let row = state.checks.get(name.as_str(), check).ok_or_else(|| Refusal::NoCheck(check.to_owned()))?;
        if *row.status() == CheckStatus::Critical {
            return Err(Refusal::Critical(check.to_owned()));
        }
    }
    // The lock-delay of a session that is gone goes by its id.
    if state.sessions.rows.contains_key(&id) || state.sessions.delays.contains_key(&id) {
        return Err(Refusal::IdInUse(id));
    }
    let spec = SessionSpec { node: name, ..spec.clone() };
    if let Some(length) = spec.ttl_length() {
        state.timers.set(Timer::Session(id), length, index, touched);
    }
    state.sessions.put(Arc::new(Session { id, spec, create_index: index, modify_index: index }));
    state.sessions.note(index, touched);
    Ok(())
}

/// Puts back what a snapshot says of one session; whether its node is there.
pub(super) fn restore(state: &mut State, session: Arc<Session>) -> bool {
    if let Some(length) = session.spec.ttl_length() {
        state.timers.restore(Timer::Session(session.id), length, session.create_index);
    }
    let there = state.nodes.get(session.spec.node.as_str()).is_some_and(|node| node.spec.name == session.spec.node);
    let ascends = state.sessions.rows.get_max().is_none_or(|(last, _)| *last < session.id);
    state.sessions.put(session);
    there && ascends
}

/// Puts back what a snapshot says of one lock-delay; whether it is no other's.
pub(super) fn restore_delay(state: &mut State, id: SessionId, delay: Delay) -> bool {
    let ascends = state.sessions.delays.get_max().is_none_or(|(last, _)| *last < id);
    let free = delay.keys.iter().all(|key| !state.sessions.delayed.contains_key(&**key));
    state.timers.restore(Timer::LockDelay(id), delay.length, delay.since);
    state.sessions.delay(id, delay);
    ascends && free
}
