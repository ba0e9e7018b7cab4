//! What is kept of how checks stand, so that a restart forgets no verdict that still holds.

use super::change::LocalError;
use super::effects::{Effects, FileChange, Folder};
use super::record::{CheckState, Life, LifeSign, Record};
use super::registry::Local;
use crate::health::{self, Verdict};
use crate::model::{CheckDefinition, Probe, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How long an agent may have been away when it takes up how its checks stood. An agent that is restarted in place is back within seconds and
/// must not hide what it has just seen pass; after a reboot the services themselves may not be up yet, and a check is critical until it is run.
/// Every turn of a check is written down within about a second, so what counts is when the agent last lived, not when the check last turned.
pub const FRESH: Duration = Duration::from_secs(60);

/// Bounds of the time between two writes of the state of a TTL check that is told the same again and again.
const REFRESH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// How old what is kept of a heartbeat may become: as much longer a TTL may last over a crash.
fn refresh(ttl: Duration) -> Duration {
    (ttl / 4).clamp(REFRESH.0, REFRESH.1)
}

impl Local {
    pub(super) fn heartbeat(&mut self, wall: Timestamp, id: &str, verdict: Verdict, effects: &mut Effects) -> Result<(), LocalError> {
        let check = self.check(id)?.clone();
        let Probe::Ttl { .. } = &check.definition.probe else { return Err(LocalError::NoTtl(id.to_owned())) };
        // What changes is kept when it has: see `settle`.
        if check.status == verdict.status && check.output == verdict.output && self.state_is_old(wall, &check.definition) {
            self.keep_state(wall, id, effects);
        }
        effects.health.push(health::Input::Heartbeat { check: id.into(), verdict });
        Ok(())
    }

    /// Whether what is kept of a TTL check's last heartbeat should be renewed.
    pub(super) fn state_is_old(&self, wall: Timestamp, definition: &CheckDefinition) -> bool {
        let Probe::Ttl { ttl } = definition.probe else { return false };
        match self.kept.get(definition.id.as_str()) {
            Some(at) => *at > wall || wall.since(*at) >= refresh(ttl),
            None => true,
        }
    }

    /// What is to be written every few seconds, after the states that are to be: that the agent lives, and all states on disk hold. `None` while
    /// there is nothing to vouch for.
    pub fn sign_of_life(&self, wall: Timestamp) -> Option<FileChange> {
        (!self.kept.is_empty()).then(|| Record::Life(Life { at: wall, sign: LifeSign::Alive }).write())
    }

    pub(super) fn keep_state(&mut self, wall: Timestamp, id: &str, effects: &mut Effects) {
        if let Some(state) = self.state(id, wall) {
            effects.write(&Record::State(state));
            self.kept.insert(id.into(), wall);
        }
    }

    fn state(&self, id: &str, at: Timestamp) -> Option<CheckState> {
        let check = self.view.checks.get(id).filter(|check| check.definition.probe != Probe::Maintenance)?;
        Some(CheckState { check: id.to_owned(), status: check.status, output: check.output.clone(), at })
    }

    /// What is to be written before an orderly stop, in this order. `left` says how much of a TTL check's TTL is left; `None` if it has run out.
    pub fn rest(&self, wall: Timestamp, left: impl Fn(&str) -> Option<Duration>) -> Effects {
        let mut effects = Effects::default();
        for (id, check) in &self.view.checks {
            let at = match check.definition.probe.ttl() {
                Some(ttl) => left(id).map(|left| before(wall, ttl.saturating_sub(left))),
                None => Some(wall),
            };
            match at.and_then(|at| self.state(id, at)) {
                Some(state) => effects.write(&Record::State(state)),
                None => effects.remove(Folder::States, id),
            }
        }
        effects.write(&Record::Life(Life { at: wall, sign: LifeSign::Rests }));
        effects
    }

    /// How a check stood in an earlier life, if that still says anything. A TTL that has not run out begins anew: nobody could feed the check while
    /// its agent was away.
    pub(super) fn recall(&mut self, wall: Timestamp, definition: &CheckDefinition) -> Option<Verdict> {
        let state = self.past.remove(definition.id.as_str())?;
        let holds = match definition.probe.ttl() {
            Some(ttl) => is_within(wall, state.at, ttl + self.unwritten(ttl)),
            None => is_within(wall, self.last_life.map_or(state.at, |life| life.at.max(state.at)), FRESH),
        };
        if !holds {
            return None;
        }
        self.kept.insert(definition.id.as_str().into(), state.at);
        let state = Arc::unwrap_or_clone(state);
        Some(Verdict { status: state.status, output: state.output })
    }

    /// How much later than what is on disk says a check may have been told how it stands.
    fn unwritten(&self, ttl: Duration) -> Duration {
        match self.last_life.map(|life| life.sign) {
            Some(LifeSign::Rests) => Duration::ZERO,
            Some(LifeSign::Alive) | None => refresh(ttl),
        }
    }
}

/// Whether less than `time` has passed since `at`. A clock that went back further than that tells nothing.
fn is_within(wall: Timestamp, at: Timestamp, time: Duration) -> bool {
    wall.since(at) < time && at.since(wall) < time
}

fn before(wall: Timestamp, time: Duration) -> Timestamp {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    Timestamp::from_unix_nanos(wall.as_unix_nanos().saturating_sub(nanos))
}
