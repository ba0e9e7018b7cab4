//! How sessions end, and what becomes of what they held.

use super::{Behavior, Delay, LONGEST_LOCK_DELAY};
use crate::model::{SessionId, Touched};
use crate::state::timers::Timer;
use crate::state::{Moment, State};

/// Ends a session, if it is there: its keys are released or deleted, and nobody locks them until its lock-delay is over.
pub(in crate::state) fn end(state: &mut State, at: Moment, id: SessionId, touched: &mut Touched) {
    let Some(session) = state.sessions.take(id) else { return };
    state.timers.clear(&Timer::Session(id), touched);
    state.queries.unbind(at.index, id, touched);
    let keys = state.sessions.held.remove(&id).unwrap_or_default();
    match session.spec.behavior {
        Behavior::Release => state.kv.release_all(at.index, keys.iter(), touched),
        Behavior::Delete => state.kv.bury(at, keys.iter().cloned().collect(), touched),
    }
    let length = session.spec.lock_delay.min(LONGEST_LOCK_DELAY);
    if !keys.is_empty() && !length.is_zero() {
        let delay = Delay { length, since: at.index, keys: keys.iter().cloned().collect() };
        state.sessions.delay(id, delay);
        state.timers.set(Timer::LockDelay(id), length, at.index, touched);
    }
    state.sessions.note(at.index, touched);
}

/// Ends several.
pub(in crate::state) fn end_all(state: &mut State, at: Moment, ids: Vec<SessionId>, touched: &mut Touched) {
    ids.into_iter().for_each(|id| end(state, at, id, touched));
}

/// The keys a session held can be locked again.
pub(in crate::state) fn end_lock_delay(state: &mut State, id: SessionId, touched: &mut Touched) {
    state.sessions.end_delay(id);
    state.timers.clear(&Timer::LockDelay(id), touched);
}
