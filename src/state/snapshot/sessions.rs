//! The sessions' part of a snapshot. What holds a lock, and which timers run, the rows say.

use super::batches;
use crate::model::{Index, Key, SessionId};
use crate::state::State;
use crate::state::kv::Entry;
use crate::state::sessions::{self, Delay, Session};
use crate::state::timers::Timer;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A run of rows of one table. The nodes that sessions are on come before.
#[derive(Serialize, Deserialize)]
pub(super) enum SessionSection {
    Sessions(Vec<Arc<Session>>),
    /// By the session that was invalidated: how long, since when, which keys.
    LockDelays(Vec<(SessionId, Duration, Index, Vec<Key>)>),
    Mark(Index),
}

/// What a session is reckoned beside its texts.
const SESSION: usize = 128;
/// What a text is reckoned beside itself.
const TEXT: usize = 8;

pub(super) fn sections(state: &State) -> impl Iterator<Item = SessionSection> + '_ {
    let sessions = batches(state.sessions.iter().cloned(), |session| bytes_of(session)).map(SessionSection::Sessions);
    let delays = state.sessions.delays.iter().map(|(id, delay)| (*id, delay.length, delay.since, delay.keys.to_vec()));
    let delays = batches(delays, |(_, _, _, keys)| keys.iter().map(|key| key.len() + TEXT).sum()).map(SessionSection::LockDelays);
    sessions.chain(delays).chain([SessionSection::Mark(state.sessions.index)])
}

fn bytes_of(session: &Session) -> usize {
    let spec = &session.spec;
    let checks = spec.node_checks.iter().map(|id| id.len() + TEXT);
    let service_checks = spec.service_checks.iter().map(|check| check.id.len() + check.namespace.len() + TEXT);
    SESSION + spec.name.len() + spec.node.as_str().len() + checks.chain(service_checks).sum::<usize>()
}

/// Adds a run of rows. Whether they are in order, and what they belong to is there.
pub(super) fn add(state: &mut State, section: SessionSection) -> bool {
    match section {
        SessionSection::Sessions(rows) => rows.into_iter().all(|row| sessions::restore(state, row)),
        SessionSection::LockDelays(rows) => rows.into_iter().all(|(id, length, since, keys)| {
            let delay = Delay { length, since, keys: keys.into() };
            sessions::restore_delay(state, id, delay)
        }),
        SessionSection::Mark(index) => {
            state.sessions.index = index;
            true
        }
    }
}

/// Notes what a key that is read says of its lock and its TTL.
pub(super) fn bind(state: &mut State, entry: &Entry) {
    if let Some(session) = entry.session() {
        state.sessions.hold(session, &entry.key);
    }
    if let Some(ttl) = entry.ttl() {
        state.timers.restore(Timer::Key(entry.key.clone()), ttl, entry.modify_index);
    }
}

/// Whether every lock is held by a session that is there.
pub(super) fn is_whole(state: &State) -> bool {
    state.sessions.held.keys().all(|id| state.sessions.get(*id).is_some())
}
